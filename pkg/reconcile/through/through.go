package through

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/pause"
	"jujuetcd.io/pkg/reconcile/memory"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/world"
)

// Times.
const (
	// DefaultEvery is how old a look may be in a cluster where nothing is done and nothing hints at
	// a change.
	DefaultEvery = time.Minute
	// soonest is how old it may be at first while a step is waited for; it grows while looks show
	// nothing new.
	soonest = 2 * time.Second
	// fresh is how old a look may be that a change is decided on: the unit looks again before it
	// acts.
	fresh = 5 * time.Second
	// answerTTL is until when a unit may begin, and patience how long its answer is waited for.
	answerTTL = 30 * time.Second
	patience  = 45 * time.Second
	// freeWait is how long a change waits for a unit without a task.
	freeWait = 15 * time.Second
	// avoidFor is how long a unit that did not answer is not asked again, if there are others.
	avoidFor  = time.Minute
	firstPoll = 50 * time.Millisecond
	lastPoll  = time.Second
)

// Config is what a Cluster is made of. Every and Pause may be left out.
type Config struct {
	Application string
	// Self is the daemon's identity.
	Self   string
	Juju   world.Juju
	Memory *memory.Memory
	Now    func() time.Time
	// Every replaces DefaultEvery, and Pause how time passes.
	Every time.Duration
	Pause func(ctx context.Context, d time.Duration) error
}

// Situation is what the current observation shows of Juju.
type Situation struct {
	ModelUUID string
	Units     []observation.Unit
	Latch     v1alpha1.Latch
	// Endpoints are where members may answer.
	Endpoints []string
	LagLimit  int64
	// Waiting says that a step is under way or waited for.
	Waiting bool
}

// Cluster is one cluster, reached through its units. It is a world.Etcd.
type Cluster struct {
	cfg Config

	mu        sync.Mutex
	situation Situation
	view      etcdops.View
	unit      string    // through which the view was made
	at        time.Time // zero: there is no view, or it is outdated
	hints     string
	tried     time.Time
	interval  time.Duration
	fault     error
	avoid     map[string]time.Time
}

// New makes a Cluster. It does nothing before it is asked.
func New(cfg Config) *Cluster {
	cfg.Every = cmp.Or(cfg.Every, DefaultEvery)
	if cfg.Pause == nil {
		cfg.Pause = pause.For
	}
	return &Cluster{cfg: cfg, avoid: map[string]time.Time{}}
}

// See takes in the situation, looks if that is due, and returns the latest view with the unit that
// it was made through. The error is why the last look failed; the view is then an older one, or,
// with an empty unit, none at all.
func (c *Cluster) See(ctx context.Context, s Situation) (etcdops.View, string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.situation = s
	hints := hintsOf(s)
	if c.due(hints) {
		before := digest(c.view)
		c.hints = hints
		c.look(ctx)
		if c.interval = min(c.interval*3/2, c.cfg.Every); digest(c.view) != before || c.interval == 0 {
			c.interval = soonest
		}
	}
	return c.view, c.unit, c.fault
}

func (c *Cluster) due(hints string) bool {
	now := c.cfg.Now()
	every := c.cfg.Every
	if c.situation.Waiting || c.fault != nil {
		every = min(every, c.interval)
	}
	switch {
	case c.fault != nil:
		return !now.Before(c.tried.Add(every))
	case c.at.IsZero(), hints != c.hints:
		return true
	}
	// Passes of a settled cluster come at this very interval: the one that comes an instant early
	// is not to be missed.
	return !now.Before(c.at.Add(every - every/20))
}

// look makes a look through a free unit; without one it is left for later.
func (c *Cluster) look(ctx context.Context) {
	c.tried = c.cfg.Now()
	unit, ok := c.choose(0, true)
	if !ok {
		c.hints = ""
		if c.at.IsZero() {
			c.fault = errors.New("no unit is free to look at etcd")
		}
		return
	}
	_, c.fault = c.ask(ctx, unit, c.toLook(unit))
}

// hintsOf is what, when it changes, makes an early look worth its action: units that come and go,
// what they publish and show (their own update-status reports trouble), and how deliveries ended.
// What a look itself changes in Juju is not in it.
func hintsOf(s Situation) string {
	var b strings.Builder
	for _, u := range s.Units {
		facts, _ := json.Marshal(u.Facts) // plain values: it always encodes
		fmt.Fprintf(&b, "%s %v %v %v %v %s %q", u.Name, u.Dying, u.Lost, u.Failed, u.Provisioned, facts, u.Shown)
		if u.Last != nil {
			fmt.Fprintf(&b, " %d %s", u.Last.Task, u.Last.Outcome)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// digest is what a look is made for, without what changes all the time.
func digest(v etcdops.View) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s", v.Listed, v.Leader())
	for _, m := range v.Members {
		h := v.HealthOf(m)
		fmt.Fprintf(&b, " %s %q %v %v %q", m.ID, m.Name, m.Learner, h.Serves, h.Fault)
	}
	return b.String()
}

// Unit is the unit that the latest view was made through; empty if there is none.
func (c *Cluster) Unit() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unit
}

// Look implements world.Etcd: the latest view while it is fresh, else a new one.
func (c *Cluster) Look(ctx context.Context, _ []string) etcdops.View {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.at.IsZero() && c.cfg.Now().Sub(c.at) < fresh {
		return c.view
	}
	if c.look(ctx); c.fault != nil {
		return etcdops.View{At: c.cfg.Now(), Err: c.fault.Error()}
	}
	return c.view
}

// Do implements world.Etcd: a unit makes the change and looks afterwards. Whatever it answers, the
// next decision is made on what is then.
func (c *Cluster) Do(ctx context.Context, v etcdops.View, change etcdops.Change) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	asked := change.Op()
	op := v1alpha1.EtcdOp{Kind: v1alpha1.OpKind(asked.Kind), Member: asked.Member.String(), PeerURL: asked.PeerURL,
		Endpoints: c.situation.Endpoints, LagLimit: c.situation.LagLimit}
	for _, m := range v.Members {
		op.ExpectMembers = append(op.ExpectMembers, m.ID.String())
	}
	slices.Sort(op.ExpectMembers)
	unit, err := c.free(ctx, change.Subject())
	if err != nil {
		return fmt.Errorf("cannot %s through a unit: %w", op.Kind, err)
	}
	spec := c.delivery(unit, op, v1alpha1.EtcdOp{Kind: v1alpha1.OpLook, Endpoints: c.situation.Endpoints})
	spec.Delivery.ExpectClusterID = v.ClusterID.String()
	c.at = time.Time{}
	status, err := c.ask(ctx, unit, spec)
	if err != nil {
		return err
	}
	if status.Outcome != v1alpha1.OutcomeApplied {
		return fmt.Errorf("%s through %s: %s (%s): %s", op.Kind, unit, status.Outcome, status.Reason, status.Message)
	}
	return nil
}

// Under implements world.Etcd: the unit that makes a change holds the lock key while it does
// (etcdops.Under, next to the act), so that nothing is held here, and nothing ends do.
func (c *Cluster) Under(ctx context.Context, _ etcdops.Hold, do func(context.Context) error) error {
	return do(ctx)
}

// Close implements world.Etcd. There is nothing to close.
func (c *Cluster) Close() {}
