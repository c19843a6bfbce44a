package act

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"jujuetcd.io/pkg/reconcile/memory"
	"jujuetcd.io/pkg/reconcile/planner"
	"jujuetcd.io/pkg/reconcile/world"
)

// ErrFenced says that another daemon, or a later run of this one, holds the cluster's epoch. Nothing was done.
var ErrFenced = errors.New("another daemon holds this cluster's epoch")

// ErrGuard says that the guard, asked again right before the change, forbids it now. Nothing was done.
var ErrGuard = errors.New("the guard forbids it now")

// Reporter hears of everything that this package does to the world. Its methods must not block.
type Reporter interface {
	// Queued: Juju has taken the delivery as this task.
	Queued(d planner.Delivery, task int64)
	// Delivered: the delivery has ended. took is from queueing to the observed end.
	Delivered(d planner.Delivery, r planner.Result, took time.Duration)
	// Stepped: a membership step has ended, with an error if it was not done.
	Stepped(s planner.Step, err error, took time.Duration)
}

// Config is what an Actor is made of. Jitter and Reporter may be left out.
type Config struct {
	Application string
	// Self is the daemon's identity.
	Self   string
	Juju   world.Juju
	Memory *memory.Memory
	// Etcd is the connection that the observer keeps.
	Etcd func() world.Etcd
	Now  func() time.Time
	// Jitter gives numbers in [0,1).
	Jitter   func() float64
	Reporter Reporter
}

// Actor acts on one cluster. It is safe for concurrent use: deliveries to different units go on beside each other.
type Actor struct {
	cfg Config
}

// New makes an Actor.
func New(cfg Config) *Actor {
	if cfg.Jitter == nil {
		cfg.Jitter = rand.Float64
	}
	if cfg.Reporter == nil {
		cfg.Reporter = silent{}
	}
	return &Actor{cfg: cfg}
}

// Act performs the step. A unit step is handed to the memory, and done by Deliver; a membership step is done when Act
// returns nil. Failures of membership steps are counted in the memory, so that the next observation shows them.
func (a *Actor) Act(ctx context.Context, obs planner.Observation, step planner.Step) error {
	switch step.Kind {
	case planner.StepWait:
		return nil
	case planner.StepAddLearner, planner.StepPromote, planner.StepRemove, planner.StepMoveLeader,
		planner.StepUpdatePeer:
		return a.change(ctx, obs, step)
	}
	if len(step.Units) == 0 {
		return fmt.Errorf("cannot do step %s: it names no unit", step.Kind)
	}
	if step.Kind != planner.StepClaim && !holds(obs.Latch.Epoch, obs) {
		return fmt.Errorf("cannot do step %s: the latch has epoch %s: %w", step.Kind, obs.Latch.Epoch, ErrFenced)
	}
	for _, d := range step.Units {
		a.cfg.Memory.Hand(d, a.cfg.Now())
	}
	return nil
}

type silent struct{}

func (silent) Queued(planner.Delivery, int64)                            {}
func (silent) Delivered(planner.Delivery, planner.Result, time.Duration) {}
func (silent) Stepped(planner.Step, error, time.Duration)                {}
