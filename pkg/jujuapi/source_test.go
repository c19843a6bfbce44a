package jujuapi_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"jujuetcd.io/pkg/jujuapi"
)

// world is a Snapshotter whose content a test sets.
type world struct {
	mu    sync.Mutex
	hash  string
	err   error
	polls []time.Time
}

func (w *world) Snapshot(context.Context) (*jujuapi.Model, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.polls = append(w.polls, time.Now())
	if w.err != nil {
		return nil, w.err
	}
	return &jujuapi.Model{Hash: w.hash}, nil
}

// run runs a source over w until the test ends.
func run(t *testing.T, w *world) (*jujuapi.Source, *[]string) {
	t.Helper()
	source, heard := jujuapi.NewSource(w), &[]string{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- source.Run(ctx, func(m *jujuapi.Model) { *heard = append(*heard, m.Hash) }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
	synctest.Wait()
	return source, heard
}

// set changes what the next polls find.
func (w *world) set(hash string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hash, w.err = hash, err
}

func (w *world) seen() []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.polls)
}

// during counts polls while d passes.
func (w *world) during(d time.Duration) int {
	before := len(w.seen())
	time.Sleep(d)
	synctest.Wait()
	return len(w.seen()) - before
}

func between(t *testing.T, what string, got, low, high int) {
	t.Helper()
	if got < low || got > high {
		t.Errorf("%s: %d polls, want %d to %d", what, got, low, high)
	}
}

func TestPollsFollowTheNeedForThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{hash: "a"}
		s, _ := run(t, w)
		between(t, "at rest, in a minute", w.during(time.Minute), 10, 15)

		s.Hurry("etcd")
		s.Hurry("other")
		between(t, "while two wait, in ten seconds", w.during(10*time.Second), 8, 13)
		s.Settled("other")
		between(t, "while one waits, in ten seconds", w.during(10*time.Second), 8, 13)
		s.Settled("etcd")
		s.Settled("etcd")
		between(t, "when nobody waits, in a minute", w.during(time.Minute), 10, 15)

		time.Sleep(20 * time.Minute)
		between(t, "after 20 quiet minutes, in ten", w.during(10*time.Minute), 16, 25)
		w.set("b", nil)
		time.Sleep(time.Minute)
		between(t, "after news, in a minute", w.during(time.Minute), 10, 15)
	})
}

func TestTheJitterSpreadsPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{hash: "a"}
		run(t, w)
		time.Sleep(5 * time.Minute)
		low, high := time.Hour, time.Duration(0)
		polls := w.seen()
		for i := range len(polls) - 1 {
			gap := polls[i+1].Sub(polls[i])
			low, high = min(low, gap), max(high, gap)
		}
		if low < 4*time.Second || high > 6*time.Second || high-low < time.Second {
			t.Errorf("gaps are %s to %s, want 5 s give or take a fifth", low, high)
		}
	})
}

func TestASlowControllerIsAskedLess(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		waiting     bool
		quiet, took time.Duration
		want        time.Duration
	}{
		{"at rest", false, 0, 100 * time.Millisecond, 5 * time.Second},
		{"just quick enough", false, 0, time.Second, 5 * time.Second},
		{"slow", false, 0, 1200 * time.Millisecond, 18 * time.Second},
		{"very slow", false, 0, 20 * time.Second, 30 * time.Second},
		{"nearly quiet", false, 10*time.Minute - 1, 0, 5 * time.Second},
		{"quiet", false, 10 * time.Minute, 0, 15 * time.Second},
		{"quieter", false, 16 * time.Minute, 0, 24 * time.Second},
		{"quiet for a day", false, 24 * time.Hour, 0, 30 * time.Second},
		{"waited for", true, time.Hour, 100 * time.Millisecond, time.Second},
		{"waited for, slow", true, 0, 3 * time.Second, 3 * time.Second},
		{"waited for, hopeless", true, 0, time.Minute, 30 * time.Second},
	}
	for _, test := range tests {
		if got := jujuapi.Interval(test.waiting, test.quiet, test.took); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

func TestOnlyNewContentIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{hash: "a"}
		s, heard := run(t, w)
		time.Sleep(time.Minute)
		for _, hash := range []string{"b", "b", "a"} {
			w.set(hash, nil)
			s.Poke()
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := *heard; len(got) != 3 || got[0] != "a" || got[1] != "b" || got[2] != "a" {
			t.Errorf("heard %v, want [a b a]", got)
		}
	})
}

func TestAFailedPollIsRepeatedAndKeepsTheLastModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{hash: "a"}
		s, heard := run(t, w)
		w.set("a", errors.New("connection refused"))
		between(t, "while polls fail, in a minute", w.during(time.Minute), 10, 15)
		if st := s.State(); st.Err == nil || st.Model == nil || st.Model.Hash != "a" || time.Since(st.At) < 50*time.Second {
			t.Errorf("state %+v", st)
		}
		w.set("a", nil)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if st := s.State(); st.Err != nil || time.Since(st.At) > 10*time.Second {
			t.Errorf("state %+v", st)
		}
		if len(*heard) != 1 {
			t.Errorf("heard %v: a failure is no news", *heard)
		}
	})
}

func TestANewWaiterIsServedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{hash: "a"}
		s, _ := run(t, w)
		time.Sleep(time.Hour)
		before := len(w.seen())
		s.Hurry("etcd")
		synctest.Wait()
		if n := len(w.seen()) - before; n != 1 {
			t.Errorf("%d polls, want one at once", n)
		}
	})
}
