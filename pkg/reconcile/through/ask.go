package through

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/observation"
)

// choose is the unit to ask: Juju's leader by preference, among those whose member was last seen well, and never the one
// that the change is about if there is another. With idle only units without a task count.
func (c *Cluster) choose(subject etcdops.MemberID, idle bool) (string, bool) {
	now := c.cfg.Now()
	best, bestRank := "", 0
	for _, u := range c.situation.Units {
		if !u.Provisioned || u.Lost || u.Failed || u.Facts == nil || !u.Facts.Member.Present {
			continue
		}
		if idle && c.busy(u) {
			continue
		}
		rank := 1
		if u.Leader {
			rank += 1
		}
		m, member := c.view.MemberByName(etcdops.MemberName(u.Name))
		if member && c.view.HealthOf(m).Votes() {
			rank += 2
		}
		if !u.Dying {
			rank += 4
		}
		if subject == 0 || !member || m.ID != subject {
			rank += 8
		}
		// While a restore is under way there is data of two clusters, and changes are in the latched one.
		if u.Facts.Member.ClusterID == c.situation.Latch.ClusterID {
			rank += 16
		}
		if now.After(c.avoid[u.Name]) {
			rank += 32
		}
		if rank > bestRank {
			best, bestRank = u.Name, rank
		}
	}
	return best, best != ""
}

// busy says that the unit has a reconcile, or is about to get one, or has to do with what a person runs there for long.
func (c *Cluster) busy(u observation.Unit) bool {
	_, flight := c.cfg.Memory.Flight(u.Name)
	_, _, handed := c.cfg.Memory.Handed(u.Name)
	return flight || handed || u.Task != nil && !u.Task.Ours || u.Disturbing() != nil
}

// free waits for a unit without a task.
func (c *Cluster) free(ctx context.Context, subject etcdops.MemberID) (string, error) {
	for deadline := c.cfg.Now().Add(freeWait); ; {
		if unit, ok := c.choose(subject, true); ok {
			return unit, nil
		}
		if _, ok := c.choose(subject, false); !ok {
			return "", errors.New("no unit with a member can be asked")
		}
		if !c.cfg.Now().Before(deadline) {
			return "", errors.New("every unit has another task")
		}
		if err := c.cfg.Pause(ctx, firstPoll); err != nil {
			return "", err
		}
	}
}

// delivery addresses ops to a unit.
func (c *Cluster) delivery(unit string, ops ...v1alpha1.EtcdOp) v1alpha1.EtcdUnitSpec {
	return v1alpha1.EtcdUnitSpec{
		Unit: unit, Application: c.cfg.Application, ModelUUID: c.situation.ModelUUID, Ops: ops,
		Delivery: v1alpha1.Delivery{
			Protocol: v1alpha1.Protocol, Epoch: v1alpha1.Epoch{Number: c.cfg.Memory.Claimed(), Holder: c.cfg.Self},
			NotAfter: metav1.NewTime(c.deadline(unit, ops)), ExpectClusterID: c.situation.Latch.ClusterID,
		},
	}
}

// toLook addresses a look to a unit. While a restore is under way its data may be of the cluster that
// is not latched yet, or not any more: it is asked as what it says that it is, and the view tells of
// which cluster it is. Where no other unit can be asked, nobody would see the restored member else.
func (c *Cluster) toLook(unit string) v1alpha1.EtcdUnitSpec {
	spec := c.delivery(unit, v1alpha1.EtcdOp{Kind: v1alpha1.OpLook, Endpoints: c.situation.Endpoints})
	entries, err := c.situation.Latch.Entries()
	if err != nil || !slices.ContainsFunc(entries, func(e v1alpha1.JournalEntry) bool { return e.Procedure == v1alpha1.ActionRestore }) {
		return spec
	}
	for _, u := range c.situation.Units {
		if u.Name == unit && u.Facts.Member.ClusterID != "" {
			spec.Delivery.ExpectClusterID = u.Facts.Member.ClusterID
		}
	}
	return spec
}

// ask queues the delivery, waits for its end, and keeps the view that it brings. The error says that the unit did not
// answer; what it refused is in the status.
func (c *Cluster) ask(ctx context.Context, unit string, spec v1alpha1.EtcdUnitSpec) (v1alpha1.EtcdUnitStatus, error) {
	status, err := c.exchange(ctx, unit, spec)
	if err != nil {
		if ctx.Err() == nil {
			c.avoid[unit] = c.cfg.Now().Add(avoidFor)
		}
		return status, fmt.Errorf("cannot ask etcd through %s: %w", unit, err)
	}
	for _, r := range status.Ops {
		if r.View == "" {
			continue
		}
		var v etcdops.View
		if err := json.Unmarshal([]byte(r.View), &v); err != nil {
			return status, fmt.Errorf("cannot read what %s has seen: %w", unit, err)
		}
		c.view, c.unit, c.at, c.fault = v, unit, c.cfg.Now(), nil
		return status, nil
	}
	c.avoid[unit] = c.cfg.Now().Add(avoidFor)
	return status, fmt.Errorf("%s has not looked at etcd: %s %s", unit, status.Reason, status.Message)
}

func (c *Cluster) exchange(ctx context.Context, unit string, spec v1alpha1.EtcdUnitSpec) (v1alpha1.EtcdUnitStatus, error) {
	var status v1alpha1.EtcdUnitStatus
	text, err := json.Marshal(spec)
	if err != nil {
		return status, err
	}
	task, err := c.cfg.Juju.Enqueue(ctx, unit, v1alpha1.ActionReconcile, map[string]any{v1alpha1.ParameterDesired: string(text)})
	if err != nil {
		return status, err
	}
	deadline := c.cfg.Now().Add(patience)
	for interval := firstPoll; !task.Status.Final(); interval = min(interval*3/2, lastPoll) {
		if !c.cfg.Now().Before(deadline) {
			return status, fmt.Errorf("task %s has not ended within %s", task.ID, patience)
		}
		if err := c.cfg.Pause(ctx, interval); err != nil {
			return status, err
		}
		id := task.ID
		if task, err = c.cfg.Juju.Task(ctx, id); err != nil {
			return status, err
		}
	}
	result := v1alpha1.ResultText(task.Output)
	if task.Status != jujuapi.TaskCompleted || result == "" {
		return status, fmt.Errorf("task %s is %s: %s", task.ID, task.Status, task.Message)
	}
	if err := json.Unmarshal([]byte(result), &status); err != nil {
		return status, fmt.Errorf("cannot read the result of task %s: %w", task.ID, err)
	}
	known := []v1alpha1.Outcome{v1alpha1.OutcomeApplied, v1alpha1.OutcomeRefused, v1alpha1.OutcomeFailed}
	if !slices.Contains(known, status.Outcome) {
		return status, fmt.Errorf("task %s has the unexpected outcome %q", task.ID, status.Outcome)
	}
	return status, nil
}

// deadline is until when the ops may begin, by the unit's clock. One that is ahead is given what it lacks for looks, which change nothing.
func (c *Cluster) deadline(unit string, ops []v1alpha1.EtcdOp) time.Time {
	at := c.cfg.Now().Add(answerTTL)
	clock, _ := c.cfg.Memory.Clock(unit)
	if clock.Ahead > 0 && slices.ContainsFunc(ops, v1alpha1.EtcdOp.Changes) {
		return at
	}
	return at.Add(clock.Ahead)
}
