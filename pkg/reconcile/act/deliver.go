package act

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/memory"
	"jujuetcd.io/pkg/reconcile/observation"
)

const (
	reasonJuju      = "Juju"     // Juju could not queue the task, or ended it without the agent's word
	reasonNoResult  = "NoResult" // the task ended and its result cannot be read
	firstPoll       = 50 * time.Millisecond
	slowestPoll     = 2 * time.Second
	overduePoll     = 15 * time.Second
	firstBackoff    = 5 * time.Second
	slowestBackoff  = 2 * time.Minute
	firstProgress   = 2 * time.Second
	slowestProgress = 20 * time.Second
)

// Progress is how far a unit's delivery is.
type Progress struct {
	// Done says that nothing is on its way to the unit.
	Done bool
	// After is when Deliver should be called again, if not Done.
	After time.Duration
	// Ended is the result, in the one call that has seen the delivery end.
	Ended *observation.Result
}

// Deliver moves the unit's delivery on by one request or two, and never waits: it queues what was
// handed, or asks Juju how the queued task does and records its end. Calls for one unit must not
// overlap. An error is Juju's; the delivery goes on with the next call.
func (a *Actor) Deliver(ctx context.Context, unit string) (Progress, error) {
	if f, ok := a.cfg.Memory.Flight(unit); ok {
		return a.follow(ctx, unit, f)
	}
	d, _, ok := a.cfg.Memory.Handed(unit)
	if !ok {
		return Progress{Done: true}, nil
	}
	return a.enqueue(ctx, d)
}

// enqueue queues the delivery, unless Juju has one for the unit already, which cannot be cancelled
// and would run beside ours, or a person runs there what it would wait behind.
func (a *Actor) enqueue(ctx context.Context, d observation.Delivery) (Progress, error) {
	tasks, err := a.cfg.Juju.Tasks(ctx, a.cfg.Application)
	if err != nil {
		return Progress{After: firstBackoff}, fmt.Errorf("cannot see what is pending for %s: %w", d.Unit, err)
	}
	for _, t := range tasks {
		if goesBefore(t, d) {
			// The world will have changed when it has ended: let the planner think again.
			a.cfg.Memory.Withdraw(d.Unit)
			a.cfg.Memory.Touch()
			return Progress{Done: true}, nil
		}
	}

	now := a.cfg.Now()
	deadline := now.Add(v1alpha1.DeliveryTTL)
	spec := d.Spec
	spec.Delivery.Protocol = v1alpha1.Protocol
	spec.Delivery.Hash = spec.Hash()
	spec.Delivery.NotAfter = metav1.NewTime(a.byUnitsClock(d, deadline))
	d.Spec = spec
	text, err := json.Marshal(spec)
	if err != nil {
		return Progress{}, fmt.Errorf("cannot encode the desired state of %s: %w", d.Unit, err)
	}
	task, err := a.cfg.Juju.Enqueue(ctx, d.Unit, v1alpha1.ActionReconcile, map[string]any{v1alpha1.ParameterDesired: string(text)})
	if err != nil {
		// It may have been queued all the same: the next observation lists it then.
		err = fmt.Errorf("cannot queue %s on %s: %w", v1alpha1.ActionReconcile, d.Unit, err)
		r := a.land(d, 0, now, v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeFailed, Reason: reasonJuju, Message: err.Error()})
		return Progress{Done: true, Ended: &r}, err
	}
	id, err := strconv.ParseInt(task.ID, 10, 64)
	if err != nil {
		err = fmt.Errorf("cannot read the task number that Juju gave: %w", err)
		r := a.land(d, 0, now, v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeFailed, Reason: reasonJuju, Message: err.Error()})
		return Progress{Done: true, Ended: &r}, err
	}
	a.cfg.Memory.Sent(memory.Flight{Task: id, Delivery: d, Enqueued: now, Taken: a.cfg.Now(), Deadline: deadline})
	a.cfg.Reporter.Queued(d, id)
	return Progress{After: firstPoll}, nil
}

func (a *Actor) follow(ctx context.Context, unit string, f memory.Flight) (Progress, error) {
	task, err := a.cfg.Juju.Task(ctx, strconv.FormatInt(f.Task, 10))
	if errors.Is(err, jujuapi.ErrNotFound) {
		// It went with its unit.
		r := a.land(f.Delivery, f.Task, f.Enqueued, v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeFailed, Reason: reasonJuju,
			Message: fmt.Sprintf("task %d on %s is gone", f.Task, unit)})
		return Progress{Done: true, Ended: &r}, nil
	}
	if err != nil {
		return Progress{After: slowestPoll}, fmt.Errorf("cannot ask for task %d on %s: %w", f.Task, unit, err)
	}
	if !task.Status.Final() {
		a.cfg.Memory.Seen(unit, f.Task, task.Status != jujuapi.TaskPending)
		after := min(scale(firstPoll, 1.5, f.Polls), slowestPoll)
		if a.cfg.Now().After(f.Deadline) {
			// Its agent is away: the task stays pending until it is back, and will then be refused
			// as late.
			after = overduePoll
		}
		return Progress{After: after}, nil
	}
	status := result(task)
	if clock, ok := clockOf(task, f, status, a.cfg.Now()); ok {
		a.cfg.Memory.Clocked(unit, clock)
	}
	r := a.land(f.Delivery, f.Task, f.Enqueued, status)
	return Progress{Done: true, Ended: &r}, nil
}

// result is the agent's word, or what Juju says in its place.
func result(t jujuapi.Task) v1alpha1.EtcdUnitStatus {
	failed := func(reason, message string) v1alpha1.EtcdUnitStatus {
		return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeFailed, Reason: reason, Message: message}
	}
	text := v1alpha1.ResultText(t.Output)
	if text == "" {
		if t.Status == jujuapi.TaskCompleted {
			return failed(reasonNoResult, fmt.Sprintf("task %s on %s has no result %q", t.ID, t.Unit, v1alpha1.ResultStatus))
		}
		return failed(reasonJuju, fmt.Sprintf("task %s on %s is %s: %s", t.ID, t.Unit, t.Status, t.Message))
	}
	var status v1alpha1.EtcdUnitStatus
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		return failed(reasonNoResult, fmt.Sprintf("cannot read the result of task %s on %s: %v", t.ID, t.Unit, err))
	}
	if t.Status != jujuapi.TaskCompleted {
		// What the agent wrote in Juju (databags, ports) was not committed, whatever it did on the
		// machine.
		return failed(reasonJuju, fmt.Sprintf("task %s on %s is %s: %s", t.ID, t.Unit, t.Status, t.Message))
	}
	switch status.Outcome {
	case v1alpha1.OutcomeApplied, v1alpha1.OutcomeInProgress, v1alpha1.OutcomeRefused, v1alpha1.OutcomeFailed:
		return status
	}
	return failed(reasonNoResult, fmt.Sprintf("task %s on %s has the unknown outcome %q", t.ID, t.Unit, status.Outcome))
}

// land records how the delivery ended.
func (a *Actor) land(d observation.Delivery, task int64, enqueued time.Time, s v1alpha1.EtcdUnitStatus) observation.Result {
	now := a.cfg.Now()
	r := observation.Result{Task: task, Hash: d.Spec.Hash(), At: now, Outcome: s.Outcome, Reason: s.Reason, Message: s.Message,
		Ports: d.Spec.OpenPorts, Channels: s.Channels, Snapshot: d.Spec.Delivery.Snapshot, Drill: d.Spec.Delivery.Drill}
	if s.Facts != nil && s.Facts.Applied != nil {
		r.Published = s.Facts.Applied.Clients
	}
	words := d.Spec.Delivery.WordsOnly
	last, _ := a.cfg.Memory.Last(d.Unit)
	if words {
		last, _ = a.cfg.Memory.LastWords(d.Unit)
	}
	if len(s.Channels) == 0 && s.Outcome != v1alpha1.OutcomeApplied {
		r.Channels = last.Channels // what the store has is known until the snap is there
	}
	if request := d.Spec.Latch; request != nil && request.Claim != nil && granted(s) {
		a.cfg.Memory.Claim(d.Spec.Delivery.Epoch.Number)
	}
	switch s.Outcome {
	case v1alpha1.OutcomeApplied:
	case v1alpha1.OutcomeInProgress:
		r.Failures = last.Failures + 1
		r.NotBefore = now.Add(a.jittered(min(scale(firstProgress, 1.5, r.Failures-1), slowestProgress)))
	default:
		r.Failures = last.Failures + 1
		r.NotBefore = now.Add(a.backoff(r.Failures))
	}
	a.cfg.Memory.Landed(d.Unit, r, words)
	a.cfg.Reporter.Delivered(d, r, now.Sub(enqueued))
	return r
}

// granted says that the unit has written what the delivery asked of the latch: it does so with
// every word of its own but a refusal, so that a machine in trouble does not make its daemon claim
// again and again.
func granted(s v1alpha1.EtcdUnitStatus) bool {
	return s.Outcome != v1alpha1.OutcomeRefused && s.Reason != reasonJuju && s.Reason != reasonNoResult
}

// backoff is how long to wait after the n-th failure in a row: 5 s, doubling to 2 min, jittered by
// a quarter.
func (a *Actor) backoff(failures int) time.Duration {
	return a.jittered(min(scale(firstBackoff, 2, failures-1), slowestBackoff))
}

func (a *Actor) jittered(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.875 + 0.25*a.cfg.Jitter()))
}

// scale is d × factor^n, without overflow.
func scale(d time.Duration, factor float64, n int) time.Duration {
	return time.Duration(float64(d) * math.Pow(factor, float64(min(max(n, 0), 20))))
}
