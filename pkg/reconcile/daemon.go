package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	ctrl "sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/act"
	"jujuetcd.io/pkg/reconcile/memory"
	"jujuetcd.io/pkg/reconcile/observe"
	"jujuetcd.io/pkg/reconcile/registry"
	"jujuetcd.io/pkg/reconcile/world"
)

// GraceOnStop is how long a step has to end when the daemon is told to stop.
const GraceOnStop = 10 * time.Second

// Policies are the clusters' policies, from files.
type Policies interface {
	// Spec is the policy for a cluster, defaults filled in: the last good one where its file has become bad.
	Spec(model, application string) v1alpha1.EtcdClusterSpec
	// Fault is what is wrong with the cluster's file now, or empty.
	Fault(model, application string) string
}

// Config is what a Daemon is made of. Self, Registry, Policies and Dial are needed.
type Config struct {
	// Self is the daemon's stable identity.
	Self     string
	TakeOver bool
	Registry *registry.Registry
	Policies Policies
	Dial     world.Dial
	Log      logr.Logger
	// Keys are the daemon's own keys for a cluster; nil for who only looks.
	Keys func(modelUUID, application string) world.Keys
	// ProbeEvery is the time between two looks at a cluster's health; default 1 s.
	ProbeEvery time.Duration
	// MetricsAddress serves /metrics, /healthz and /readyz; "0" serves nothing.
	MetricsAddress string
}

func (c Config) keys(modelUUID, application string) world.Keys {
	if c.Keys == nil {
		return nil
	}
	return c.Keys(modelUUID, application)
}

// Daemon looks after the etcd clusters of some models.
type Daemon struct {
	cfg      Config
	log      logr.Logger
	registry *registry.Registry
	models   map[string]*model
	manager  manager.Manager

	mu       sync.Mutex
	ctx      context.Context //nolint:containedctx // of Start, for the probers
	clusters map[ClusterKey]*cluster
	queue    workqueue.TypedRateLimitingInterface[ClusterKey]
	units    workqueue.TypedRateLimitingInterface[UnitKey]
}

// New makes a Daemon. It does nothing before Start.
func New(cfg Config, models []Model) (*Daemon, error) {
	if cfg.ProbeEvery == 0 {
		cfg.ProbeEvery = time.Second
	}
	if cfg.MetricsAddress == "" {
		cfg.MetricsAddress = "0"
	}
	d := &Daemon{cfg: cfg, log: cfg.Log, registry: cfg.Registry, models: map[string]*model{}, clusters: map[ClusterKey]*cluster{}}
	for _, m := range models {
		if _, twice := d.models[m.Name()]; twice {
			return nil, fmt.Errorf("cannot look after model %s twice", m.Name())
		}
		d.models[m.Name()] = newModel(m, time.Now, d.log, func(t *Trouble) { d.healthChanged(m.Name(), t) },
			func(message string) { d.addressChanged(m.Name(), message) })
	}
	if err := d.build(); err != nil {
		return nil, fmt.Errorf("cannot assemble the daemon: %w", err)
	}
	return d, nil
}

// build makes the manager, the two controllers and the models' watchers.
func (d *Daemon) build() error {
	mgr, err := manager.New(offline(), manager.Options{
		Logger:         d.log.V(1),
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return meta.NewDefaultRESTMapper(nil), nil },
		NewClient:      func(*rest.Config, client.Options) (client.Client, error) { return nil, nil },
		Metrics: metricsserver.Options{BindAddress: d.cfg.MetricsAddress, ExtraHandlers: map[string]http.Handler{
			"/healthz": http.HandlerFunc(d.healthz), "/readyz": http.HandlerFunc(d.readyz)}},
		GracefulShutdownTimeout: ptr.To(GraceOnStop),
	})
	if err != nil {
		return err
	}
	d.manager = mgr
	for _, name := range slices.Sorted(maps.Keys(d.models)) {
		m := d.models[name]
		watch := func(ctx context.Context) error { return d.watch(ctx, m) }
		if err := mgr.Add(manager.RunnableFunc(watch)); err != nil {
			return err
		}
	}
	err = builder.TypedControllerManagedBy[ClusterKey](mgr).Named("cluster").
		WatchesRawSource(source.TypedFunc[ClusterKey](d.bindClusters)).
		WithOptions(controller.TypedOptions[ClusterKey]{
			MaxConcurrentReconciles: 8, RecoverPanic: ptr.To(true), SkipNameValidation: ptr.To(true),
			RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[ClusterKey](time.Second, 30*time.Second),
		}).
		WithLogConstructor(func(k *ClusterKey) logr.Logger {
			if k == nil {
				return d.log.V(1) // controller-runtime's own comings and goings
			}
			return d.log.WithValues("cluster", k.String())
		}).
		Complete(ctrl.TypedFunc[ClusterKey](d.reconcileCluster))
	if err != nil {
		return err
	}
	return builder.TypedControllerManagedBy[UnitKey](mgr).Named("unit").
		WatchesRawSource(source.TypedFunc[UnitKey](d.bindUnits)).
		WithOptions(controller.TypedOptions[UnitKey]{
			MaxConcurrentReconciles: 16, RecoverPanic: ptr.To(true), SkipNameValidation: ptr.To(true),
			RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[UnitKey](time.Second, 30*time.Second),
		}).
		WithLogConstructor(func(k *UnitKey) logr.Logger {
			if k == nil {
				return d.log.V(1) // controller-runtime's own comings and goings
			}
			return d.log.WithValues("unit", k.String())
		}).
		Complete(ctrl.TypedFunc[UnitKey](d.reconcileUnit))
}

// offline is the configuration of an API server that does not exist: every request is refused before it leaves the process.
func offline() *rest.Config {
	return &rest.Config{Host: "https://there-is-no-api-server.invalid", Transport: refusing{}}
}

type refusing struct{}

func (refusing) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("cannot request %s: there is no API server", r.URL.Path)
}

// Start works until ctx ends. What is under way then has GraceOnStop to end: a step is finished, or abandoned where nothing
// is half done.
func (d *Daemon) Start(ctx context.Context) error {
	d.mu.Lock()
	d.ctx = ctx
	d.mu.Unlock()
	// Only when no step is under way any more: a step that is abandoned gives its lock back over these connections.
	defer func() {
		for _, c := range d.all() {
			c.close()
		}
	}()
	if err := d.manager.Start(ctx); err != nil {
		return fmt.Errorf("cannot go on: %w", err)
	}
	return nil
}

// watch follows one model and wakes the clusters in it.
func (d *Daemon) watch(ctx context.Context, m *model) error {
	err := m.source.Run(ctx, func(snapshot *jujuapi.Model) { d.notice(m, snapshot) })
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the daemon ends, which is no fault of this model's
	}
	return err
}

// notice takes in a snapshot that differs from the one before.
func (d *Daemon) notice(m *model, snapshot *jujuapi.Model) {
	m.measure()
	for _, name := range slices.Sorted(maps.Keys(snapshot.Applications)) {
		if mayRunOurCharm(snapshot.Applications[name]) {
			d.ensure(m, name)
		}
	}
	// Clusters whose application has gone are woken, too: their pass notices.
	for _, c := range d.all() {
		if c.model == m {
			d.wakeCluster(c.key)
		}
	}
}

// healthChanged has all clusters of a model record, and shown with, what Juju's health is now.
func (d *Daemon) healthChanged(model string, trouble *Trouble) {
	if trouble != nil {
		d.recordJuju(model, trouble.Kind, trouble.Message)
	} else {
		d.recordJuju(model, "Answers", "")
	}
}

// addressChanged is the same for where Juju answers.
func (d *Daemon) addressChanged(model, message string) {
	if message != "" {
		d.recordJuju(model, ReasonOtherAddress, message)
	} else {
		d.recordJuju(model, "Answers", "")
	}
}

func (d *Daemon) recordJuju(model, reason, message string) {
	for _, c := range d.all() {
		if c.key.Model == model {
			c.reporter.record(registry.RecordJuju, c.key.Application, reason, message)
			d.wakeCluster(c.key)
		}
	}
}

// ensure makes a cluster for the application, if there is none.
func (d *Daemon) ensure(m *model, application string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := ClusterKey{m.Name(), application}
	if d.clusters[key] != nil || d.ctx == nil || d.ctx.Err() != nil {
		return
	}
	remembered := memory.New()
	c := &cluster{key: key, model: m, memory: remembered,
		reporter: reporter{key: key, log: d.log.WithValues("cluster", key.String()), registry: d.registry}}
	c.observer = observe.New(observe.Config{
		Application: application, Self: d.cfg.Self, Juju: m, Dial: d.cfg.Dial, Memory: remembered, Now: time.Now,
		Policy:   func() v1alpha1.EtcdClusterSpec { return d.cfg.Policies.Spec(key.Model, key.Application) },
		TakeOver: d.cfg.TakeOver, ThroughUnits: true, Local: m.local,
		Keys: d.cfg.keys(m.Ref.UUID, application),
	})
	c.actor = act.New(act.Config{
		Application: application, Self: d.cfg.Self, Juju: m, Memory: remembered, Etcd: c.observer.Etcd, Now: time.Now,
		Reporter: c.reporter,
	})
	c.prober = newProber(d.ctx, key, d.cfg.ProbeEvery, func() { d.wakeCluster(key) })
	d.clusters[key] = c
}

// forget drops a cluster whose application has gone.
func (d *Daemon) forget(c *cluster) {
	d.mu.Lock()
	delete(d.clusters, c.key)
	d.mu.Unlock()
	c.close()
	c.model.source.Settled(c.key.Application)
	d.registry.Retain(c.key.Model, func(name string) bool { return name != c.key.Application },
		func(name string) bool { return UnitKey{c.key.Model, name}.cluster() != c.key })
	forgetMetrics(c.key)
	if !slices.ContainsFunc(d.all(), func(other *cluster) bool { return other.model == c.model }) {
		c.model.health.forgetClusters()
	}
}

func (c *cluster) close() {
	c.prober.stop()
	c.observer.Close()
}

func (d *Daemon) cluster(key ClusterKey) *cluster {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.clusters[key]
}

func (d *Daemon) all() []*cluster {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Values(d.clusters))
}

func (d *Daemon) bindClusters(_ context.Context, queue workqueue.TypedRateLimitingInterface[ClusterKey]) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queue = queue
	for key := range d.clusters {
		queue.Add(key)
	}
	return nil
}

func (d *Daemon) bindUnits(_ context.Context, queue workqueue.TypedRateLimitingInterface[UnitKey]) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.units = queue
	return nil
}

func (d *Daemon) wakeCluster(key ClusterKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.queue != nil {
		d.queue.Add(key)
	}
}

func (d *Daemon) wakeUnit(key UnitKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.units != nil {
		d.units.Add(key)
	}
}

// Wake has all clusters looked at again, as when policy files have changed.
func (d *Daemon) Wake() {
	for _, c := range d.all() {
		d.wakeCluster(c.key)
	}
}

// Models tells how the daemon stands with its models.
func (d *Daemon) Models() []registry.Model {
	var list []registry.Model
	for _, name := range slices.Sorted(maps.Keys(d.models)) {
		m := d.models[name]
		state := m.source.State()
		entry := registry.Model{Name: name, UUID: m.Ref.UUID, Connected: state.Err == nil && state.Model != nil, ReadAt: state.At}
		if state.Err != nil {
			entry.Error = state.Err.Error()
		}
		if trouble := m.health.trouble(); trouble != nil {
			entry.Trouble, entry.Error, entry.TroubleSince = trouble.Kind, trouble.Message, trouble.Since
		}
		if m.Link != nil {
			link := m.Link()
			entry.Connected, entry.Since = link.Connected, link.Since
		}
		list = append(list, entry)
	}
	return list
}

// Access tells how to reach a cluster, credentials included: for the person who asks over the daemon's own socket.
func (d *Daemon) Access(ref registry.Ref) (registry.Access, error) {
	var found []*cluster
	for _, c := range d.all() {
		if registry.Matches(ref, registry.Ref{Model: c.key.Model, Name: c.key.Application}) {
			found = append(found, c)
		}
	}
	switch {
	case len(found) == 0:
		return registry.Access{}, fmt.Errorf("there is no cluster %q: see jujuetcd get clusters", ref.Name)
	case len(found) > 1:
		return registry.Access{}, errors.New("several clusters match: name the application, and the model with --model")
	}
	credentials := found[0].observer.Credentials()
	if credentials.Empty() {
		return registry.Access{}, fmt.Errorf("there is no client certificate for %s yet: relate it to a certificate authority", found[0].key)
	}
	return registry.Access{Endpoints: found[0].serving(), CA: credentials.CA, Cert: credentials.Cert, Key: credentials.Key}, nil
}

// healthz answers while the process works at all: being cut off from Juju is not cured by a restart, but told.
func (d *Daemon) healthz(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte("ok\n"))
	for _, m := range d.Models() {
		if m.Error != "" {
			_, _ = fmt.Fprintf(w, "model %s: %s\n", m.Name, m.Error)
		}
	}
}

// readyz answers once every model has been read, and while each can be.
func (d *Daemon) readyz(w http.ResponseWriter, _ *http.Request) {
	if fault := d.unready(); fault != "" {
		http.Error(w, fault, http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

// Ready says that every model has been read, and can be.
func (d *Daemon) Ready() bool { return d.unready() == "" }

func (d *Daemon) unready() string {
	for _, m := range d.Models() {
		if m.Error != "" {
			return fmt.Sprintf("model %s cannot be read: %s", m.Name, m.Error)
		}
		if m.ReadAt.IsZero() {
			return fmt.Sprintf("model %s has not been read yet", m.Name)
		}
	}
	return ""
}
