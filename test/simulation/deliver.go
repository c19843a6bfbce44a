package simulation

import (
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/planner"
)

// Hold keeps every task that waits for the unit, or is queued from now on, from running until Release: its agent is busy, or
// away, for hours. Juju cannot cancel tasks, so one day they run.
func (s *Sim) Hold(u *Unit) {
	u.agent.held = true
	for _, t := range s.juju.tasks {
		if t.unit == u && !t.status.Final() {
			t.hold = true
		}
	}
}

// Release lets the unit's agent run what has been held.
func (s *Sim) Release(u *Unit) {
	u.agent.held = false
	for _, t := range s.juju.tasks {
		t.hold = t.hold && t.unit != u
	}
	u.agent.work()
}

// Deliver hands the unit a delivery of the test's own making, past the daemon, and returns what the agent answers. Its
// NotAfter is two minutes ahead unless change sets it.
func (s *Sim) Deliver(u *Unit, change func(*v1alpha1.EtcdUnitSpec)) (v1alpha1.EtcdUnitStatus, error) {
	obs, err := s.daemon.observer.Observe(s.daemon.ctx, true)
	if err != nil {
		return v1alpha1.EtcdUnitStatus{}, fmt.Errorf("cannot observe: %w", err)
	}
	spec := planner.Desired(obs, u.Name)
	if e := s.latch.Epoch; e != nil {
		spec.Delivery.Epoch = *e
	}
	spec.Delivery.NotAfter = metav1.NewTime(s.now.Add(2 * time.Minute))
	change(&spec)
	s.juju.counter++
	t := &task{id: s.juju.counter, unit: u, spec: spec, status: "pending", enqueued: s.now}
	s.juju.tasks = append(s.juju.tasks, t)
	s.At(0, u.agent.work)
	if err := s.Until(func() bool { return t.status.Final() }, time.Minute); err != nil {
		return v1alpha1.EtcdUnitStatus{}, err
	}
	var status v1alpha1.EtcdUnitStatus
	text, _ := t.output["status"].(string)
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		return v1alpha1.EtcdUnitStatus{}, fmt.Errorf("cannot read the result: %w", err)
	}
	return status, nil
}

// Disk is what the unit's machine and its databag hold, as text: what a refused delivery must not change.
func (s *Sim) Disk(u *Unit) string {
	a := u.agent
	return fmt.Sprintf("%+v %+v %s up=%t %s %s %v latch=%+v", *a.record, a.process.data, a.files, a.process.up, u.databag,
		u.status.Message, u.ports, a.unit.app.latch)
}
