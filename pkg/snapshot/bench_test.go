package snapshot_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/test/etcd/etcdbin"
	"jujuetcd.io/test/etcdtest"
)

// benchSize is the environment's variable for how large a database is, in MiB; benchRuns for how
// often each side is measured.
const (
	benchSize = "SNAPSHOT_MIB"
	benchRuns = "SNAPSHOT_RUNS"
)

// benchOp has this program, run once more, do one thing of ours, so that it can be measured like
// another program: what it takes, and what it keeps in memory.
const benchOp = "JUJUETCD_BENCH"

// BenchmarkSnapshots compares what is ours with etcd's own tools and tar, in one run, each in a
// process of its own, by turns; of each the best run counts. CPU seconds (user and system) are
// those of all its processes. Anonymous memory is looked at every 5 ms.
func BenchmarkSnapshots(b *testing.B) {
	size, runs := benchNumber(b, benchSize, 32), benchNumber(b, benchRuns, 1)
	tools, err := etcdbin.Dir(b.Context(), "3.7")
	if err != nil {
		b.Fatal(err)
	}
	m := benchServer(b, size)
	tls := fmt.Sprintf("--cacert=%[1]s/ca.crt --cert=%[1]s/server.crt --key=%[1]s/server.key --endpoints=%[2]s", m.Dir, m.ClientURL)
	saved := filepath.Join(b.TempDir(), "saved.db")
	if out, err := benchShell(tools, "etcdctl snapshot save "+tls+" "+saved).CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	packed := filepath.Join(b.TempDir(), "packed.tar.gz")
	if out, err := benchShell(tools, fmt.Sprintf("cd %s && cp saved.db db && tar czf %s db && rm db", filepath.Dir(saved), packed)).CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	restore := "etcdutl snapshot restore --name m --initial-cluster m=https://10.0.0.1:2380 --initial-advertise-peer-urls https://10.0.0.1:2380 " +
		"--bump-revision 1000000000 --mark-compacted --data-dir $DIR/data "
	for _, c := range []struct{ name, ours, theirs string }{
		{"save", "save " + m.Dir + " " + m.ClientURL, "etcdctl snapshot save " + tls + " $DIR/db"},
		{"save-and-verify", "save-and-verify " + m.Dir + " " + m.ClientURL,
			"etcdctl snapshot save " + tls + " $DIR/db && etcdutl snapshot status $DIR/db"},
		{"pack", "pack " + saved, "cd $DIR && cp " + saved + " db && tar czf db.tar.gz db"},
		{"take", "take " + m.Dir + " " + m.ClientURL, "etcdctl snapshot save " + tls + " $DIR/db && cd $DIR && tar czf db.tar.gz db"},
		{"restore", "restore " + saved, restore + saved},
		{"verify-and-restore", "restore " + saved, "etcdutl snapshot status " + saved + " && " + restore + saved},
		{"restore-tar.gz", "restore " + packed, "cd $DIR && tar xzf " + packed + " && " + restore + "db"},
	} {
		b.Run(c.name, func(b *testing.B) {
			var ours, theirs benchCost
			for range b.N {
				for range runs {
					mine := exec.Command("/proc/self/exe")
					mine.Env = append(os.Environ(), benchOp+"="+c.ours)
					ours = ours.better(benchRun(b, mine))
					theirs = theirs.better(benchRun(b, benchShell(tools, c.theirs)))
				}
			}
			b.ReportMetric(ours.cpu.Seconds(), "cpu-s")
			b.ReportMetric(ours.cpu.Seconds()/theirs.cpu.Seconds(), "cpu-ratio")
			b.ReportMetric(ours.wall.Seconds()/theirs.wall.Seconds(), "wall-ratio")
			if theirs.packed > 0 {
				b.ReportMetric(float64(ours.packed)/float64(theirs.packed), "size-ratio")
			}
			b.ReportMetric(float64(ours.anon>>10), "anon-MiB")
			b.ReportMetric(float64(theirs.anon>>10), "their-anon-MiB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func benchNumber(b *testing.B, variable string, otherwise int) int {
	n, err := strconv.Atoi(cmp.Or(os.Getenv(variable), strconv.Itoa(otherwise)))
	if err != nil || n < 1 {
		b.Fatalf("%s must be a number above 0", variable)
	}
	return n
}

func benchShell(tools, script string) *exec.Cmd {
	cmd := exec.Command("sh", "-ec", script)
	cmd.Env = append(os.Environ(), "PATH="+tools+":"+os.Getenv("PATH"))
	return cmd
}

// benchServer is a server with so many MiB of values that gzip halves, as it does text.
func benchServer(b *testing.B, mib int) *etcdtest.Member {
	b.Helper()
	cluster := etcdtest.Start(b, etcdtest.Options{Minor: "3.7", Args: []string{"--quota-backend-bytes=8589934592", "--unsafe-no-fsync"}})
	client := cluster.Client()
	random := rand.NewChaCha8([32]byte{1})
	const value, batch = 8 << 10, 100 // of a request that etcd takes
	for i := 0; i < mib<<20/value; i += batch {
		var puts []clientv3.Op
		for j := range batch {
			half := make([]byte, value/2)
			_, _ = random.Read(half)
			puts = append(puts, clientv3.OpPut(fmt.Sprintf("/registry/things/%08d", i+j), hex.EncodeToString(half)))
		}
		if _, err := client.Txn(b.Context()).Then(puts...).Commit(); err != nil {
			b.Fatal(err)
		}
	}
	return cluster.Members[0]
}

// benchCost is what a command takes.
type benchCost struct {
	cpu, wall time.Duration
	anon      int64 // KiB at its peak
	packed    int64 // the size of the tar.gz that it has written
}

// better has the least of both times, and the most of memory.
func (c benchCost) better(o benchCost) benchCost {
	if c.wall == 0 {
		return o
	}
	return benchCost{min(c.cpu, o.cpu), min(c.wall, o.wall), max(c.anon, o.anon), o.packed}
}

// benchRun runs a command in a folder of its own.
func benchRun(b *testing.B, cmd *exec.Cmd) benchCost {
	b.Helper()
	dir, err := os.MkdirTemp(b.TempDir(), "run")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cmd.Env = append(cmd.Env, "DIR="+dir)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	over, peak := make(chan struct{}), make(chan int64)
	go func() {
		var most int64
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-over:
				peak <- most
				return
			case <-tick.C:
				most = max(most, anonymous(cmd.Process.Pid))
			}
		}
	}()
	err = cmd.Wait()
	c := benchCost{wall: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	close(over)
	c.anon = <-peak
	if err != nil {
		b.Fatalf("%v: %s", err, said.String())
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*.tar.gz")); len(files) == 1 {
		if info, err := os.Stat(files[0]); err == nil {
			c.packed = info.Size()
		}
	}
	return c
}

// anonymous is the memory, in KiB, of a process and its children that no file is behind.
func anonymous(pid int) (sum int64) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		if text, is := strings.CutPrefix(line, "RssAnon:"); is {
			sum, _ = strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 10, 64)
		}
	}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		children, _ := os.ReadFile(task)
		for _, child := range strings.Fields(string(children)) {
			if id, err := strconv.Atoi(child); err == nil {
				sum += anonymous(id)
			}
		}
	}
	return sum
}

// benchChild does one thing of ours, in the folder that it is given.
func benchChild(op string) error {
	words, dir, ctx := strings.Fields(op), os.Getenv("DIR"), context.Background()
	switch words[0] {
	case "save", "save-and-verify":
		path := filepath.Join(dir, "db")
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		if err := errors.Join(send(ctx, words[1], words[2], f), f.Sync(), f.Close()); err != nil || words[0] == "save" {
			return err
		}
		_, err = snapshot.Inspect(ctx, path, "")
		return err
	case "take":
		_, err := snapshot.Take(ctx, snapshot.Taking{
			Dir: dir, Origin: snapshot.Origin{Time: time.Now()}, Progress: func(string) {},
			Send: func(ctx context.Context, to io.Writer) error { return send(ctx, words[1], words[2], to) },
		})
		return err
	}
	if words[0] == "restore" {
		p, err := snapshot.Prove(ctx, words[1], "", dir, snapshot.Identity{})
		if err != nil {
			return err
		}
		err = p.Restore(ctx, filepath.Join(dir, "data"), snapshot.NewCluster{Name: "m", PeerURL: "https://10.0.0.1:2380", Token: "t"})
		return errors.Join(err, p.Close())
	}
	a, err := snapshot.Inspect(ctx, words[1], "")
	if err != nil {
		return err
	}
	_, err = a.Pack(ctx, snapshot.Origin{Time: time.Now()}, filepath.Join(dir, "db.tar.gz"))
	return err
}

// send has the server send its database.
func send(ctx context.Context, certificates, endpoint string, to io.Writer) error {
	pair, err := tls.LoadX509KeyPair(filepath.Join(certificates, "server.crt"), filepath.Join(certificates, "server.key"))
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(filepath.Join(certificates, "ca.crt"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	pool := etcdops.NewPool(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	defer pool.Close()
	return pool.Snapshot(ctx, endpoint, to)
}
