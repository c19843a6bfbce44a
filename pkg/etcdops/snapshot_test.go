package etcdops_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/test/etcdtest"
)

// TestAMemberSendsItsDatabaseWithItsSHA256, and one that stands still is not waited for.
func TestAMemberSendsItsDatabaseWithItsSHA256(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	member := cluster.Members[0]
	pool := etcdops.NewPool(cluster.TLS(), etcdops.WithSnapshotStall(time.Second))
	t.Cleanup(pool.Close)
	var b bytes.Buffer
	if err := pool.Snapshot(t.Context(), member.ClientURL, &b); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	body := data[:len(data)-sha256.Size]
	if sum := sha256.Sum256(body); len(data)%512 != sha256.Size || !bytes.Equal(sum[:], data[len(body):]) {
		t.Errorf("it has sent %d bytes, and they are not those of its SHA-256", len(data))
	}
	full := errors.New("the disk is full")
	if err := pool.Snapshot(t.Context(), member.ClientURL, broken{full}); !errors.Is(err, full) {
		t.Errorf("with a full disk: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pool.Snapshot(ctx, member.ClientURL, &b); !errors.Is(err, context.Canceled) {
		t.Errorf("when it is over: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	member.Freeze()
	err := pool.Snapshot(ctx, member.ClientURL, &b)
	member.Thaw()
	if err == nil || !strings.HasPrefix(err.Error(), "cannot have "+member.ClientURL) || !strings.HasSuffix(err.Error(), "nothing more has come") {
		t.Errorf("one that stands still: %v", err)
	}
}

type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

// TestASnapshotIsFromTheBestMember: the preferred one, unless it cannot be relied on.
func TestASnapshotIsFromTheBestMember(t *testing.T) {
	health := func(id etcdops.MemberID, do func(*etcdops.EndpointHealth)) func(etcdops.View) etcdops.View {
		return func(v etcdops.View) etcdops.View { return change(v, id, do) }
	}
	down := func(h *etcdops.EndpointHealth) { h.Serves, h.Answered, h.Fault = false, false, etcdops.FaultRefused }
	lags := func(n uint64) func(*etcdops.EndpointHealth) {
		return func(h *etcdops.EndpointHealth) { h.AppliedIndex = h.RaftIndex - n }
	}
	leads := func(v etcdops.View) etcdops.View {
		for _, m := range v.Members {
			v = change(v, m.ID, func(h *etcdops.EndpointHealth) { h.Leader, h.RaftIndex, h.AppliedIndex = 1, 5000, 5000 })
		}
		return v
	}
	for _, test := range []struct {
		name      string
		preferred etcdops.MemberID
		do        []func(etcdops.View) etcdops.View
		want      etcdops.MemberID
	}{
		{"the preferred one", 3, nil, 3},
		{"also the leader", 1, nil, 1},
		{"a little behind", 3, []func(etcdops.View) etcdops.View{health(3, lags(1000))}, 3},
		{"far behind", 3, []func(etcdops.View) etcdops.View{health(3, lags(1001))}, 2},
		{"down", 3, []func(etcdops.View) etcdops.View{health(3, down)}, 2},
		{"out of space", 3, []func(etcdops.View) etcdops.View{health(3, func(h *etcdops.EndpointHealth) { h.Fault = etcdops.FaultAlarm })}, 3},
		{"a stranger", 9, nil, 2},
		{"the others lag", 9, []func(etcdops.View) etcdops.View{health(2, lags(5)), health(3, lags(4))}, 1},
		{"none", 3, []func(etcdops.View) etcdops.View{health(1, down), health(2, down), health(3, down)}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := leads(world{voters: ups(3, 0)}.view())
			for _, do := range test.do {
				v = do(v)
			}
			m, h := etcdops.SnapshotSource(v, test.preferred)
			if m.ID != test.want || h.MemberID != test.want || (h.Endpoint == "") != (test.want == 0) {
				t.Errorf("it is from %s at %+v, not %s", m.ID, h, test.want)
			}
		})
	}
	v := leads(world{voters: ups(1, 0)}.view())
	v.Members = append(v.Members, etcdops.Member{ID: 7, Name: "etcd7", ClientURLs: []string{"https://l"}, Learner: true})
	v.Health["https://l"] = etcdops.EndpointHealth{Endpoint: "https://l", Serves: true, Answered: true, Learner: true, MemberID: 7, RaftIndex: 5000, AppliedIndex: 5000}
	if m, _ := etcdops.SnapshotSource(v, 7); m.ID != 1 {
		t.Errorf("it is from %s, a learner", m.ID)
	}
}
