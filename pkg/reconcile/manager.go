package reconcile

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// How long a key waits whose pass could not be made: the double after each failure.
const (
	firstRetry   = time.Second
	slowestRetry = 30 * time.Second
)

// newManager makes a manager that is content without an API server.
func newManager(cfg Config, health healthEndpoints) (ctrl.Manager, error) {
	return ctrl.NewManager(offline(), ctrl.Options{
		Logger:         cfg.Log.V(1),
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return meta.NewDefaultRESTMapper(nil), nil },
		NewClient:      func(*rest.Config, client.Options) (client.Client, error) { return nil, nil },
		Metrics: metricsserver.Options{BindAddress: cfg.MetricsAddress, ExtraHandlers: map[string]http.Handler{
			"/healthz": http.HandlerFunc(health.healthz), "/readyz": http.HandlerFunc(health.readyz)}},
		GracefulShutdownTimeout: ptr.To(GraceOnStop),
	})
}

// offline is the configuration of an API server that does not exist: every request is refused before
// it leaves the process.
func offline() *rest.Config {
	return &rest.Config{Host: "https://there-is-no-api-server.invalid", Transport: refusing{}}
}

type refusing struct{}

func (refusing) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("cannot request %s: there is no API server", r.URL.Path)
}

// key is what a controller's passes are about.
type key interface {
	comparable
	fmt.Stringer
}

// reconciler is one of the two.
type reconciler[K key] interface {
	Reconcile(ctx context.Context, k K) (ctrl.Result, error)
}

// controlledBy adds a controller to the manager. Its name is also the key of its log lines, and
// wakeups are the only source of its queue.
func controlledBy[K key](mgr ctrl.Manager, name string, workers int, wakeups *wakeups[K], log logr.Logger, r reconciler[K]) error {
	return builder.TypedControllerManagedBy[K](mgr).
		Named(name).
		WatchesRawSource(source.TypedFunc[K](wakeups.bind)).
		WithOptions(controller.TypedOptions[K]{
			MaxConcurrentReconciles: workers,
			RecoverPanic:            ptr.To(true),
			SkipNameValidation:      ptr.To(true), // a process of tests has several daemons
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[K](firstRetry, slowestRetry),
		}).
		WithLogConstructor(func(k *K) logr.Logger {
			if k == nil {
				return log.V(1) // controller-runtime's own comings and goings
			}
			return log.WithValues(name, (*k).String())
		}).
		Complete(r)
}
