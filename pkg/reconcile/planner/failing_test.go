package planner_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// TestAChangeThatFailsAgainAndAgainIsReported: what only its fault can show, such as a lock key
// that never goes by itself, comes into the status of the application after some tries, and goes
// when the change is made or not wanted any more.
func TestAChangeThatFailsAgainAndAgainIsReported(t *testing.T) {
	const fault = "cannot take the cluster's lock: the key has no lease"
	key := planner.Step{Kind: planner.StepAddLearner, Unit: "etcd/3"}.Key()
	for _, c := range []struct {
		name     string
		attempts int
		ago      time.Duration // since it may be tried again
		key      string
		fault    string
		want     bool
	}{
		{"four times", 4, -time.Minute, key, fault, true},
		{"it is tried now", 9, 10 * time.Second, key, fault, true},
		{"three times", 3, -time.Minute, key, fault, false},
		{"it is not tried any more", 9, 2 * time.Minute, key, fault, false},
		{"it is no change in etcd", 9, -time.Minute, planner.JoinKey("etcd/3"), fault, false},
		{"its fault is not known", 9, -time.Minute, key, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := settled(3)
			o.History.Attempts = map[string]int{c.key: c.attempts}
			o.History.NotBefore = map[string]time.Time{c.key: o.Now.Add(-c.ago)}
			o.History.Faults = map[string]string{c.key: c.fault}
			message := planner.Status(o).Message
			if got := strings.Contains(message, "again and again: "+fault); got != c.want {
				t.Errorf("reported %t, want %t: %s", got, c.want, message)
			}
		})
	}
}

// TestADatabagThatIsTooLargeIsNamed: and nothing else changes for it.
func TestADatabagThatIsTooLargeIsNamed(t *testing.T) {
	o := settled(3)
	if s, acts := planner.Next(o); acts {
		t.Fatalf("%s: nothing is to be done", s.Kind)
	}
	for _, writer := range []string{"evil/0", "evil/1", "evil/2", "evil/3"} {
		o.TooLarge = append(o.TooLarge, observation.Databag{Endpoint: "db", Writer: writer})
	}
	message := planner.Status(o).Message
	if !strings.Contains(message, "The databag of evil/0 in relation db is too large and is not read") || strings.Contains(message, "evil/3") {
		t.Error(message)
	}
	if s, acts := planner.Next(o); !acts || s.Kind != planner.StepUpdate || s.Disruptive() {
		t.Errorf("%s: only the word is to be delivered", s.Kind)
	}
}

// TestTheApplicationsWordDoesNotWaitForADeliveryThatFails: while deliveries to Juju's leader fail,
// with a growing pause, the application says what is so; the leader itself goes on showing its own
// trouble.
func TestTheApplicationsWordDoesNotWaitForADeliveryThatFails(t *testing.T) {
	o := silent(3)
	o.Units[0].Last = &observation.Result{Outcome: v1alpha1.OutcomeFailed, Failures: 7, NotBefore: o.Now.Add(2 * time.Minute)}
	o.Policy.Paused = true
	s, _ := planner.Next(o)
	i := slices.IndexFunc(s.Words, func(d observation.Delivery) bool { return d.Unit == "etcd/0" })
	if s.Kind != planner.StepWait || i < 0 {
		t.Fatalf("%s %s: nothing is delivered to Juju's leader", s.Kind, s.Reason)
	}
	spec := s.Words[i].Spec
	if !spec.Delivery.WordsOnly || spec.Status.Application == nil || !strings.Contains(spec.Status.Application.Message, "paused") {
		t.Errorf("delivered %+v", spec.Status)
	}
	if spec.Status.Unit.State != "" {
		t.Errorf("the unit's own trouble is covered by %q", spec.Status.Unit.Message)
	}
	o.Units[0].LastWords = &observation.Result{Outcome: v1alpha1.OutcomeFailed, Failures: 1, NotBefore: o.Now.Add(time.Second)}
	if s, _ = planner.Next(o); slices.ContainsFunc(s.Words, func(d observation.Delivery) bool { return d.Unit == "etcd/0" }) {
		t.Error("words that failed are tried again before their own pause is over")
	}
}
