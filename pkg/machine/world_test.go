package machine_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/encoding/protowire"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/test/etcdtest"
)

const (
	ownMember   = etcdops.MemberID(0xa1)
	ownCluster  = etcdops.ClusterID(0xc1)
	otherMember = "00000000000000b2"
)

// world is a machine without a kernel: a folder, a snapd that answers at once, and an etcd that is a write-ahead log and a line
// of systemctl's. What it does is kept in calls.
type world struct {
	t    *testing.T
	root string
	ca   *etcdtest.CA
	leaf etcdtest.Leaf

	mu        sync.Mutex
	installed bool
	doing     bool // an installation hangs
	refreshes bool // snapd refreshes the snap
	broken    bool // what snapd does ends in an error
	enabled   bool
	running   bool
	crashes   bool
	mute      bool
	stuck     bool // a stop stops nothing
	pid       int
	started   int64
	calls     []string
	view      etcdops.View
	database  []byte        // what a member sends
	sendFault error         // what ends it
	hangs     bool          // it never ends
	patience  time.Duration // for how long the agent waits for a snapshot of the schedule, and for a drill
	hash      *etcdops.Hash // of the keys that a member sends
	memory    int64         // that is free; zero is enough
	slow      bool          // a defragmentation outlives who waits for it
	// undefragmented is why it fails.
	undefragmented error
	looks          func() etcdops.View // in place of view
	locked         bool
	keyless        bool // the lock key cannot be written
	timer          any
	// stopped is for how long the agent's process is stopped when it has looked at etcd; slept is for how long it was.
	stopped, slept time.Duration
	lastWords      string // the error of the last line of etcd's log
	// bag is the databag of who gives credentials for a store, and bagFault why it cannot be read.
	bag      map[string]string
	bagFault error
	// secret reads one that the bag names.
	secret func(uri string) (map[string]string, error)
	// encryption is to whom snapshots of the schedule are encrypted.
	encryption *v1alpha1.SnapshotEncryption
}

func newWorld(t *testing.T) *world {
	t.Helper()
	root, err := os.MkdirTemp("", "m")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	ca := theCA(t)
	w := &world{t: t, root: root, ca: ca, leaf: ca.Issue(t, "etcd-0", "10.0.0.1", "127.0.0.1")}
	for _, dir := range []string{"run", "bin"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("unix", filepath.Join(root, "run/snapd.socket"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(w.snapd), ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	script := fmt.Sprintf("#!/bin/sh\ncase \"$1\" in show) cat %[1]s/run/show;; *) echo \"$*\" >>%[1]s/run/systemctl;; esac\n", root)
	if err := os.WriteFile(filepath.Join(root, "bin/systemctl"), []byte(script), 0o700); err != nil { // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Join(root, "bin")+":"+os.Getenv("PATH"))
	w.show()
	return w
}

var (
	caOnce sync.Once
	ca0    *etcdtest.CA
)

// theCA is the authority of all worlds.
func theCA(t testing.TB) *etcdtest.CA {
	t.Helper()
	caOnce.Do(func() { ca0 = etcdtest.NewCA(t) })
	return ca0
}

// machine is a new agent's view of the world.
func (w *world) machine() *machine.Machine {
	return machine.New(machine.Options{
		Root: w.root, Unit: "etcd/0", ModelUUID: "uuid", Log: logr.Discard(), SnapWait: 50 * time.Millisecond, StartWait: 150 * time.Millisecond, ScheduledWait: w.patience,
		DrillWait: w.patience, FreeMemory: func() (int64, error) { return cmp.Or(w.memory, 1<<40), nil },
		Connect: func(*tls.Config) machine.Cluster { return cluster{w} }, Now: w.now,
	})
}

// now is the machine's clock.
func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.slept)
}

func (w *world) path(p string) string { return filepath.Join(w.root, p) }

func (w *world) read(p string) string {
	w.t.Helper()
	text, err := os.ReadFile(w.path(p))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

func (w *world) exists(p string) bool {
	_, err := os.Lstat(w.path(p))
	return err == nil
}

// show writes what systemctl show says. The lock is held, or nobody else is there.
func (w *world) show() {
	active, sub, load := "inactive", "dead", "not-found"
	if w.installed {
		load = "loaded"
		unit := w.path("etc/systemd/system/snap.etcd.etcd.service")
		if _, err := os.Lstat(unit); err != nil {
			_ = os.MkdirAll(filepath.Dir(unit), 0o755)
			_ = os.WriteFile(unit, []byte("[Service]\n"), 0o600)
		}
	}
	pid := 0
	if w.running {
		active, sub, pid = "active", "running", w.pid
	} else if w.crashes && w.enabled {
		active, sub = "activating", "auto-restart"
	}
	text := fmt.Sprintf("LoadState=%s\nActiveState=%s\nSubState=%s\nMainPID=%d\nNRestarts=0\nResult=success\nExecMainStartTimestampMonotonic=%d\n",
		load, active, sub, pid, w.started)
	// Renamed into place: a reader must not see it half written.
	if err := os.WriteFile(w.path("run/show.new"), []byte(text), 0o600); err == nil {
		_ = os.Rename(w.path("run/show.new"), w.path("run/show"))
	}
}

// startEtcd is what systemd and etcd do.
func (w *world) startEtcd() {
	if !w.condition() {
		return
	}
	conf, err := os.ReadFile(w.path("var/snap/etcd/common/etcd.conf.yml"))
	if err != nil || w.crashes {
		return
	}
	w.pid++
	w.running = true
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	w.started = now.Nano() / 1000
	if !w.exists("var/snap/etcd/common/data/member/wal") {
		w.calls = append(w.calls, "born "+initialState(string(conf)))
		w.bear(ownMember, ownCluster)
	}
}

// condition is systemd's: every plain path is there, and one of those that begin with a bar.
func (w *world) condition() bool {
	text, _ := os.ReadFile(w.path("etc/systemd/system/snap.etcd.etcd.service.d/require-data.conf"))
	triggers, triggered := false, false
	for line := range strings.Lines(string(text)) {
		path, is := strings.CutPrefix(strings.TrimSpace(line), "ConditionPathExists=")
		path, trigger := strings.CutPrefix(path, "|")
		switch {
		case !is:
		case trigger:
			triggers, triggered = true, triggered || w.exists(path)
		case !w.exists(path):
			return false
		}
	}
	return triggered || !triggers
}

func initialState(conf string) string {
	for line := range strings.Lines(conf) {
		if state, ok := strings.CutPrefix(line, "initial-cluster-state: "); ok {
			return strings.TrimSpace(state)
		}
	}
	return ""
}

// bear writes a first segment as etcd does.
func (w *world) bear(member etcdops.MemberID, cluster etcdops.ClusterID) {
	w.t.Helper()
	dir := w.path("var/snap/etcd/common/data/member/wal")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "0000000000000000-0000000000000000.wal"), segment(member, cluster), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// segment is a write-ahead log's beginning: a checksum record, then the metadata.
func segment(member etcdops.MemberID, cluster etcdops.ClusterID) []byte {
	meta := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(member))
	meta = protowire.AppendVarint(protowire.AppendTag(meta, 2, protowire.VarintType), uint64(cluster))
	frame := func(kind uint64, data []byte) []byte {
		r := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), kind)
		r = protowire.AppendVarint(protowire.AppendTag(r, 2, protowire.VarintType), 0)
		if data != nil {
			r = protowire.AppendBytes(protowire.AppendTag(r, 3, protowire.BytesType), data)
		}
		length, padding := uint64(len(r)), uint64(8-len(r)%8)%8
		if padding != 0 {
			length |= (0x80 | padding) << 56
		}
		return append(binary.LittleEndian.AppendUint64(nil, length), append(r, make([]byte, padding)...)...)
	}
	return append(frame(4, nil), frame(1, meta)...)
}

func (w *world) snapd(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.show()
	reply := func(status int, kind string, result any, change string) {
		rw.WriteHeader(status)
		_ = json.NewEncoder(rw).Encode(map[string]any{"type": kind, "status-code": status, "result": result, "change": change})
	}
	var body struct {
		Action, Channel string
		Enable, Disable bool
	}
	text, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(text, &body)
	app := map[string]any{"snap": "etcd", "name": "etcd", "daemon": "simple", "enabled": w.enabled, "active": w.running}
	key := r.Method + " " + r.URL.Path
	switch {
	case key == "GET /v2/snaps/etcd" && w.installed:
		reply(200, "sync", map[string]any{"name": "etcd", "version": "3.6.16", "revision": "30616", "channel": "3.6/stable",
			"tracking-channel": "3.6/stable", "status": "active", "apps": []any{app}}, "")
	case key == "GET /v2/snaps/etcd":
		reply(404, "error", map[string]any{"kind": "snap-not-found", "message": "snap not installed"}, "")
	case key == "POST /v2/snaps/etcd":
		w.calls = append(w.calls, "install "+body.Channel)
		if !w.doing {
			w.installed, w.enabled = true, true
		}
		reply(202, "async", nil, "1")
	case key == "POST /v2/snaps": // a file
		w.calls = append(w.calls, "install file")
		w.installed, w.enabled = true, true
		reply(202, "async", nil, "1")
	case key == "GET /v2/changes":
		list := []any{}
		if w.doing {
			list = append(list, map[string]any{"id": "1", "status": "Doing", "summary": "Install etcd"})
		}
		if w.refreshes {
			list = append(list, map[string]any{"id": "2", "status": "Doing", "summary": "Refresh etcd"})
		}
		reply(200, "sync", list, "")
	case strings.HasPrefix(key, "GET /v2/changes/"):
		change := map[string]any{"id": "1", "status": map[bool]string{true: "Doing", false: "Done"}[w.doing], "ready": !w.doing,
			"summary": "Install etcd"}
		if w.broken {
			change["status"], change["err"] = "Error", "cannot perform the following tasks: - Download snap (no space left on device)"
		}
		reply(200, "sync", change, "")
	case key == "GET /v2/apps":
		reply(200, "sync", []any{app}, "")
	case key == "POST /v2/apps":
		w.calls = append(w.calls, body.Action)
		switch body.Action {
		case "start":
			w.enabled = w.enabled || body.Enable
			w.startEtcd()
		case "stop":
			w.enabled = w.enabled && !body.Disable
			w.running = w.running && w.stuck
		case "restart":
			w.startEtcd()
		}
		reply(202, "async", nil, "1")
	case key == "GET /v2/snaps/system/conf" && w.timer == nil:
		reply(400, "error", map[string]any{"kind": "option-not-found", "message": "not set"}, "")
	case key == "GET /v2/snaps/system/conf":
		reply(200, "sync", map[string]any{"refresh.timer": w.timer}, "")
	case key == "PUT /v2/snaps/system/conf":
		var conf map[string]any
		_ = json.Unmarshal(text, &conf)
		w.timer = conf["refresh.timer"]
		w.calls = append(w.calls, "set "+string(text))
		reply(202, "async", nil, "1")
	case key == "GET /v2/logs":
		words := cmp.Or(w.lastWords, "listen tcp: in use")
		_, _ = io.WriteString(rw, "\x1e"+`{"message":"{\"level\":\"info\",\"msg\":\"fine\"}"}`+"\n\x1e"+
			`{"message":"{\"level\":\"fatal\",\"msg\":\"discovery failed\",\"error\":\"`+words+`\"}"}`+"\n")
	default:
		reply(404, "error", map[string]any{"message": "not found"}, "")
	}
}

// cluster is etcd as the world shows it.
type cluster struct{ w *world }

func (c cluster) Check(_ context.Context, endpoint string) etcdops.EndpointHealth {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	up := c.w.running && !c.w.mute
	return etcdops.EndpointHealth{Endpoint: endpoint, Answered: up, Serves: up, MemberID: ownMember}
}

func (c cluster) Look(context.Context, []string) etcdops.View {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	c.w.calls = append(c.w.calls, fmt.Sprintf("look locked=%v", c.w.locked))
	c.w.slept = c.w.stopped
	if c.w.looks != nil {
		return c.w.looks()
	}
	return c.w.view
}

func (c cluster) Lock(context.Context, []string, string, time.Duration, ...etcdops.LockOption) (*etcdops.Lock, error) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if c.w.keyless {
		return nil, errors.New("cannot take the cluster's lock: no leader")
	}
	if c.w.locked {
		return nil, fmt.Errorf("cannot take the cluster's lock: %w", &etcdops.LockedError{LockHolder: etcdops.LockHolder{Holder: "etcd/9"}})
	}
	c.w.locked = true
	return etcdops.NewLock(make(chan struct{}), func(context.Context) error {
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		c.w.locked = false
		return nil
	}), nil
}

func (c cluster) Do(_ context.Context, _ etcdops.View, change etcdops.Change) error {
	op := change.Op()
	return c.changed(strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", op.Kind, op.Member, op.PeerURL)), " "))
}

func (c cluster) Compact(_ context.Context, _ etcdops.View, revision int64, physical bool) (int64, error) {
	return max(revision, 7), c.changed(fmt.Sprintf("compact %d %t", revision, physical))
}

// Defragment gives the database another file, as etcd does; slow means that it is not over when
// nobody waits any more.
func (c cluster) Defragment(_ context.Context, endpoint string, _ time.Duration) error {
	if err := c.changed("defragment " + endpoint); err != nil {
		return err
	}
	db := c.w.path("var/snap/etcd/common/data/member/snap/db")
	if err := os.WriteFile(db+".tmp.1", []byte("small"), 0o600); err != nil {
		return err
	}
	if c.w.slow {
		return fmt.Errorf("cannot have %s defragment its database: %w", endpoint, etcdops.ErrUnknownOutcome)
	}
	if c.w.undefragmented != nil {
		return errors.Join(os.Remove(db+".tmp.1"), c.w.undefragmented)
	}
	return os.Rename(db+".tmp.1", db)
}

func (c cluster) changed(what string) error {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	c.w.calls = append(c.w.calls, fmt.Sprintf("%s locked=%v", what, c.w.locked))
	return nil
}

func (c cluster) Snapshot(ctx context.Context, endpoint string, to io.Writer) error {
	if err := c.changed("snapshot of " + endpoint); err != nil {
		return err
	}
	if c.w.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	_, err := to.Write(c.w.database)
	return errors.Join(err, c.w.sendFault)
}

func (c cluster) HashKV(context.Context, string, int64) (etcdops.Hash, error) {
	if c.w.hash == nil {
		return etcdops.Hash{}, errors.New("cannot ask for a hash: nothing is there")
	}
	return *c.w.hash, nil
}

func (cluster) Close() {}

// Deliveries.

func (w *world) situation(action int64) machine.Situation {
	return machine.Situation{
		Store: w.provider,
		Latch: v1alpha1.Latch{Epoch: &v1alpha1.Epoch{Number: 1, Holder: "daemon"}, Seeds: seeds()}, Action: action,
		Addresses: v1alpha1.UnitAddresses{Peer: "10.0.0.1", Client: "10.0.0.1"},
		Server:    &tlsfiles.Leaf{Certificate: string(w.leaf.CertPEM), Key: string(w.leaf.KeyPEM)},
		Client:    &tlsfiles.Leaf{Certificate: string(w.leaf.CertPEM), Key: string(w.leaf.KeyPEM)},
	}
}

func seeds() *v1alpha1.Seeds {
	return &v1alpha1.Seeds{Token: "token", Members: []v1alpha1.Seed{
		{Unit: "etcd/0", Name: "etcd0", PeerURL: "https://10.0.0.1:2380"}, {Unit: "etcd/1", Name: "etcd1", PeerURL: "https://10.0.0.2:2380"},
		{Unit: "etcd/2", Name: "etcd2", PeerURL: "https://10.0.0.3:2380"}}}
}

func (w *world) prepare() *v1alpha1.EtcdUnitSpec {
	return &v1alpha1.EtcdUnitSpec{
		Unit: "etcd/0", Application: "etcd", ModelUUID: "uuid",
		Delivery: v1alpha1.Delivery{Protocol: 1, Epoch: v1alpha1.Epoch{Number: 1, Holder: "daemon"},
			NotAfter: metav1.NewTime(time.Now().Add(time.Hour))},
		Snap: v1alpha1.SnapSpec{Name: "etcd", Channel: "3.6/stable"},
		Etcd: v1alpha1.EtcdSpec{
			Name: "etcd0", DataDir: machine.DataDir,
			ListenPeerURLs: []string{"https://0.0.0.0:2380"}, ListenClientURLs: []string{"https://0.0.0.0:2379"},
			AdvertisePeerURLs: []string{"https://10.0.0.1:2380"}, AdvertiseClientURLs: []string{"https://10.0.0.1:2379"},
			HeartbeatIntervalMs: 100, ElectionTimeoutMs: 1000,
		},
		TLS:     v1alpha1.TLSSpec{CABundle: "a description\n" + string(w.ca.PEM)},
		Service: v1alpha1.ServiceSpec{State: v1alpha1.ServiceStopped},
		Status:  v1alpha1.StatusSpec{Unit: v1alpha1.StatusText{State: "maintenance"}},
	}
}

func (w *world) start(state v1alpha1.InitialState) *v1alpha1.EtcdUnitSpec {
	spec := w.prepare()
	spec.Service.State = v1alpha1.ServiceRunning
	spec.Etcd.Initial = &v1alpha1.InitialCluster{Token: "token", State: state}
	for _, s := range seeds().Members {
		spec.Etcd.Initial.Members = append(spec.Etcd.Initial.Members, v1alpha1.NamedMember{Name: s.Name, PeerURL: s.PeerURL})
	}
	return spec
}

// member is what a unit with a member is handed.
func (w *world) member() *v1alpha1.EtcdUnitSpec {
	spec := w.prepare()
	spec.Service.State = v1alpha1.ServiceRunning
	return spec
}
