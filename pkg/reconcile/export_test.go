package reconcile

import (
	"context"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/observe"
	"jujuetcd.io/pkg/reconcile/planner"
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

// Hand hands a unit a delivery, as a pass over its cluster does; the unit controller is not woken.
func (d *Daemon) Hand(ctx context.Context, k UnitKey) error {
	spec := v1alpha1.EtcdUnitSpec{Unit: k.Unit, Latch: &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{}}}
	return d.clusters.get(k.cluster()).actor.Act(ctx, observation.Observation{},
		planner.Step{Kind: planner.StepClaim, Units: []observation.Delivery{{Unit: k.Unit, Spec: spec}}})
}

// ReconcileUnit is one pass of the unit controller.
func (d *Daemon) ReconcileUnit(ctx context.Context, k UnitKey) (ctrl.Result, error) {
	return (&unitReconciler{clusters: d.clusters}).Reconcile(ctx, k)
}

// Measure shows what was seen of a cluster, as the pass does; and forget drops it, as when the
// application has gone.
func Measure(model, application string) (show func(observation.Observation, v1alpha1.EtcdClusterStatus), forget func()) {
	c := &cluster{key: ClusterKey{model, application}}
	return c.measureSeen, func() { forgetMetrics(c.key) }
}

// Ask asks Juju for an application's tasks, as observers do.
func Ask(ctx context.Context, m Model) error {
	_, err := newModel(m, time.Now, logr.Discard(), func(*Trouble) {}, func(string) {}).Tasks(ctx, "etcd")
	return err
}
