package reconcile

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/act"
	"jujuetcd.io/pkg/reconcile/memory"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/observe"
	"jujuetcd.io/pkg/reconcile/planner"
	"jujuetcd.io/pkg/reconcile/registry"
)

// cluster is one application at work, ours or not yet. Its passes never overlap: the controller's
// queue sees to that.
type cluster struct {
	key      ClusterKey
	log      logr.Logger
	model    *model
	observer *observe.Observer
	actor    *act.Actor
	prober   *prober
	reporter reporter

	// Of the pass, which is one at a time.
	managed bool // it has been seen to be ours
	waiting bool
	step    string
	since   time.Time
	phase   v1alpha1.ClusterPhase
	spec    v1alpha1.EtcdClusterSpec
	status  v1alpha1.EtcdClusterStatus
	// certificates are those that metrics show.
	certificates map[unitCertificate]bool

	mu      sync.Mutex
	serving []string // client URLs of healthy members, at the last pass
}

// newCluster makes what a pass needs. wake asks for a pass; ctx ends the prober, which does nothing
// before it is started.
func newCluster(ctx context.Context, cfg Config, m *model, key ClusterKey, wake func()) *cluster {
	remembered := memory.New()
	c := &cluster{key: key, model: m, log: cfg.Log.WithValues("cluster", key.String())}
	c.reporter = reporter{key: key, log: c.log, registry: cfg.Registry}
	c.observer = observe.New(observe.Config{
		Application: key.Application, Self: cfg.Self, Juju: m, Dial: cfg.Dial, Memory: remembered, Now: time.Now,
		Policy:   func() v1alpha1.EtcdClusterSpec { return cfg.Policies.Spec(key.Model, key.Application) },
		TakeOver: cfg.TakeOver, ThroughUnits: true, Local: m.local,
		Keys: cfg.keys(m.Ref.UUID, key.Application),
	})
	c.actor = act.New(act.Config{
		Application: key.Application, Self: cfg.Self, Juju: m, Memory: remembered, Etcd: c.observer.Etcd, Now: time.Now,
		Reporter: c.reporter,
	})
	c.prober = newProber(ctx, key, cfg.ProbeEvery, wake)
	return c
}

func (c *cluster) close() {
	c.prober.stop()
	c.observer.Close()
}

// note logs a step, or what is waited for, once.
func (c *cluster) note(obs observation.Observation, step planner.Step, pending bool) {
	is := ""
	if pending {
		is = step.Key() + ": " + step.Reason
	}
	if is == c.step && !c.since.IsZero() {
		return
	}
	c.step, c.since = is, obs.Now
	switch {
	case !pending:
		c.log.Info("Cluster is as wanted")
		c.reporter.record(registry.RecordSettled, c.key.Application, "AsWanted", "")
	case step.Kind == planner.StepWait:
		c.log.Info("Waiting", "reason", step.Reason, "person", step.Person)
		reason := "World"
		if step.Person {
			reason = "Person"
		}
		c.reporter.record(registry.RecordWaiting, c.key.Application, reason, step.Reason)
	default:
		c.log.Info("Step", "step", step.Kind, "target", step.Target(obs.Application), "reason", step.Reason)
		c.reporter.record(registry.RecordStep, step.Target(obs.Application), string(step.Kind), step.Reason)
	}
}

// notePhase logs a new phase, once, and keeps where the cluster can be reached.
func (c *cluster) notePhase(serving []string) {
	c.mu.Lock()
	c.serving = serving
	c.mu.Unlock()
	if is := c.status.Phase; is != c.phase {
		c.log.Info("Phase", "phase", is, "before", c.phase, "message", c.status.Message)
		c.reporter.record(registry.RecordPhase, c.key.Application, string(is), c.status.Message)
		c.phase = is
	}
}

// access says how to reach the cluster, credentials included. It is safe for concurrent use.
func (c *cluster) access() (registry.Access, error) {
	credentials := c.observer.Credentials()
	if credentials.Empty() {
		return registry.Access{}, fmt.Errorf("there is no client certificate for %s yet: relate it to a certificate authority", c.key)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return registry.Access{Endpoints: c.serving, CA: credentials.CA, Cert: credentials.Cert, Key: credentials.Key}, nil
}
