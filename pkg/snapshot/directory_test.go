package snapshot_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/test/etcdtest"
)

// TestAWholeDirectoryIsRestoredByItsDatabase: what the charm before kept of the data that a restore
// replaced, by tar cvf of a running server's folder, and what we keep of one that has stopped.
func TestAWholeDirectoryIsRestoredByItsDatabase(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{Minor: "3.5", Args: []string{"--enable-v2"}})
	member, client := cluster.Members[0], cluster.Client()
	put, err := client.Put(t.Context(), "key", "value")
	must(t, err)
	member.Stop()                  // the database of a running one is as old as etcd's last commit to it
	archives := map[string]string{ // by what tar was told, which the name does not show
		"cf": filepath.Join(t.TempDir(), "etcd-data-20161109-024147.tar.gz"), "czf": filepath.Join(t.TempDir(), "packed.tar.gz"),
	}
	for flags, path := range archives {
		run(t, t.Context(), "tar", flags, path, "-C", member.DataDir, ".")
	}
	for flags, path := range archives {
		a := inspect(t, path)
		digest := map[string]string{"cf": snapshot.DigestNone, "czf": snapshot.DigestGzip}[flags]
		if a.Form != snapshot.FormDirectory || a.Digest != digest || a.Keys != 1 || a.Revision != put.Header.Revision {
			t.Fatalf("%s: it is %+v", flags, a)
		}
		whole, err := os.ReadFile(path)
		must(t, err)
		cut := file(t, "cut", whole[:len(whole)/2])
		if _, err := snapshot.Inspect(t.Context(), cut, ""); err == nil || !strings.Contains(err.Error(), "cut short") {
			t.Errorf("%s: one that is cut: %v", flags, err)
		}
		all, err := snapshot.List(t.Context(), filepath.Dir(path), true, snapshot.Identity{})
		if err != nil || len(all) != 1 || !all[0].Verified || all[0].Revision != put.Header.Revision {
			t.Errorf("%s: it is listed as %+v, %v", flags, all, err)
		}
		must(t, os.RemoveAll(member.DataDir))
		must(t, a.Restore(t.Context(), member.DataDir, snapshot.NewCluster{Name: member.Name, PeerURL: member.PeerURL, Token: "another"}))
		member.Start()
		member.WaitServing()
		got, err := client.Get(t.Context(), "key", clientv3.WithSerializable())
		if err != nil || got.Count != 1 || got.Header.Revision < put.Header.Revision+1_000_000_000 {
			t.Errorf("%s: restored are %+v, %v", flags, got, err)
		}
		member.Stop()
	}
}

// TestADirectoryWithoutV3KeysIsAV2Archive: nobody's v2 keys are taken for none.
func TestADirectoryWithoutV3KeysIsAV2Archive(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{Minor: "3.5", Args: []string{"--enable-v2"}})
	cluster.Members[0].Stop()
	path := filepath.Join(t.TempDir(), "x")
	run(t, t.Context(), "tar", "cf", path, "-C", cluster.Members[0].DataDir, ".")
	if a := inspect(t, path); a.Form != snapshot.FormV2 || a.Revision != 0 {
		t.Errorf("it is %+v", a)
	}
	ends := plainTar(t, entry{name: "./member/wal/0.wal", data: []byte("x")})
	if _, err := snapshot.Inspect(t.Context(), file(t, "x", ends[:len(ends)-1024]), ""); err == nil || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("one without its end: %v", err)
	}
	for _, odd := range [][]byte{[]byte("no database"), nil} {
		data := plainTar(t, entry{name: "./member/wal/0.wal", data: []byte("x")}, entry{name: "./member/snap/db", data: odd})
		if a := inspect(t, file(t, "x", data)); a.Form != snapshot.FormV2 {
			t.Errorf("it is %+v", a)
		}
	}
}
