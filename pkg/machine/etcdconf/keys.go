package etcdconf

// kind is the type of a key's value.
type kind int

const (
	text kind = iota
	number
	flag
	list
	commaList // text, with commas between
	security  // a map of the keys in securityKeys
)

func (k kind) String() string {
	return [...]string{"text", "a number", "true or false", "a list", "text", "a map"}[k]
}

// key is one key of etcd's configuration file.
type key struct {
	name string
	kind kind
	// since is, by minor, the first patch that knows the key; a minor that is not listed does not
	// know it.
	since map[int]int
	// initial keys only matter to a member that has no data yet.
	initial bool
}

var (
	everywhere = map[int]int{4: 0, 5: 0, 6: 0, 7: 0}
	until35    = map[int]int{4: 0, 5: 0}
	since36    = map[int]int{6: 0, 7: 0}
	// tls-min-version came with these patches.
	tlsVersions = map[int]int{4: 25, 5: 8, 6: 0, 7: 0}
	// The check of compacted hashes came with 3.5.5, and is a feature gate from 3.6 on.
	compactHash = map[int]int{5: 5}
)

// keys are all keys that we write, in the order of the file. 3.6 still knows the experimental ones,
// with a warning; from there on feature-gates says the same.
var keys = []key{
	{name: "name", kind: text, since: everywhere},
	{name: "data-dir", kind: text, since: everywhere},
	{name: "listen-peer-urls", kind: commaList, since: everywhere},
	{name: "listen-client-urls", kind: commaList, since: everywhere},
	{name: "initial-advertise-peer-urls", kind: commaList, since: everywhere, initial: true},
	{name: "advertise-client-urls", kind: commaList, since: everywhere},
	{name: "listen-metrics-urls", kind: commaList, since: everywhere},
	{name: "initial-cluster", kind: commaList, since: everywhere, initial: true},
	{name: "initial-cluster-token", kind: text, since: everywhere, initial: true},
	{name: "initial-cluster-state", kind: text, since: everywhere, initial: true},
	{name: "client-transport-security", kind: security, since: everywhere},
	{name: "peer-transport-security", kind: security, since: everywhere},
	{name: "cipher-suites", kind: list, since: everywhere},
	{name: "tls-min-version", kind: text, since: tlsVersions},
	{name: "heartbeat-interval", kind: number, since: everywhere},
	{name: "election-timeout", kind: number, since: everywhere},
	{name: "snapshot-count", kind: number, since: everywhere},
	{name: "quota-backend-bytes", kind: number, since: everywhere},
	{name: "max-request-bytes", kind: number, since: everywhere},
	{name: "auto-compaction-mode", kind: text, since: everywhere},
	{name: "auto-compaction-retention", kind: text, since: everywhere},
	{name: "strict-reconfig-check", kind: flag, since: everywhere},
	{name: "pre-vote", kind: flag, since: everywhere},
	{name: "experimental-initial-corrupt-check", kind: flag, since: until35},
	{name: "experimental-compact-hash-check-enabled", kind: flag, since: compactHash},
	{name: "enable-v2", kind: flag, since: until35},
	{name: "feature-gates", kind: text, since: since36},
	{name: "logger", kind: text, since: everywhere},
	{name: "log-level", kind: text, since: everywhere},
	{name: "log-outputs", kind: list, since: everywhere},
}

// securityKeys are the keys of client-transport-security and peer-transport-security.
var securityKeys = map[string]kind{
	"cert-file": text, "key-file": text, "trusted-ca-file": text, "client-cert-auth": flag, "auto-tls": flag,
}

func (k key) in(v Version) bool {
	patch, ok := k.since[v.Minor]
	return ok && v.Major == 3 && v.Patch >= patch
}

func keyNamed(name string) (key, bool) {
	for _, k := range keys {
		if k.name == name {
			return k, true
		}
	}
	return key{}, false
}
