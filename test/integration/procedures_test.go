//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/test/rig"
)

// takenStamp is in the name of a snapshot.
var takenStamp = regexp.MustCompile(`etcd-snapshot-([0-9.-]+)\.tar\.gz`)

// TestADocumentedMoveToAnotherApplication takes the page word for word: a snapshot of one application
// is restored into another by its resource, the consumer of db is moved there, and it grows to three.
// Meanwhile the first application, which nobody asks any more, gets what the former charm has made.
func TestADocumentedMoveToAnotherApplication(t *testing.T) {
	w := begin(t, "--update-status", "5s")
	w.daemon()
	w.deploy("1")
	w.relateClient()
	w.await(rig.Healthy("etcd", 1))
	old := w.consumer(t, "etcd")
	_, err := old.Put(w.ctx, "kept", "old")
	must(t, err)
	before := identity(w.ctx, t, old)

	p := w.page(t, "move-to-another-application.md", "kubernetes-control-plane:etcd", "etcdclient:db")
	taken := p.next(t, 1)
	p.differ = append(p.differ, "2026-03-01-02.03.04", takenStamp.FindStringSubmatch(taken)[1])
	p.next(t, 1)
	if sum, _, _ := strings.Cut(p.next(t, 1), " "); !strings.Contains(taken, "sha256: "+sum) {
		t.Errorf("the SHA-256 of what was fetched is %s", sum)
	}
	_, err = old.Put(w.ctx, "kept", "of the old cluster only")
	must(t, err)
	p.next(t, 2)
	w.await(rig.Healthy("new-etcd", 1))
	if out := p.next(t, 1); !strings.Contains(out, "the resource snapshot") || !regexp.MustCompile(`of application etcd, cluster [0-9a-f]{16}, taken 20`).MatchString(out) {
		t.Error("where the archive is from is not shown")
	}
	w.await(rig.Healthy("new-etcd", 1))
	p.next(t, 2)
	moved := w.consumer(t, "new-etcd")
	holds(t, w, moved, "kept", "old")
	if now := identity(w.ctx, t, moved); now == before {
		t.Errorf("it is still cluster %x", now)
	}
	p.next(t, 1)
	w.takesWhatTheFormerCharmHasMade(t, old)
	w.await(rig.Healthy("new-etcd", 3))
	if out := p.next(t, 1); !strings.Contains(out, "cluster is healthy") {
		t.Error("it is not healthy")
	}
	p.done(t)
	holds(t, w, w.consumer(t, "new-etcd"), "kept", "old")
}

// consumer is a client with what the relation db says, once it says where all units of the
// application are.
func (w *world) consumer(t *testing.T, application string) *clientv3.Client {
	t.Helper()
	var said map[string]string
	file := w.dbFile("etcdclient/0", "db")
	eventually(w.ctx, t, "the client is told of "+application, func() bool {
		s, err := w.Status(w.ctx)
		if err != nil || len(s.Endpoints(application)) < len(s.UnitNames(application)) {
			return false
		}
		text, err := os.ReadFile(file)
		return err == nil && json.Unmarshal(text, &said) == nil && said["connection_string"] == strings.Join(s.Endpoints(application), ",")
	})
	config, err := saidTLS(said)
	must(t, err)
	client, err := rig.Connect(config, strings.Split(said["connection_string"], ",")...)
	must(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func holds(t *testing.T, w *world, client *clientv3.Client, key, want string) {
	t.Helper()
	got, err := client.Get(w.ctx, key)
	must(t, err)
	if len(got.Kvs) != 1 || string(got.Kvs[0].Value) != want {
		t.Errorf("%s holds %v, not %q", key, got.Kvs, want)
	}
}

// takesWhatTheFormerCharmHasMade: its snapshot, which is a copy of the file that a server has open,
// and its backup of a whole data directory, which is tar alone in spite of its name. The first comes
// by the verbs of Juju 2, the second as the page on restoring says.
func (w *world) takesWhatTheFormerCharmHasMade(t *testing.T, client *clientv3.Client) {
	data := filepath.Join(w.MachineRoot(machineOf(t, w, "etcd/0")), "var/snap/etcd/common/data")
	dir := t.TempDir()
	former := func(name, value, script string) {
		t.Helper()
		put, err := client.Put(w.ctx, "former", value)
		must(t, err)
		eventually(w.ctx, t, "etcd has written to its file", func() bool {
			out, err := exec.CommandContext(w.ctx, "sh", "-ec", "cd "+dir+"; data="+data+"; "+script).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			a, err := snapshot.Inspect(w.ctx, filepath.Join(dir, name), "")
			return err == nil && a.Revision == put.Header.Revision
		})
		_, err = client.Put(w.ctx, "former", "later than "+name)
		must(t, err)
	}
	former("etcd-snapshot-2016-11-09-02.41.47.tar.gz", "snapshot",
		"rm -rf x; mkdir x; cp $data/member/snap/db x/; tar czf etcd-snapshot-2016-11-09-02.41.47.tar.gz -C x .")
	w.juju("attach", "etcd", "snapshot="+filepath.Join(dir, "etcd-snapshot-2016-11-09-02.41.47.tar.gz"))
	out, err := w.Juju(w.ctx, "run-action", "--wait", "etcd/0", "restore")
	if err != nil || !strings.Contains(out, "\n  results:\n") || !strings.Contains(out, "    restored:\n      cluster-id: ") || !strings.Contains(out, "the resource snapshot") {
		t.Errorf("its snapshot: %v: %s", err, out)
	}
	holds(t, w, client, "former", "snapshot")
	w.await(rig.Healthy("etcd", 1))

	former("snapshot.db", "directory", "tar cf snapshot.db -C $data .")
	p := w.page(t, "restore.md")
	must(t, os.Rename(filepath.Join(dir, "snapshot.db"), filepath.Join(p.dir, "snapshot.db")))
	p.lines = p.lines[1:] // there is one unit
	p.next(t, 1)
	if out := p.next(t, 1); !strings.Contains(out, "of a whole data directory") {
		t.Error("what was restored is not said")
	}
	holds(t, w, client, "former", "directory")
}
