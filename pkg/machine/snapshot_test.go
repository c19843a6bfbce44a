package machine_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	bolt "go.etcd.io/bbolt"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/snapshot"
)

// sent is a small database as a member sends it.
func sent(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte("key"))
		_, err2 := tx.CreateBucket([]byte("meta"))
		return errors.Join(err, err2)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return append(data, sum[:]...)
}

// snapshots asks for one in a folder of the machine.
func snapshots(dir string) machine.Snapshots {
	return machine.Snapshots{Dir: dir, Origin: snapshot.Origin{Application: "etcd", Unit: "etcd/0"}, Progress: func(string) {}}
}

// TestASnapshotIsTheLoginUsersAlone, and tells where it is from.
func TestASnapshotIsTheLoginUsersAlone(t *testing.T) {
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 1000, 1001
	}
	w, _ := running(t)
	w.database = sent(t)
	passwd := fmt.Sprintf("ubuntu:x:%d:%d:Ubuntu:/home/ubuntu:/bin/bash\n", uid, gid)
	if err := errors.Join(os.MkdirAll(w.path("etc"), 0o755), os.WriteFile(w.path("etc/passwd"), []byte(passwd), 0o644)); err != nil {
		t.Fatal(err)
	}
	a, behind, err := w.machine().TakeSnapshot(t.Context(), snapshots(machine.DefaultSnapshots))
	if err != nil || behind != "" {
		t.Fatal(err, behind)
	}
	if !slices.Contains(w.calls, "snapshot of https://10.0.0.1:2379 locked=false") {
		t.Errorf("it is from another member: %q", w.calls)
	}
	want := snapshot.Origin{Application: "etcd", ModelUUID: "uuid", ClusterID: ownCluster.String(), Member: "etcd0", Unit: "etcd/0"}
	if o := a.Origin; o.Application != want.Application || o.ModelUUID != want.ModelUUID || o.ClusterID != want.ClusterID || o.Member != want.Member {
		t.Errorf("it is from %+v", o)
	}
	for path, mode := range map[string]os.FileMode{a.Path: 0o600, a.Path + snapshot.StoredSuffix: 0o600, machine.DefaultSnapshots: os.ModeDir | 0o700} {
		info, err := os.Lstat(w.path(path))
		if err != nil {
			t.Fatal(err)
		}
		if stat := info.Sys().(*syscall.Stat_t); info.Mode() != mode || int(stat.Uid) != uid || int(stat.Gid) != gid {
			t.Errorf("%s has mode %v and is %d:%d's", path, info.Mode(), stat.Uid, stat.Gid)
		}
	}
	list, err := w.machine().ListSnapshots(t.Context(), machine.DefaultSnapshots, true)
	if err != nil || len(list) != 1 || list[0].Path != a.Path || !list[0].Verified || list[0].Origin.ClusterID != ownCluster.String() {
		t.Errorf("it lists %+v, %v", list, err)
	}
}

// TestASnapshotOfALostQuorumSaysSo: it is of the member that has applied most.
func TestASnapshotOfALostQuorumSaysSo(t *testing.T) {
	w, _ := running(t)
	w.database = sent(t)
	w.view.Listed = false
	for url, h := range w.view.Health {
		h.Serves, h.Fault, h.AppliedIndex = false, etcdops.FaultNoLeader, 50
		switch url {
		case "https://10.0.0.2:2379":
			h.AppliedIndex = 70
		case "https://10.0.0.3:2379":
			h.AppliedIndex, h.Answered, h.Fault = 90, false, etcdops.FaultRefused
		}
		w.view.Health[url] = h
	}
	a, behind, err := w.machine().TakeSnapshot(t.Context(), snapshots("/srv/backup"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(behind, "this is what etcd1 has applied") || a.Origin.Member != "etcd1" || filepath.Dir(a.Path) != "/srv/backup" {
		t.Errorf("%q, %+v", behind, a)
	}
}

func TestWhereNoSnapshotCanBeTaken(t *testing.T) {
	for words, c := range map[string]struct {
		dir    string
		change func(w *world)
	}{
		"it must be an absolute path": {"etcd-snapshots", func(*world) {}},
		"it is no folder": {"/srv/file", func(w *world) {
			if err := errors.Join(os.MkdirAll(w.path("srv"), 0o755), os.WriteFile(w.path("srv/file"), nil, 0o600)); err != nil {
				w.t.Fatal(err)
			}
		}},
		"no member answers": {"/srv", func(w *world) {
			w.view.Health["https://10.0.0.1:2379"] = etcdops.EndpointHealth{Fault: etcdops.FaultRefused}
			w.view.Members = nil
		}},
		"the SHA-256 at its end": {"/srv", func(w *world) { w.database[5000] ^= 1 }},
	} {
		t.Run(words, func(t *testing.T) {
			w, _ := running(t)
			w.database = sent(t)
			c.change(w)
			if a, _, err := w.machine().TakeSnapshot(t.Context(), snapshots(c.dir)); err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
	if _, err := newWorld(t).machine().ListSnapshots(t.Context(), "x", false); err == nil {
		t.Error("a relative path is listed")
	}
}
