package act

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/memory"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
	"jujuetcd.io/pkg/reconcile/world"
)

// ErrFenced says that another daemon, or a later run of this one, holds the cluster's epoch.
// Nothing was done.
var ErrFenced = errors.New("another daemon holds this cluster's epoch")

// ErrGuard says that the guard, asked again right before the change, forbids it now. Nothing was
// done.
var ErrGuard = errors.New("the guard forbids it now")

// Reporter hears of everything that this package does to the world. Its methods must not block.
type Reporter interface {
	// Queued: Juju has taken the delivery as this task.
	Queued(d observation.Delivery, task int64)
	// Delivered: the delivery has ended. took is from queueing to the observed end.
	Delivered(d observation.Delivery, r observation.Result, took time.Duration)
	// Stepped: a step that is no delivery has ended, with an error if it was not done.
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

// Actor acts on one cluster. It is safe for concurrent use: deliveries to different units go on
// beside each other.
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

// Act performs the step; of a Wait it hands out the words. A unit step is handed to the memory, and
// done by Deliver; a membership step or an exposure is done when Act returns nil. Failures of those
// are counted in the memory, so that the next observation shows them.
func (a *Actor) Act(ctx context.Context, obs observation.Observation, step planner.Step) error {
	if step.Disruptive() {
		if err := a.alone(ctx, obs); err != nil {
			return fmt.Errorf("cannot do step %s: %w", step.Key(), err)
		}
	}
	switch step.Kind {
	case planner.StepWait:
		return a.handWords(obs, step.Words)
	case planner.StepExpose:
		return a.rested(step, exposeRest, func() error { return a.expose(ctx, obs, step) })
	}
	if step.Change != nil {
		return a.rested(step, step.Rest(), func() error { return a.changeLocked(ctx, obs, step) })
	}
	if len(step.Units) == 0 {
		return fmt.Errorf("cannot do step %s: it names no unit", step.Kind)
	}
	return a.hand(obs, string(step.Kind), step.Units)
}

// handWords hands out the words of a Wait.
func (a *Actor) handWords(obs observation.Observation, words []observation.Delivery) error {
	return a.hand(obs, "that only tells", words)
}

// hand gives deliveries to the courier. But for a claim, they are made only by who holds the epoch.
func (a *Actor) hand(obs observation.Observation, step string, deliveries []observation.Delivery) error {
	for _, d := range deliveries {
		if claim := d.Spec.Latch != nil && d.Spec.Latch.Claim != nil; !claim && !holds(obs.Latch.Epoch, obs) {
			return fmt.Errorf("cannot do step %s: the latch has epoch %s: %w", step, obs.Latch.Epoch, ErrFenced)
		}
	}
	for _, d := range deliveries {
		a.cfg.Memory.Hand(d, a.cfg.Now())
	}
	return nil
}

// counted does a step that is no delivery, and records how it ended.
func (a *Actor) counted(step planner.Step, do func() error) error {
	began := a.cfg.Now()
	err := do()
	if err != nil {
		attempts, _ := a.cfg.Memory.Attempts()
		a.cfg.Memory.Failed(step.Key(), err.Error(), a.cfg.Now().Add(a.backoff(attempts[step.Key()]+1)))
		err = fmt.Errorf("cannot do step %s: %w", step.Key(), err)
	} else {
		a.cfg.Memory.Succeeded(step.Key())
		a.joined(step)
	}
	a.cfg.Reporter.Stepped(step, err, a.cfg.Now().Sub(began))
	return err
}

// joined keeps the row of those that join: whose member was taken back waits, and who votes has
// forgotten it.
func (a *Actor) joined(step planner.Step) {
	key := planner.JoinKey(step.Unit)
	switch {
	case step.TakesBack != "":
		attempts, _ := a.cfg.Memory.Attempts()
		a.cfg.Memory.Failed(key, step.TakesBack, a.cfg.Now().Add(planner.JoinPause(attempts[key]+1)))
	case step.Kind == planner.StepPromote:
		a.cfg.Memory.Succeeded(key)
	}
}

// rested is counted for a step that, once it was done, is not done again for so long; zero is at
// once.
func (a *Actor) rested(step planner.Step, rest time.Duration, do func() error) error {
	err := a.counted(step, do)
	if err == nil && rest > 0 {
		a.cfg.Memory.Rest(step.Key(), a.cfg.Now().Add(rest))
	}
	return err
}

// exposeRest is how long an exposure that was made is not made again: Juju shows it at once, and
// one that it does not show, or that a person takes back, is not worth a quarrel.
const exposeRest = 30 * time.Second

// expose opens an endpoint to us. Like a change it is made only by who holds the epoch.
func (a *Actor) expose(ctx context.Context, obs observation.Observation, step planner.Step) error {
	if err := a.ownEpoch(ctx, obs); err != nil {
		return err
	}
	a.cfg.Memory.Touch()
	return a.cfg.Juju.ExposeTo(ctx, a.cfg.Application, v1alpha1.EndpointDB, step.CIDRs)
}

type silent struct{}

func (silent) Queued(observation.Delivery, int64)                                {}
func (silent) Delivered(observation.Delivery, observation.Result, time.Duration) {}
func (silent) Stepped(planner.Step, error, time.Duration)                        {}
