package etcdops_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"jujuetcd.io/pkg/etcdops"
)

// fakeLock is a lock that a test takes away when it likes.
type fakeLock struct {
	lost     chan struct{}
	asked    time.Duration // how long the lock is waited for
	err      error         // of Lock
	unlock   error         // of Unlock
	unlocked int
	alive    error // the context's, when the lock was given back
}

func (l *fakeLock) Lock(context.Context, []string, string, time.Duration, ...etcdops.LockOption) (*etcdops.Lock, error) {
	time.Sleep(l.asked)
	if l.err != nil {
		return nil, l.err
	}
	return etcdops.NewLock(l.lost, func(ctx context.Context) error {
		l.unlocked++
		l.alive = ctx.Err()
		return l.unlock
	}), nil
}

func TestWhatIsDoneUnderALockEndsWithIt(t *testing.T) {
	for _, test := range []struct {
		name  string
		lost  time.Duration // when the lock is lost; zero: never
		asked time.Duration
		spare time.Duration
		// ends is when the context must have ended by itself, from before the lock was asked for.
		ends time.Duration
		want error
	}{
		{"lost", 3 * time.Second, 0, 0, 3 * time.Second, etcdops.ErrLockLost},
		{"lease over, and nobody has said so", 0, 0, 0, 10 * time.Second, etcdops.ErrLockOver},
		{"the lock was waited for", 0, 4 * time.Second, 0, 10 * time.Second, etcdops.ErrLockOver},
		{"what is begun needs time", 0, 0, 6 * time.Second, 4 * time.Second, etcdops.ErrLockOver},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lock := &fakeLock{lost: make(chan struct{}), asked: test.asked}
				if test.lost > 0 {
					time.AfterFunc(test.lost, func() { close(lock.lost) })
				}
				began := time.Now()
				err := etcdops.Under(t.Context(), lock, etcdops.Hold{TTL: 10 * time.Second, Spare: test.spare}, func(ctx context.Context) error {
					if err := etcdops.Fenced(ctx); err != nil {
						t.Errorf("it ended at once: %v", err)
					}
					if deadline, ok := ctx.Deadline(); !ok || deadline.After(began.Add(10*time.Second-test.spare)) {
						t.Errorf("it tells nobody how long it lasts: %v", deadline)
					}
					select {
					case <-ctx.Done():
					case <-time.After(time.Hour):
					}
					if took := time.Since(began); took != test.ends {
						t.Errorf("it ended after %s, not %s: %v", took, test.ends, context.Cause(ctx))
					}
					if err := etcdops.Fenced(ctx); !errors.Is(err, test.want) {
						t.Errorf("its cause is %v, not %v", err, test.want)
					}
					return errors.New("a change failed")
				})
				if !errors.Is(err, test.want) || !strings.HasPrefix(err.Error(), "a change failed (") {
					t.Errorf("error %v", err)
				}
				if lock.unlocked != 1 {
					t.Errorf("given back %d times", lock.unlocked)
				}
			})
		})
	}
}

// wallMoved is a reading of a machine whose wall clock was set, and whose monotonic one knows nothing of that. No function of package time
// makes one; the layout is that of the Go releases since 1.9.
func wallMoved(t *testing.T, at time.Time, by time.Duration) time.Time {
	t.Helper()
	moved := at
	(*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&moved)).wall += uint64(int64(by/time.Second)) << 30
	if moved.Sub(at) != 0 || moved.Round(0).Sub(at.Round(0)) != by {
		t.Fatal("package time keeps its readings otherwise now")
	}
	return moved
}

// A process that is stopped between the lock and the act, and goes on when its lease is over, finds out before its timers do.
func TestAPausedHolderIsFencedBeforeItsTimersFire(t *testing.T) {
	for _, test := range []struct {
		name string
		// jump is what the clock shows when the process goes on.
		jump func(time.Time) time.Time
		want error
	}{
		{"stopped", func(t time.Time) time.Time { return t.Add(10 * time.Second) }, etcdops.ErrLockOver},
		{"the machine slept, and one clock with it", func(t time.Time) time.Time { return t.Round(0).Add(10 * time.Second) }, etcdops.ErrLockOver},
		{"stopped for a moment", func(t time.Time) time.Time { return t.Add(9 * time.Second) }, nil},
		{"the clock was set back", func(t time.Time) time.Time { return t.Add(-time.Hour) }, nil},
		{"the wall clock went on alone", func(at time.Time) time.Time { return wallMoved(t, at, 10*time.Second) }, etcdops.ErrLockOver},
		{"stopped, and the wall clock was set back", func(at time.Time) time.Time { return wallMoved(t, at.Add(10*time.Second), -time.Hour) }, etcdops.ErrLockOver},
	} {
		t.Run(test.name, func(t *testing.T) {
			paused := false
			now := time.Now()
			hold := etcdops.Hold{TTL: 10 * time.Second, Now: func() time.Time {
				if paused {
					return test.jump(now)
				}
				return now
			}}
			err := etcdops.Under(t.Context(), &fakeLock{lost: make(chan struct{})}, hold, func(ctx context.Context) error {
				paused = true
				derived, cancel := context.WithCancel(ctx)
				defer cancel()
				err := etcdops.Fenced(derived)
				if (err != nil) != (context.Cause(ctx) != nil) {
					t.Errorf("fenced: %v, and the context goes on: %v", err, context.Cause(ctx))
				}
				return err
			})
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

// A process that is stopped while it waits for the lock does nothing at all.
func TestALockThatCameTooLateIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock := &fakeLock{lost: make(chan struct{}), asked: 11 * time.Second}
		err := etcdops.Under(t.Context(), lock, etcdops.Hold{TTL: 10 * time.Second}, func(context.Context) error {
			t.Error("it was done")
			return nil
		})
		if !errors.Is(err, etcdops.ErrLockOver) || lock.unlocked != 1 {
			t.Errorf("error %v, given back %d times", err, lock.unlocked)
		}
	})
}

func TestALockIsGivenBackHoweverItEnds(t *testing.T) {
	lock := &fakeLock{lost: make(chan struct{}), unlock: errors.New("nobody answers")}
	ctx, cancel := context.WithCancel(t.Context())
	var left error
	err := etcdops.Under(ctx, lock, etcdops.Hold{TTL: time.Minute, Left: func(err error) { left = err }}, func(context.Context) error {
		cancel() // the caller goes
		return nil
	})
	if err != nil || left == nil || lock.unlocked != 1 || lock.alive != nil {
		t.Errorf("error %v, left %v, given back %d times, with a context that was over: %v", err, left, lock.unlocked, lock.alive)
	}
	lock.err = &etcdops.LockedError{LockHolder: etcdops.LockHolder{Holder: "etcd/9"}}
	err = etcdops.Under(t.Context(), lock, etcdops.Hold{TTL: time.Minute}, func(context.Context) error {
		t.Error("done without the lock")
		return nil
	})
	if !errors.Is(err, etcdops.ErrLocked) || lock.unlocked != 1 {
		t.Errorf("error %v, given back %d times", err, lock.unlocked)
	}
}

// The lock is held through Under and in no other way: whoever calls Lock by himself is not fenced. A mutex's Lock has no arguments;
// that of a unit's own tasks, which is a file, belongs to pkg/charm.
func TestNobodyElseTakesTheLock(t *testing.T) {
	const root = "../.."
	seen := 0
	for _, dir := range []string{"pkg", "cmd"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				fun, ok := call.Fun.(*ast.SelectorExpr)
				if !ok || fun.Sel.Name != "Lock" || len(call.Args) < 4 {
					return true
				}
				seen++
				if rel, err := filepath.Rel(root, path); err != nil || rel != filepath.Join("pkg", "etcdops", "under.go") {
					t.Errorf("%s takes the lock by itself", files.Position(call.Pos()))
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen == 0 {
		t.Error("Under itself does not take it: the test looks for the wrong thing")
	}
}

// What is done without the lock has no longer for it than what is done with it.
func TestWhatIsDoneWithoutTheLockEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := etcdops.Hold{TTL: 10 * time.Second, Unlocked: true}
		err := etcdops.Under(t.Context(), nil, hold, func(ctx context.Context) error {
			if err := etcdops.Fenced(ctx); err != nil {
				t.Errorf("it ended at once: %v", err)
			}
			<-ctx.Done()
			return etcdops.Fenced(ctx)
		})
		if !errors.Is(err, etcdops.ErrLockOver) {
			t.Errorf("%v", err)
		}
	})
}
