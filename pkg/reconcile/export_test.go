package reconcile

import (
	"context"
	"net/http"
	"time"

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
