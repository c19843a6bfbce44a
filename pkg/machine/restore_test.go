package machine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/machine/datadir"
	"jujuetcd.io/pkg/machine/record"
)

const (
	restoredMember  = etcdops.MemberID(0xe1)
	restoredCluster = etcdops.ClusterID(0xd1)
)

// soleMember is a world whose member is its cluster's only one, and whose etcd tells what its data says.
func soleMember(t *testing.T) *world {
	t.Helper()
	w := serving(t)
	w.looks = func() etcdops.View {
		state, err := datadir.Inspect(w.path(machine.DataDir))
		if err != nil || !w.running || !state.Present {
			return etcdops.View{Err: "no answer"}
		}
		return etcdops.View{Listed: true, ClusterID: state.Cluster, Members: []etcdops.Member{{ID: state.Member, Name: "etcd0"}}}
	}
	return w
}

func restore(dir string) machine.Restore {
	return machine.Restore{Task: 7, Token: "token-restored-7", Latched: ownCluster.String(), Target: dir, Progress: func(string) {},
		Prepare: func(_ context.Context, dir string, m machine.SoleMember) error {
			if m != (machine.SoleMember{Name: "etcd0", PeerURL: "https://10.0.0.1:2380", Token: "token-restored-7"}) {
				return errors.New("another member was to be restored")
			}
			return write(filepath.Join(dir, "member", "wal"), segment(restoredMember, restoredCluster))
		}}
}

func write(dir string, wal []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "0000000000000000-0000000000000000.wal"), wal, 0o600)
}

// holds fails the test unless the machine runs the cluster's member, remembers it, and the other
// cluster's data is still there where it was replaced.
func (w *world) holds(what string, cluster etcdops.ClusterID) {
	w.t.Helper()
	state, err := datadir.Inspect(w.path(machine.DataDir))
	if err != nil || state.Cluster != cluster || !w.running || !w.enabled {
		w.t.Errorf("%s: data of cluster %s (%v), running %t, enabled %t; want %s", what, state.Cluster, err, w.running, w.enabled, cluster)
	}
	facts, err := w.machine().Facts(w.t.Context())
	if err != nil || facts.Member.ClusterID != cluster.String() || facts.Member.DataLost() {
		w.t.Errorf("%s: the facts say %+v, %v", what, facts.Member, err)
	}
	aside, _ := filepath.Glob(w.path(machine.DataDir) + ".aside-*")
	if cluster == restoredCluster && len(aside) != 1 {
		w.t.Errorf("%s: set aside: %v", what, aside)
	}
	if staged, _ := filepath.Glob(w.path(machine.DataDir) + ".restore-*"); len(staged) > 0 {
		w.t.Errorf("%s: left behind: %v", what, staged)
	}
}

func TestARestoreTakesTheDataAsideAndRunsAsTheNewCluster(t *testing.T) {
	w := soleMember(t)
	for _, left := range []string{".restore-3/member", ".restore-3.archive"} { // of an agent that died early
		if err := os.MkdirAll(w.path(machine.DataDir+left), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	done, err := w.machine().Restore(t.Context(), restore("/home/ubuntu"))
	if err != nil || done.From != ownCluster.String() || done.To != restoredCluster.String() || done.Member != restoredMember.String() {
		t.Fatalf("%+v, %v", done, err)
	}
	w.holds("restored", restoredCluster)
	if info, err := os.Stat(w.path(done.Backup.Path)); err != nil || info.Mode().Perm() != 0o600 || len(done.Backup.SHA256) != 64 ||
		!strings.HasPrefix(done.Backup.Path, "/home/ubuntu/etcd-data-") {
		t.Errorf("the backup is %+v: %v, %v", done.Backup, info, err)
	}
	if w.locked {
		t.Error("the lock is still held")
	}
	if done.Latched != ownCluster.String() {
		t.Errorf("it is to replace %q in the latch", done.Latched)
	}
	// The record tells of it until the latch does; a hook in between does nothing again.
	calls := len(w.calls)
	if finished, again, err := w.machine().ResumeRestore(t.Context()); !finished || again.To != done.To || err != nil || len(w.calls) != calls {
		t.Errorf("again: %t, %+v, %v, %d calls", finished, again, err, len(w.calls)-calls)
	}
	if err := w.machine().ForgetRestore(); err != nil {
		t.Fatal(err)
	}
	if r, err := w.machine().UnfinishedRestore(); r != nil || err != nil {
		t.Errorf("%+v, %v", r, err)
	}
	if finished, _, err := w.machine().ResumeRestore(t.Context()); finished || err != nil {
		t.Errorf("forgotten, and taken up again: %t, %v", finished, err)
	}
	// A delivery for the new cluster is taken, one for the old is not.
	spec := w.member()
	spec.Delivery.ExpectClusterID = restoredCluster.String()
	w.apply(spec, 8, v1alpha1.OutcomeApplied, "")
	spec.Delivery.ExpectClusterID = ownCluster.String()
	w.apply(spec, 9, v1alpha1.OutcomeRefused, v1alpha1.ReasonOtherCluster)
}

// TestARestoreWhoseDataIsGoneIsForgotten: what came after it is not to be replaced in the latch.
func TestARestoreWhoseDataIsGoneIsForgotten(t *testing.T) {
	w := soleMember(t)
	if _, err := w.machine().Restore(t.Context(), restore("")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(w.path(machine.DataDir + "/member")); err != nil {
		t.Fatal(err)
	}
	if finished, _, err := w.machine().ResumeRestore(t.Context()); finished || err != nil {
		t.Errorf("taken up again: %t, %v", finished, err)
	}
	if r, err := w.machine().UnfinishedRestore(); r != nil || err != nil {
		t.Errorf("still recorded: %+v, %v", r, err)
	}
}

func TestARestoreThatDoesNotServeGoesBack(t *testing.T) {
	w := soleMember(t)
	looks := w.looks
	w.looks = func() etcdops.View {
		v := looks()
		if v.ClusterID == restoredCluster {
			v.ClusterID = 0xbad
		}
		return v
	}
	if _, err := w.machine().Restore(t.Context(), restore("")); err == nil || !strings.Contains(err.Error(), "in its place again") {
		t.Errorf("the error is %v", err)
	}
	w.looks = looks
	w.holds("gone back", ownCluster)
	if r, err := w.machine().UnfinishedRestore(); r != nil || err != nil {
		t.Errorf("it is still recorded: %+v, %v", r, err)
	}
}

func TestWhatCannotBeRestoredTouchesNothing(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		change     func(w *world, r *machine.Restore)
	}{
		{"another member", "other members", func(w *world, _ *machine.Restore) { w.looks = nil }},
		{"another cluster's member alone", "other members", func(w *world, _ *machine.Restore) { w.looks = nil; w.view = listing(otherMember) }},
		{"an archive that cannot be", "cannot restore: it is damaged", func(_ *world, r *machine.Restore) {
			r.Prepare = func(context.Context, string, machine.SoleMember) error { return errors.New("it is damaged") }
		}},
		{"one that gives nothing", "no data", func(_ *world, r *machine.Restore) {
			r.Prepare = func(_ context.Context, dir string, _ machine.SoleMember) error { return os.Mkdir(dir, 0o700) }
		}},
		{"the same cluster", "cluster that is here", func(_ *world, r *machine.Restore) {
			r.Prepare = func(_ context.Context, dir string, _ machine.SoleMember) error {
				return write(filepath.Join(dir, "member", "wal"), segment(restoredMember, ownCluster))
			}
		}},
		{"another restore that is not over", "restore of task 3", func(w *world, _ *machine.Restore) {
			w.machine().Record(func(r *record.Record) { r.Restore = &record.Restore{Task: 3} })
		}},
		{"a member that is added meanwhile", "has changed", func(w *world, _ *machine.Restore) {
			looks, n := w.looks, 0
			w.looks = func() etcdops.View {
				v := looks()
				if n++; n > 1 {
					v.Members = append(v.Members, etcdops.Member{ID: 0xb2})
				}
				return v
			}
		}},
		{"the lock is another's", "lock", func(w *world, _ *machine.Restore) { w.locked = true }},
		{"the data is on attached storage", "attached storage", func(w *world, _ *machine.Restore) {
			if err := os.MkdirAll(w.path("/media/etcd"), 0o755); err != nil {
				w.t.Fatal(err)
			}
			if err := os.Rename(w.path(machine.DataDir), w.path("/media/etcd/data")); err != nil {
				w.t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := soleMember(t)
			r := restore("")
			tt.change(w, &r)
			pid := w.pid
			if _, err := w.machine().Restore(t.Context(), r); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the error is %v, want %q", err, tt.want)
			}
			if w.pid != pid || !w.running {
				t.Errorf("etcd was stopped: %v", w.calls)
			}
			if staged, _ := filepath.Glob(w.path(machine.DataDir) + ".restore-*"); len(staged) > 0 {
				t.Errorf("left behind: %v", staged)
			}
		})
	}
}

// TestARestoreEndsOrGoesBackWhereverItIsKilled: the next hook ends it, or goes back, also where that
// hook is killed, too; the data of before is in its place or aside, never gone.
func TestARestoreEndsOrGoesBackWhereverItIsKilled(t *testing.T) {
	ends := map[etcdops.ClusterID]int{}
	for first := 1; ; first++ {
		ended := false
		for second := 1; ; second++ {
			w := soleMember(t)
			ended = w.until(first, func(m *machine.Machine) {
				if _, err := m.Restore(t.Context(), restore("/home/ubuntu")); err != nil {
					t.Errorf("killed after %d: %v", first, err)
				}
			})
			resumed := w.until(second, func(m *machine.Machine) {
				if _, _, err := m.ResumeRestore(t.Context()); err != nil {
					t.Errorf("killed after %d and %d: %v", first, second, err)
				}
			})
			finished, restored, err := w.machine().ResumeRestore(t.Context())
			if err != nil {
				t.Fatalf("killed after %d and %d: %v", first, second, err)
			}
			want := ownCluster
			if finished {
				if want = restoredCluster; restored.From != ownCluster.String() {
					t.Errorf("killed after %d and %d: %+v", first, second, restored)
				}
			}
			w.holds("killed", want)
			if left := w.staged(); len(left) > 0 {
				t.Errorf("killed after %d and %d: %q is left", first, second, left)
			}
			ends[want]++
			if t.Failed() || resumed {
				break
			}
		}
		if ended || t.Failed() {
			break
		}
	}
	if ends[ownCluster] < 5 || ends[restoredCluster] < 10 {
		t.Errorf("effects go unnoticed: %v", ends)
	}
	t.Logf("%v", ends)
}

// staged is what lies beside the data of restores that were not put in its place.
func (w *world) staged() []string {
	w.t.Helper()
	left, err := filepath.Glob(w.machine().Path(machine.DataDir) + ".restore-*")
	if err != nil {
		w.t.Fatal(err)
	}
	return left
}

// TestWhatAKilledRestoreHasLeftIsRemovedByTheNextHook, unless a record tells of it.
func TestWhatAKilledRestoreHasLeftIsRemovedByTheNextHook(t *testing.T) {
	w := soleMember(t)
	// Prepare was killed: nothing is recorded before it has ended.
	if err := write(w.machine().Path(machine.DataDir)+".restore-7", nil); err != nil {
		t.Fatal(err)
	}
	if err := w.machine().ClearRestore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := w.staged(); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
	w.until(1, func(m *machine.Machine) { _, _ = m.Restore(t.Context(), restore("")) })
	if unfinished, err := w.machine().UnfinishedRestore(); err != nil || unfinished == nil {
		t.Fatalf("nothing is recorded: %v", err)
	}
	if err := w.machine().ClearRestore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(w.staged()) != 1 {
		t.Error("what the record tells of is removed")
	}
}

// until runs a new agent, which dies after its n-th effect, and says whether it came to its end.
func (w *world) until(n int, run func(*machine.Machine)) (ended bool) {
	w.t.Helper()
	m := w.machine()
	m.OnEffect(func(string) {
		if n--; n == 0 {
			panic(crash{})
		}
	})
	defer func() {
		if e := recover(); e != nil {
			if _, ok := e.(crash); !ok {
				panic(e)
			}
			w.mu.Lock()
			w.locked = false // its lease ends
			w.mu.Unlock()
		}
	}()
	run(m)
	return true
}
