package machine_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/test/etcd/etcdbin"
	"jujuetcd.io/test/etcdtest"
)

// withDrills is a unit with a snapshot of the schedule and a real etcd to try it with.
func withDrills(t *testing.T, hash *etcdops.Hash) *world {
	t.Helper()
	w := onSchedule(t)
	programs, err := etcdbin.Dir(t.Context(), "3.6")
	if err != nil {
		t.Fatal(err)
	}
	bin := w.path("snap/etcd/current/bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(programs, "etcd"), filepath.Join(bin, "etcd")); err != nil {
		t.Fatal(err)
	}
	w.hash = hash
	w.looks = func() etcdops.View {
		v := threeVoters()
		for url, h := range v.Health {
			h.Version = filepath.Base(programs)
			v.Health[url] = h
		}
		return v
	}
	if facts := w.apply(w.ordered(tick1, 0), 3, v1alpha1.OutcomeApplied, "").Facts.Snapshots; facts.Tried.Fault != "" {
		t.Fatal(facts.Tried.Fault)
	}
	return w
}

// drilled is what the facts tell of a drill after a delivery that asks for one.
func (w *world) drilled(tick string, attempt int32, action int64) *v1alpha1.DrillFacts {
	w.t.Helper()
	return w.drilling(w.member(), v1alpha1.DrillOrder{ID: tick, Attempt: attempt}, action)
}

func (w *world) drilling(spec *v1alpha1.EtcdUnitSpec, order v1alpha1.DrillOrder, action int64) *v1alpha1.DrillFacts {
	w.t.Helper()
	spec.Delivery.Drill = &order
	before := w.files()
	facts := w.apply(spec, action, v1alpha1.OutcomeApplied, "").Facts.Drill
	after := w.files()
	const record = "/var/lib/jujuetcd/etcd-0/applied.json"
	delete(before, record)
	delete(after, record)
	if len(before) != len(after) {
		w.t.Errorf("a drill leaves %d files of %d", len(after), len(before))
	}
	for name, text := range before {
		if after[name] != text {
			w.t.Errorf("a drill changes %s", name)
		}
	}
	return facts
}

func (w *world) lastArchive() string {
	return w.path(machine.DefaultSnapshots + "/" + snapshot.ScheduledName(ownCluster.String(), tick1, 0))
}

// TestADrillIsDoneOnceAndSaysWhatItHasSeen: of the last snapshot of the schedule; nothing of it is left.
func TestADrillIsDoneOnceAndSaysWhatItHasSeen(t *testing.T) {
	w := withDrills(t, nil)
	for i, tick := range []string{tick2, tick2, tick3} {
		done := w.drilled(tick, 0, int64(4+i))
		if done.Tried.Fault != "" || done.Last == nil || done.Last.ID != tick || done.Last.Tick != tick1 || done.Last.Unit != "etcd/0" ||
			done.Last.Snapshot != filepath.Base(w.lastArchive()) || done.Last.Hashed {
			t.Fatalf("%d: %+v, last %+v", i, done.Tried, done.Last)
		}
		if i == 0 { // What was done for a time is not done again.
			if err := os.Rename(w.lastArchive(), w.lastArchive()+".away"); err != nil {
				t.Fatal(err)
			}
		} else if err := os.Rename(w.lastArchive()+".away", w.lastArchive()); i == 1 && err != nil {
			t.Fatal(err)
		}
	}
	if w.exists("var/lib/jujuetcd/etcd-0/drill") {
		t.Error("its folder is left")
	}
}

// TestADrillThatCannotBeDoneSaysWhy: it fails no delivery, loses no last good one, is not tried twice in one
// attempt, and leaves nothing.
func TestADrillThatCannotBeDoneSaysWhy(t *testing.T) {
	for words, c := range map[string]struct {
		hash          *etcdops.Hash
		breaks, mends func(w *world) error
	}{
		"there is no such file": {nil, func(w *world) error { return os.Rename(w.lastArchive(), w.lastArchive()+".away") },
			func(w *world) error { return os.Rename(w.lastArchive()+".away", w.lastArchive()) }},
		"it is no snapshot": {nil, func(w *world) error { return os.WriteFile(w.lastArchive(), []byte("no archive"), 0o600) }, nil},
		// Whole, and of the same data: only its bytes are others than those that were written.
		"SHA-256":                      {nil, func(w *world) error { return repacked(w.lastArchive()) }, nil},
		"of memory free, and it needs": {nil, func(w *world) error { w.memory = 1 << 20; return nil }, func(w *world) error { w.memory = 0; return nil }},
		"the etcd that was started with the restored data has ended: open ": {nil,
			func(w *world) error { return os.Rename(w.path("snap/etcd"), w.path("snap/none")) },
			func(w *world) error { return os.Rename(w.path("snap/none"), w.path("snap/etcd")) }},
		"it takes longer than 1ms":              {nil, func(w *world) error { w.patience = time.Millisecond; return nil }, func(w *world) error { w.patience = 0; return nil }},
		"than those of the member that sent it": {&etcdops.Hash{Hash: 7, CompactRevision: -1}, func(*world) error { return nil }, nil},
	} {
		t.Run(words, func(t *testing.T) {
			w := withDrills(t, c.hash)
			if err := c.breaks(w); err != nil {
				t.Fatal(err)
			}
			broken := w.drilled(tick2, 0, 4)
			if !strings.Contains(broken.Tried.Fault, words) || broken.Tried.ID != tick2 || broken.Last != nil {
				t.Fatalf("%+v, last %+v", broken.Tried, broken.Last)
			}
			if c.mends == nil {
				return
			}
			if err := c.mends(w); err != nil {
				t.Fatal(err)
			}
			if again := w.drilled(tick2, 0, 5); again.Tried != broken.Tried || again.Last != nil {
				t.Errorf("the same attempt is made again: %+v", again)
			}
			if mended := w.drilled(tick2, 1, 6); mended.Tried.Fault != "" || mended.Last == nil {
				t.Errorf("%+v", mended)
			}
		})
	}
}

// repacked compresses an archive in another way, and takes away what is written beside it.
func repacked(path string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	in, err := gzip.NewReader(bytes.NewReader(old))
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	out, err := gzip.NewWriterLevel(&packed, gzip.NoCompression)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	if err := os.Remove(path + snapshot.StoredSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, packed.Bytes(), 0o600)
}

// drillsIn names the folder of a machine on which this program does a drill, and nothing else.
const drillsIn = "JUJUETCD_TEST_DRILL"

// drillUntilKilled does a drill, and stops while its etcd runs.
func drillUntilKilled(root string) {
	m := machine.New(machine.Options{Root: root, Unit: "etcd/0", ModelUUID: "uuid", Log: logr.Discard()})
	m.OnEffect(func(what string) {
		fmt.Println(what)
		select {}
	})
	fmt.Println(m.Rehearse(context.Background()))
	os.Exit(1)
}

// TestADrillWhoseAgentIsKilledLeavesNoProcess, and the next hook clears its data away.
func TestADrillWhoseAgentIsKilledLeavesNoProcess(t *testing.T) {
	w := withDrills(t, nil)
	agent := exec.CommandContext(t.Context(), os.Args[0])
	agent.Env = append(os.Environ(), drillsIn+"="+w.root)
	agent.Stderr = os.Stderr
	out, err := agent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "asked the restored etcd\n" {
		t.Errorf("the agent says %q, %v", line, err)
	}
	dir := w.machine().DrillDir()
	running := inFolder(t, dir)
	if len(running) != 1 {
		t.Fatalf("processes %v run in its folder", running)
	}
	for pid, info := range running {
		if stat, _ := info.Sys().(*syscall.Stat_t); os.Geteuid() == 0 && stat.Uid == 0 {
			t.Error("its etcd runs as root")
		}
		if score, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid)); string(score) != "1000\n" {
			t.Errorf("its etcd has score %q, %v", score, err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its folder is %v, %v", info, err)
	}
	if err := agent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = agent.Wait()
	etcdtest.Eventually(t, 10*time.Second, "its etcd has ended with it", func(context.Context) bool { return len(inFolder(t, dir)) == 0 })
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("nothing was left to be cleared: %v", err)
	}
	if err := w.machine().ClearDrill(); err != nil {
		t.Error(err)
	}
	if w.exists("var/lib/jujuetcd/etcd-0/drill") {
		t.Error("its folder is left")
	}
	// What runs there all the same is ended, too.
	if err := os.MkdirAll(dir+"/etcd", 0o700); err != nil {
		t.Fatal(err)
	}
	sleep := exec.CommandContext(t.Context(), "sleep", "60")
	sleep.Dir = dir + "/etcd"
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	if err := w.machine().ClearDrill(); err != nil {
		t.Error(err)
	}
	if err := sleep.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("it has ended with %v", err)
	}
}

// inFolder are the processes that work in a folder.
func inFolder(t *testing.T, dir string) map[int]fs.FileInfo {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]fs.FileInfo{}
	for _, p := range all {
		at, err := os.Readlink(p + "/cwd")
		if err != nil || !strings.HasPrefix(at, dir+"/") {
			continue
		}
		info, err := os.Stat(p)
		if err != nil {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(p), "%d", &pid); err == nil {
			found[pid] = info
		}
	}
	return found
}
