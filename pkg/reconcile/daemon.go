package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"jujuetcd.io/pkg/reconcile/registry"
)

// GraceOnStop is how long a step has to end when the daemon is told to stop.
const GraceOnStop = 10 * time.Second

// Daemon looks after the etcd clusters of some models.
type Daemon struct {
	models   []*model // by name
	clusters *clusters
	health   healthEndpoints
	manager  ctrl.Manager
}

// New makes a Daemon. It does nothing before Start.
func New(cfg Config, models []Model) (*Daemon, error) {
	cfg = cfg.withDefaults()
	d := &Daemon{clusters: newClusters(cfg)}
	for _, m := range models {
		if slices.ContainsFunc(d.models, func(other *model) bool { return other.Name() == m.Name() }) {
			return nil, fmt.Errorf("cannot look after model %s twice", m.Name())
		}
		d.models = append(d.models, newModel(m, time.Now, cfg.Log,
			func(t *Trouble) { d.clusters.jujuHealthChanged(m.Name(), t) },
			func(message string) { d.clusters.jujuAddressChanged(m.Name(), message) }))
	}
	slices.SortFunc(d.models, func(a, b *model) int { return strings.Compare(a.Name(), b.Name()) })
	d.health = healthEndpoints{d.Models}
	if err := d.assemble(cfg); err != nil {
		return nil, fmt.Errorf("cannot assemble the daemon: %w", err)
	}
	return d, nil
}

// assemble makes the manager, and adds what it runs: a watcher for each model, and the two
// controllers.
func (d *Daemon) assemble(cfg Config) error {
	mgr, err := newManager(cfg, d.health)
	if err != nil {
		return err
	}
	d.manager = mgr
	for _, m := range d.models {
		if err := mgr.Add(&modelWatcher{model: m, clusters: d.clusters, grantEvery: cfg.GrantEvery}); err != nil {
			return err
		}
	}
	units := &unitReconciler{clusters: d.clusters, log: cfg.Log}
	if err := units.SetupWithManager(mgr); err != nil {
		return err
	}
	return (&clusterReconciler{
		clusters: d.clusters, units: &units.wakeups, registry: cfg.Registry, policies: cfg.Policies, log: cfg.Log,
	}).SetupWithManager(mgr)
}

// Start works until ctx ends. What is under way then has GraceOnStop to end: a step is finished, or
// abandoned where nothing is half done.
func (d *Daemon) Start(ctx context.Context) error {
	// Only when no step is under way any more: a step that is abandoned gives its lock back over
	// these connections.
	defer d.clusters.close()
	if err := d.manager.Start(ctx); err != nil {
		return fmt.Errorf("cannot go on: %w", err)
	}
	return nil
}

// Wake has all clusters looked at again, as when policy files have changed.
func (d *Daemon) Wake() { d.clusters.wakeAll() }

// Ready says that every model has been read, and can be.
func (d *Daemon) Ready() bool { return d.health.unready() == "" }

// Models says how the daemon stands with its models.
func (d *Daemon) Models() []registry.Model {
	var list []registry.Model
	for _, m := range d.models {
		list = append(list, m.standing())
	}
	return list
}

// Access says how to reach a cluster, credentials included: for the person who asks over the
// daemon's own socket.
func (d *Daemon) Access(ref registry.Ref) (registry.Access, error) {
	c, err := d.clusters.find(ref)
	if err != nil {
		return registry.Access{}, err
	}
	return c.access()
}
