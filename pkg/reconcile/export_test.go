package reconcile

import (
	"context"
	"net/http"
	"time"

	"k8s.io/client-go/util/workqueue"

	"jujuetcd.io/pkg/reconcile/observe"
)

// NameOf is nameOf for tests.
func NameOf(charm string) string { return nameOf(charm) }

// Refusing is the transport of the API server that does not exist.
func Refusing() http.RoundTripper { return refusing{} }

// TroubleOf is troubleOf for tests.
func TroubleOf(err error) (Trouble, bool) { return troubleOf(err) }

// Probe probes until it is told to stop.
func Probe(ctx context.Context, o *observe.Observer, every time.Duration, wake func()) (stop func()) {
	p := newProber(ctx, ClusterKey{"admin/prod", "etcd"}, every, wake)
	p.start(o)
	return p.stop
}

// UnitWakeups are those of the unit controller.
type UnitWakeups struct{ w wakeups[UnitKey] }

// Add is add for tests.
func (u *UnitWakeups) Add(k UnitKey) { u.w.add(k) }

// Bind is bind for tests.
func (u *UnitWakeups) Bind(ctx context.Context, q workqueue.TypedRateLimitingInterface[UnitKey]) error {
	return u.w.bind(ctx, q)
}
