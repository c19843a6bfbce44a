package snapshot_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	bolt "go.etcd.io/bbolt"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"

	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/test/etcd/etcdbin"
	"jujuetcd.io/test/etcdtest"
)

func TestMain(m *testing.M) {
	if op := os.Getenv(benchOp); op != "" {
		if err := benchChild(op); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// sample is what one real server's data was.
type sample struct {
	saved, bare []byte
	revision    int64
	keys        int64
}

// keys is enough for more than one page of each kind.
const keys = 300

var samples sync.Map // from minor to func() sample

// realData is the data of a real server of the minor: written to, read by the snapshot RPC, and, once
// it had stopped, from its file.
func realData(t *testing.T, minor string) sample {
	t.Helper()
	made, _ := samples.LoadOrStore(minor, sync.OnceValue(func() sample { return makeSample(t, minor) }))
	s := made.(func() sample)()
	if s.saved == nil {
		t.Fatal("there is no data of a real server")
	}
	return s
}

func makeSample(t *testing.T, minor string) sample {
	var s sample
	cluster := etcdtest.Start(t, etcdtest.Options{Minor: minor})
	client := cluster.Client()
	for i := range keys {
		if _, err := client.Put(t.Context(), fmt.Sprintf("key%04d", i), fmt.Sprintf("%0200d", i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		answer, err := client.Delete(t.Context(), fmt.Sprintf("key%04d", i))
		if err != nil {
			t.Fatal(err)
		}
		s.revision = answer.Header.Revision
	}
	s.keys = keys - 10
	s.saved = save(t, client)
	cluster.Members[0].Stop()
	var err error
	if s.bare, err = os.ReadFile(filepath.Join(cluster.Members[0].DataDir, "member/snap/db")); err != nil {
		t.Fatal(err)
	}
	return s
}

func save(t *testing.T, client *clientv3.Client) []byte {
	t.Helper()
	answer, err := client.SnapshotWithVersion(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Snapshot.Close()
	saved, err := io.ReadAll(answer.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

// file writes a file, and is its path.
func file(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// inspect fails the test where an archive is refused.
func inspect(t *testing.T, path string) snapshot.Archive {
	t.Helper()
	a, err := snapshot.Inspect(t.Context(), path, "")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// entry is one of a tar. What is no plain file has a header of its own.
type entry struct {
	name string
	data []byte
	tar.Header
}

func tarGz(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := e.Header
		h.Name, h.Mode = e.name, 0o644
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Size == 0 {
			h.Size = int64(len(e.data))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// plainTar is what tar writes without being told to compress it.
func plainTar(t testing.TB, entries ...entry) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(tarGz(t, entries...)))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// tool runs one of etcd's own programs, and is what it printed.
func tool(t *testing.T, minor, name string, args ...string) string {
	t.Helper()
	dir, err := etcdbin.Dir(t.Context(), minor)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, t.Context(), filepath.Join(dir, name), args...)
}

func run(t *testing.T, ctx context.Context, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "ETCDCTL_API=2")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
	return string(out)
}

// emptyDatabase has the two buckets without which it is none of etcd's.
func emptyDatabase(t testing.TB) []byte {
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
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
