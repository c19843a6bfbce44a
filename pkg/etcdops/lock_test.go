package etcdops_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/printable"
	"jujuetcd.io/test/etcdtest"
)

func TestLockIsHeldByOneAndShownToOthers(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	pool, other := newPool(t, cluster.TLS()), newPool(t, cluster.TLS())
	client := cluster.Client()
	lock, err := pool.Lock(t.Context(), cluster.Endpoints(), "daemon-a", 10*time.Second, etcdops.Purpose("add etcd/2"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Get(t.Context(), "jujuetcd.io/lock")
	if err != nil || len(answer.Kvs) != 1 || answer.Kvs[0].Lease == 0 {
		t.Fatalf("key: %v, %v", answer, err)
	}
	var holder etcdops.LockHolder
	if err := json.Unmarshal(answer.Kvs[0].Value, &holder); err != nil || holder.Holder != "daemon-a" ||
		holder.Purpose != "add etcd/2" || time.Since(holder.Since) > time.Minute {
		t.Errorf("value %s, %v", answer.Kvs[0].Value, err)
	}

	_, err = other.Lock(t.Context(), cluster.Endpoints(), "agent-b", 10*time.Second, etcdops.WaitUpTo(0))
	var locked *etcdops.LockedError
	if !errors.Is(err, etcdops.ErrLocked) || !errors.As(err, &locked) || locked.Holder != "daemon-a" {
		t.Errorf("a second holder: %v", err)
	}
	// The same identity is no excuse: an older run of it may still be at work.
	if _, err := other.Lock(t.Context(), cluster.Endpoints(), "daemon-a", 10*time.Second, etcdops.WaitUpTo(0)); !errors.Is(err, etcdops.ErrLocked) {
		t.Errorf("the same holder twice: %v", err)
	}
	if leases, err := client.Leases(t.Context()); err != nil || len(leases.Leases) != 1 {
		t.Errorf("those who were refused have left leases behind: %v, %v", leases, err)
	}

	waiting := make(chan error, 1)
	go func() {
		second, err := other.Lock(t.Context(), cluster.Endpoints(), "agent-b", 10*time.Second, etcdops.WaitUpTo(20*time.Second))
		if err == nil {
			err = second.Unlock(t.Context())
		}
		waiting <- err
	}()
	if err := lock.Unlock(t.Context()); err != nil {
		t.Errorf("unlock: %v", err)
	}
	if err := <-waiting; err != nil {
		t.Errorf("who waited does not get it: %v", err)
	}
	if err := lock.Unlock(t.Context()); err != nil {
		t.Errorf("unlock again: %v", err)
	}
	<-lock.Lost()
	answer, err = client.Get(t.Context(), "jujuetcd.io/lock")
	if err != nil || len(answer.Kvs) != 0 {
		t.Errorf("the key is left behind: %v, %v", answer, err)
	}
}

func TestADeadHoldersLockVanishes(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	dead := etcdops.NewPool(cluster.TLS())
	lock, err := dead.Lock(t.Context(), cluster.Endpoints(), "daemon-a", 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	dead.Close() // nothing keeps the lease alive from here on
	start := time.Now()
	pool := newPool(t, cluster.TLS())
	second, err := pool.Lock(t.Context(), cluster.Endpoints(), "daemon-b", 2*time.Second, etcdops.WaitUpTo(20*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("taken over after %s", time.Since(start))
	select {
	case <-lock.Lost():
	case <-time.After(10 * time.Second):
		t.Error("the dead holder is not named")
	}
	if err := lock.Unlock(t.Context()); err == nil {
		t.Error("unlock of a lost lock says nothing")
	}
	if err := second.Unlock(t.Context()); err != nil {
		t.Errorf("the second holder lost it, too: %v", err)
	}
}

func TestLockOutlivesItsMembersRestartAndItsTTL(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 3})
	pool := newPool(t, cluster.TLS(), etcdops.WithHealthTimeout(2*time.Second))
	const ttl = 4 * time.Second
	lock, err := pool.Lock(t.Context(), cluster.Endpoints(), "daemon-a", ttl)
	if err != nil {
		t.Fatal(err)
	}
	cluster.Members[0].Restart() // the one that the lock was taken through
	deadline := time.After(2 * ttl)
	select {
	case <-lock.Lost():
		t.Fatal("the lock is lost though two members were there all the time")
	case <-deadline:
	}
	if err := lock.Unlock(t.Context()); err != nil {
		t.Errorf("unlock: %v", err)
	}
}

// Any client of etcd can put the lock key without a lease: it is reported as what it is, with what
// to do, and what it says is not printed as it stands.
func TestALockKeyWithoutALeaseIsNamedWithItsRemedy(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	pool := newPool(t, cluster.TLS())
	client := cluster.Client()
	hold := etcdops.Hold{Endpoints: cluster.Endpoints(), Holder: "daemon-a", TTL: 10 * time.Second, Wait: 300 * time.Millisecond}
	under := func() error {
		return etcdops.Under(t.Context(), pool, hold, func(context.Context) error { return nil })
	}
	for _, value := range []string{"x", "null", "", "\x1b[2J", `{"holder":"\u001b]0;owned\u0007\u202e\nevil"}`} {
		if _, err := client.Put(t.Context(), etcdops.LockKey, value); err != nil {
			t.Fatal(err)
		}
		err := under()
		var locked *etcdops.LockedError
		if !errors.Is(err, etcdops.ErrLocked) || !errors.As(err, &locked) || !locked.Stuck ||
			!strings.Contains(err.Error(), "has no lease") || !strings.Contains(err.Error(), "etcdctl del jujuetcd.io/lock") {
			t.Errorf("%q: %v", value, err)
		}
		if !printable.Fit(err.Error()) || !printable.Fit(locked.Holder) {
			t.Errorf("%q: %q", value, err)
		}
	}
	// The same with a lease goes by itself, and is somebody else's.
	lease, err := client.Grant(t.Context(), 60)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Put(t.Context(), etcdops.LockKey, `{"holder":"a\u001b[31m\nb","purpose":"\u202edo"}`, clientv3.WithLease(lease.ID)); err != nil {
		t.Fatal(err)
	}
	var locked *etcdops.LockedError
	if err := under(); !errors.As(err, &locked) || locked.Stuck || locked.Holder != "a b" || locked.Purpose != "do" {
		t.Errorf("%v", err)
	}
	// Once it is deleted, all goes on.
	if _, err := client.Delete(t.Context(), etcdops.LockKey); err != nil {
		t.Fatal(err)
	}
	if err := under(); err != nil {
		t.Error(err)
	}
}

func TestALockThatIsTakenAwayIsLost(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	pool := newPool(t, cluster.TLS())
	lock, err := pool.Lock(t.Context(), cluster.Endpoints(), "daemon-a", 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	client := cluster.Client()
	answer, err := client.Get(t.Context(), "jujuetcd.io/lock")
	if err != nil || len(answer.Kvs) != 1 {
		t.Fatalf("no key: %v", err)
	}
	if _, err := client.Revoke(t.Context(), clientv3.LeaseID(answer.Kvs[0].Lease)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-lock.Lost():
	case <-time.After(10 * time.Second):
		t.Fatal("nothing is reported")
	}
	if err := lock.Unlock(t.Context()); !errors.Is(err, etcdops.ErrLockLost) {
		t.Errorf("unlock: %v", err)
	}
}

func TestLockIsTakenThroughWhoeverServes(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	pool := newPool(t, cluster.TLS())
	endpoints := []string{"https://" + cluster.Members[0].Address + ":1", cluster.Endpoints()[0]}
	lock, err := pool.Lock(t.Context(), endpoints, "daemon-a", 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Unlock(t.Context()); err != nil {
		t.Errorf("unlock: %v", err)
	}
}

func TestLockFailsInTimeWithoutQuorum(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	pool := newPool(t, cluster.TLS(), etcdops.WithHealthTimeout(time.Second))
	cluster.Members[0].Kill()
	start := time.Now()
	_, err := pool.Lock(t.Context(), cluster.Endpoints(), "daemon-a", 3*time.Second)
	if err == nil || time.Since(start) > 5*time.Second {
		t.Errorf("after %s: %v", time.Since(start), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pool.Lock(ctx, cluster.Endpoints(), "daemon-a", 3*time.Second); err == nil {
		t.Error("a cancelled call takes a lock")
	}
}

// A change that was decided on in time, by a process that was stopped since, is not sent.
func TestAChangeIsNotSentWhenTheLeaseIsOver(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	pool := newPool(t, cluster.TLS())
	view := pool.Look(t.Context(), cluster.Endpoints())
	var slept time.Duration
	hold := etcdops.Hold{Endpoints: cluster.Endpoints(), Holder: "daemon-a", TTL: 20 * time.Second, Now: func() time.Time { return time.Now().Add(slept) }}
	err := etcdops.Under(t.Context(), pool, hold, func(ctx context.Context) error {
		slept = 20 * time.Second
		_, _, err := pool.AddLearner(ctx, view, "https://127.0.0.1:1")
		return err
	})
	if !errors.Is(err, etcdops.ErrLockOver) {
		t.Errorf("error %v", err)
	}
	if after := pool.Look(t.Context(), cluster.Endpoints()); len(after.Members) != 1 {
		t.Errorf("it was sent: %v", after.Members)
	}
	if answer, err := cluster.Client().Get(t.Context(), etcdops.LockKey); err != nil || len(answer.Kvs) != 0 {
		t.Errorf("the lock was not given back: %v, %v", answer, err)
	}
}
