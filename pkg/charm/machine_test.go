package charm_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/machine"
)

// busySnapd is a snapd on which an installation never ends.
func busySnapd(t *testing.T, root string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(root, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(root, "run/snapd.socket"))
	if err != nil {
		t.Fatal(err)
	}
	installing := false
	const change = `{"id":"1","kind":"install-snap","summary":"Install etcd","status":"Doing","ready":false,"tasks":[]}`
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/snaps/etcd", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"type":"error","status-code":404,"result":{"message":"snap not installed","kind":"snap-not-found","value":"etcd"}}`)
	})
	mux.HandleFunc("POST /v2/snaps/etcd", func(w http.ResponseWriter, _ *http.Request) {
		installing = true
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"type":"async","status-code":202,"change":"1","result":null}`)
	})
	mux.HandleFunc("GET /v2/changes/1", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"type":"sync","status-code":200,"result":`+change+`}`)
	})
	mux.HandleFunc("GET /v2/changes", func(w http.ResponseWriter, _ *http.Request) {
		list := "[]"
		if installing {
			list = "[" + change + "]"
		}
		fmt.Fprint(w, `{"type":"sync","status-code":200,"result":`+list+`}`)
	})
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
}

// tree is every file below a root with its mode, time and content.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSocket != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files[path] = info.Mode().String() + " " + info.ModTime().Format(time.RFC3339Nano)
		if d.Type().IsRegular() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(text)
			files[path] += " " + hex.EncodeToString(sum[:])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestStaleDeliveryLeavesTheRealMachineAlone holds the way from Juju's task to the machine against deliveries that run hours
// late, come from a daemon that has been succeeded, or are overtaken by a later task.
func TestStaleDeliveryLeavesTheRealMachineAlone(t *testing.T) {
	root, err := os.MkdirTemp("", "c") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	busySnapd(t, root)
	b := newBench(t)
	b.real = machine.New(machine.Options{
		Root: root, Unit: "etcd/0", ModelUUID: "m-1", Now: func() time.Time { return b.clock }, Log: logr.Discard(),
		SnapWait: time.Millisecond,
	})
	b.relate(charmtest.NewAuthority(t, "ca"))
	b.juju.Bags["cluster:0 etcd"] = map[string]string{"epoch": `{"number":2,"holder":"d"}`}
	current := spec()
	current.Delivery.Epoch.Number = 2
	current.Snap = v1alpha1.SnapSpec{Name: "etcd", Channel: "3.6/stable"}
	current.Service.State = v1alpha1.ServiceStopped
	current.Etcd.DataDir = "/var/snap/etcd/common/data"
	current.Etcd.ListenPeerURLs, current.Etcd.ListenClientURLs = []string{"https://0.0.0.0:2380"}, []string{"https://0.0.0.0:2379"}
	current.Etcd.HeartbeatIntervalMs, current.Etcd.ElectionTimeoutMs = 100, 1000

	if status := b.reconcile(current); status.Outcome != v1alpha1.OutcomeInProgress || status.Reason != v1alpha1.ReasonSnapInProgress {
		t.Fatalf("the installation is %s, %s: %s", status.Outcome, status.Reason, status.Message)
	}
	before := tree(t, root)
	action := b.action
	tests := []struct {
		name   string
		change func(*v1alpha1.EtcdUnitSpec)
		want   string
	}{
		{"hours late", func(s *v1alpha1.EtcdUnitSpec) { s.Delivery.NotAfter = metav1.NewTime(now.Add(-3 * time.Hour)) }, v1alpha1.ReasonLate},
		{"an older epoch", func(s *v1alpha1.EtcdUnitSpec) { s.Delivery.Epoch = v1alpha1.Epoch{Number: 1, Holder: "d"} }, v1alpha1.ReasonOlderEpoch},
		{"another daemon", func(s *v1alpha1.EtcdUnitSpec) { s.Delivery.Epoch.Holder = "x" }, v1alpha1.ReasonForeignHolder},
		{"an earlier task", func(*v1alpha1.EtcdUnitSpec) { b.action = 3 }, v1alpha1.ReasonOlderAction},
		{"a claim that is out of date", func(s *v1alpha1.EtcdUnitSpec) {
			s.Delivery.Epoch.Number = 3
			s.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{From: &v1alpha1.Epoch{Number: 1, Holder: "d"}}}
			b.juju.Leader = true
		}, v1alpha1.ReasonLatchDiffers},
		{"a spec that cannot work", func(s *v1alpha1.EtcdUnitSpec) { s.Etcd.HeartbeatIntervalMs = 0 }, v1alpha1.ReasonBadSpec},
		{"a halt under no phase", func(s *v1alpha1.EtcdUnitSpec) { s.Service.State = v1alpha1.ServiceHalted }, v1alpha1.ReasonOtherPhase},
		{"a halt after its procedure has ended", func(s *v1alpha1.EtcdUnitSpec) {
			s.Service.State, s.Delivery.Under = v1alpha1.ServiceHalted, &v1alpha1.JournalPhase{ID: "7", Phase: "stop"}
		}, v1alpha1.ReasonOtherPhase},
		{"a halt in a phase that is not committed yet", func(s *v1alpha1.EtcdUnitSpec) {
			entry := &v1alpha1.JournalEntry{Procedure: "restore", ID: "7", Phase: "stop"}
			s.Service.State, s.Delivery.Under = v1alpha1.ServiceHalted, entry.At()
			s.Latch = &v1alpha1.LatchRequest{Journal: &v1alpha1.JournalRequest{ID: "7", To: entry}}
		}, v1alpha1.ReasonOtherPhase},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b.action = action
			s := current
			test.change(&s)
			status := b.reconcile(s)
			if status.Outcome != v1alpha1.OutcomeRefused || status.Reason != test.want {
				t.Errorf("outcome %s, %s: %s", status.Outcome, status.Reason, status.Message)
			}
			if writes := b.juju.Writes(); len(writes) > 0 {
				t.Errorf("wrote in Juju: %q", writes)
			}
			if diff := cmp.Diff(before, tree(t, root)); diff != "" {
				t.Errorf("the machine is another:\n%s", diff)
			}
		})
	}
	// A hook in between writes the certificates, once.
	b.action = action
	b.hook("certificates-relation-changed")
	if _, err := os.Stat(filepath.Join(root, "var/snap/etcd/common/server.crt")); err != nil {
		t.Errorf("no certificate on disk: %v", err)
	}
	before = tree(t, root)
	b.hook("config-changed")
	if diff := cmp.Diff(before, tree(t, root)); diff != "" || len(b.juju.Writes()) > 0 {
		t.Errorf("a second hook wrote %q and %s", b.juju.Writes(), diff)
	}
}
