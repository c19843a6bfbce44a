package etcdops_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/test/etcdtest"
)

// TestACompactionForgetsWhatIsOlderAndSaysWhatItCannotDo: in the future, and where it is done
// already; also while etcd takes no write.
func TestACompactionForgetsWhatIsOlderAndSaysWhatItCannotDo(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	pool, client := newPool(t, cluster.TLS()), cluster.Client()
	for i := range 10 {
		if _, err := client.Put(t.Context(), "key", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	v := pool.Look(t.Context(), cluster.Endpoints())
	readable := func(revision int64) bool {
		t.Helper()
		_, err := client.Get(t.Context(), "key", clientv3.WithRev(revision))
		if err != nil && !errors.Is(err, rpctypes.ErrCompacted) {
			t.Fatal(err)
		}
		return err == nil
	}
	for _, step := range []struct {
		name     string
		revision int64
		physical bool
		at       int64
		kind     error
		text     string
	}{
		{"in the future", 12, false, 12, etcdops.ErrGuard, "cannot compact revision 12: it is in the future, the present one is 11"},
		{"a revision", 5, false, 5, nil, ""},
		{"once more", 5, false, 5, etcdops.ErrCompacted, "cannot compact revision 5: it is compacted already"},
		{"an older one", 4, true, 4, etcdops.ErrCompacted, "cannot compact revision 4: it is compacted already"},
		{"the present one", 0, true, 11, nil, ""},
		{"nothing is new", 0, false, 11, etcdops.ErrCompacted, "cannot compact revision 11: it is compacted already"},
	} {
		at, err := pool.Compact(t.Context(), v, step.revision, step.physical)
		if at != step.at || !errors.Is(err, step.kind) || err != nil && err.Error() != step.text {
			t.Errorf("%s: %d, %v", step.name, at, err)
		}
		if step.revision == 5 && (readable(4) || !readable(5)) {
			t.Errorf("%s: revision 4 can be read: %t, 5: %t", step.name, readable(4), readable(5))
		}
	}
	if readable(10) || !readable(11) {
		t.Errorf("revision 10 can be read: %t, 11: %t", readable(10), readable(11))
	}
	if _, err := pool.Compact(t.Context(), etcdops.View{Err: "nobody answers"}, 0, false); !errors.Is(err, etcdops.ErrUnhealthy) ||
		!strings.Contains(err.Error(), "nobody answers") {
		t.Errorf("where nobody serves: %v", err)
	}
}
