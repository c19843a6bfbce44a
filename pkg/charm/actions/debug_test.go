package actions_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
)

// debugged runs the action, and returns the archive's files by their names without the folder.
func (u *unit) debugged() map[string]string {
	u.t.Helper()
	u.do(v1alpha1.ActionDebug, "")
	if u.juju.Failure != "" || len(u.machine.handed) != 1 {
		u.t.Fatalf("failure %q, handed out %d", u.juju.Failure, len(u.machine.handed))
	}
	name := "debug-" + charmtest.Now.UTC().Format("20060102150405")
	files := map[string]string{}
	for path, text := range unpack(u.t, u.machine.handed[name+".tar.gz"]) {
		files[strings.TrimPrefix(path, name+"/")] = text
	}
	if path := u.juju.Results["path"]; path != "/home/ubuntu/"+name+".tar.gz" || u.juju.Results["command"] != "juju scp etcd/0:"+name+".tar.gz ." ||
		!strings.HasPrefix(u.juju.Results["message"], "Archive has been created on unit etcd/0.") {
		u.t.Errorf("results %q", u.juju.Results)
	}
	return files
}

// TestADebugArchiveHasWhatThereIs, also where nothing answers.
func TestADebugArchiveHasWhatThereIs(t *testing.T) {
	u := newUnit(t)
	u.machine.texts = []machine.Diagnostic{{Name: "etcd-journal", Text: "a line\n"}, {Name: "versions", Text: "cannot reach snapd\n"}}
	u.machine.view = charmtest.Three(2)
	u.machine.own = u.machine.view.Health["https://10.0.0.4:2379"]
	u.machine.view.Alarms = []etcdops.Alarm{{Member: 2, Kind: "NOSPACE"}}
	files := u.debugged()
	if got, want := slices.Sorted(maps.Keys(files)), []string{
		"", "etcd-journal", "etcdctl-alarm-list", "etcdctl-cluster-health", "etcdctl-endpoint-status", "etcdctl-member-list", "versions",
	}; !slices.Equal(got, want) {
		t.Errorf("it holds %q", got)
	}
	for name, words := range map[string]string{
		"etcd-journal": "a line\n", "versions": "cannot reach snapd\n", "etcdctl-alarm-list": "memberID:2 alarm:NOSPACE\n",
		"etcdctl-cluster-health": "cluster is degraded: 2 of 3 voters serve\n", "etcdctl-endpoint-status": "down (connection refused)",
		"etcdctl-member-list": "0000000000000001, etcd0, peers https://10.0.0.4:2380, clients https://10.0.0.4:2379, learner false\n",
	} {
		if !strings.Contains(files[name], words) {
			t.Errorf("%s: %q", name, files[name])
		}
	}
	u = newUnit(t)
	u.machine.unasked = errors.New("cannot ask etcd: nothing has been applied to this unit yet")
	if files := u.debugged(); !strings.Contains(files["etcdctl-cluster-health"], "nothing has been applied") {
		t.Errorf("%q", files)
	}
}

// TestADebugArchiveHasNoSecretInIt, whoever has written it where: it is sent to others.
func TestADebugArchiveHasNoSecretInIt(t *testing.T) {
	const body = "MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSi"
	for name, c := range map[string]struct{ text, want string }{
		"a key":                  {"before\n-----BEGIN PRIVATE KEY-----\n" + body + "\n-----END PRIVATE KEY-----\nafter", "before\n[private key left out]\nafter"},
		"an RSA key":             {"-----BEGIN RSA PRIVATE KEY-----\n" + body + "\n-----END RSA PRIVATE KEY-----", "[private key left out]"},
		"in JSON":                {`{"key":"-----BEGIN EC PRIVATE KEY-----\n` + body + `\n-----END EC PRIVATE KEY-----\n"}`, `{"key":"[private key left out]\n"}`},
		"two":                    {"-----BEGIN PRIVATE KEY-----\n" + body + "\n-----END PRIVATE KEY----- and -----BEGIN PRIVATE KEY-----\n" + body + "\n-----END PRIVATE KEY-----", "[private key left out] and [private key left out]"},
		"among a log's prefixes": {"10:00 -----BEGIN PRIVATE KEY-----\n10:01 " + body + "\n10:02 -----END PRIVATE KEY-----\n10:03 after", "10:00 [private key left out]\n10:03 after"},
		"cut off":                {"before\n-----BEGIN PRIVATE KEY-----\n" + body, "before\n[private key left out]"},
		"begun before":           {body + "\n-----END PRIVATE KEY-----\nafter", "[private key left out]\nafter"},
		"a certificate stays":    {"-----BEGIN CERTIFICATE-----\n" + body + "\n-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\n" + body + "\n-----END CERTIFICATE-----"},
		"an URL's password":      {"cannot reach https://admin:s3cr3t@10.0.0.1:2379/x, again", "cannot reach https://[left out]@10.0.0.1:2379/x, again"},
		"an URL's user alone":    {"http://s3cr3t@proxy", "http://[left out]@proxy"},
		"an ordinary URL":        {"https://10.0.0.1:2379,https://10.0.0.2:2379 me@example.com", "https://10.0.0.1:2379,https://10.0.0.2:2379 me@example.com"},
		"an URL's token":         {"GET /x?a=1&access_token=s3cr3t&b=2", "GET /x?a=1&access_token=[left out]&b=2"},
		"a signed URL":           {"https://s3/x?X-Amz-Signature=s3cr3t", "https://s3/x?X-Amz-Signature=[left out]"},
		"a header":               {"Authorization: Bearer s3cr3ts3cr3t", "Authorization: Bearer [left out]"},
		"an option":              {"etcdctl --password=s3cr3t --user x", "etcdctl --password=[left out] --user x"},
		"YAML":                   {"secret-key: s3cr3t\nname: etcd0", "secret-key: [left out]\nname: etcd0"},
		"JSON":                   {`{"Password": "s3cr3t, long", "name": "x"}`, `{"Password": [left out], "name": "x"}`},
		"a token of a cluster":   {"initial-cluster-token: jujuetcd-1", "initial-cluster-token: jujuetcd-1"},
	} {
		u := newUnit(t)
		u.machine.texts = []machine.Diagnostic{{Name: "text", Text: c.text}}
		if got := u.debugged()["text"]; got != c.want {
			t.Errorf("%s: %q", name, got)
		}
		u = newUnit(t)
		u.machine.view = charmtest.Three()
		u.machine.view.AlarmsErr = c.text
		if got := u.debugged()["etcdctl-alarm-list"]; strings.TrimSpace(got) != strings.TrimSpace(c.want) {
			t.Errorf("%s, said by etcd: %q", name, got)
		}
	}
}
