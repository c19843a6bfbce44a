package planner_test

import (
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// rebooted is a cluster of three of which etcd/2 has booted: all have applied what they should be,
// its member has served for so long, and Juju still shows what its first hook has seen.
func rebooted(served time.Duration) observation.Observation {
	o := settled(3)
	for i := range o.Units {
		o.Units[i].Shown = planner.Desired(o, o.Units[i].Name).Status.Unit
	}
	o.ApplicationStatus = *planner.Desired(o, "etcd/0").Status.Application
	o.Units[2].Shown = v1alpha1.StatusText{State: "blocked", Message: "UnHealthy with 3 known peers: down (connection refused)"}
	o.History.ServesSince = map[string]time.Time{url(2): o.Now.Add(-served)}
	return o
}

// TestAnOldWordIsPutRightOnce: the word that a unit was handed is handed again where Juju shows
// another, and never in a loop with what the unit sees by itself.
func TestAnOldWordIsPutRightOnce(t *testing.T) {
	ended := func(ago time.Duration) func(o *observation.Observation) {
		return func(o *observation.Observation) {
			for i := range o.Units {
				o.Units[i].Last = &observation.Result{Outcome: v1alpha1.OutcomeApplied, Hash: o.Units[i].Facts.Applied.Hash, At: o.Now.Add(-ago)}
			}
		}
	}
	sum := v1alpha1.StatusText{State: "active", Message: "2 of 3 healthy, can lose 0: etcd/2 is down (connection refused)"}
	for _, c := range []struct {
		name   string
		served time.Duration
		do     []func(o *observation.Observation)
		want   string
	}{
		{"a unit is shown ill and its member serves", time.Minute, nil, "etcd/2"},
		{"it has only begun to serve", 9 * time.Second, nil, ""},
		{"it was not seen to serve", 0, []func(o *observation.Observation){func(o *observation.Observation) { o.History.ServesSince = nil }}, ""},
		{"words came before it served", time.Minute, []func(o *observation.Observation){ended(2 * time.Minute)}, "etcd/2"},
		{"words came while it began to serve", time.Minute, []func(o *observation.Observation){ended(55 * time.Second)}, "etcd/2"},
		{"words came since", time.Minute, []func(o *observation.Observation){ended(45 * time.Second)}, ""},
		{"its agent is lost", time.Minute, []func(o *observation.Observation){func(o *observation.Observation) { o.Units[2].Lost = true }}, ""},
		{"its hook is in error", time.Minute, []func(o *observation.Observation){func(o *observation.Observation) { o.Units[2].Failed = true }}, ""},
		{"it shows something else than its member", time.Minute, []func(o *observation.Observation){func(o *observation.Observation) {
			o.Units[2].Shown = v1alpha1.StatusText{State: "blocked", Message: "Healthy with 3 known peers; the certificate of server expires today"}
		}}, ""},
		{"the application's status is of another leader", time.Minute, []func(o *observation.Observation){func(o *observation.Observation) {
			o.Units[2].Shown, o.ApplicationStatus = o.Units[1].Shown, sum
		}}, "etcd/0"},
		{"and words came a minute ago", time.Minute, []func(o *observation.Observation){ended(time.Minute), func(o *observation.Observation) {
			o.Units[2].Shown, o.ApplicationStatus = o.Units[1].Shown, sum
		}}, ""},
		{"and words came long ago", time.Minute, []func(o *observation.Observation){ended(6 * time.Minute), func(o *observation.Observation) {
			o.Units[2].Shown, o.ApplicationStatus = o.Units[1].Shown, sum
		}}, "etcd/0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := rebooted(c.served)
			for _, do := range c.do {
				do(&o)
			}
			step, ok := planner.Next(o)
			switch {
			case c.want == "" && ok:
				t.Errorf("%s %s: %s", step.Kind, step.Target("etcd"), step.Reason)
			case c.want != "" && (step.Kind != planner.StepUpdate || step.Target("etcd") != c.want):
				t.Errorf("%q %s (%s), want an update of %s", step.Kind, step.Target("etcd"), step.Reason, c.want)
			}
		})
	}
}

// A settled cluster is looked at once a minute: an old word would stay as long.
func TestAnOldWordIsPutRightWhenItIsTimeAndNotWhenSomethingHappens(t *testing.T) {
	for _, c := range []struct {
		name string
		o    observation.Observation
		do   func(o *observation.Observation)
		want time.Duration // from now; less than zero means never
	}{
		{"it has begun to serve", rebooted(4 * time.Second), nil, 6 * time.Second},
		{"it is time", rebooted(time.Minute), nil, -1},
		{"nobody is shown ill", rebooted(4 * time.Second), func(o *observation.Observation) { o.Units[2].Shown = o.Units[1].Shown }, -1},
		{"nothing can be delivered", rebooted(4 * time.Second), func(o *observation.Observation) { o.Units[2].Lost = true }, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := planner.Clone(c.o)
			if c.do != nil {
				c.do(&o)
			}
			if due := planner.Due(o); c.want < 0 != due.IsZero() || c.want >= 0 && !due.Equal(o.Now.Add(c.want)) {
				t.Errorf("due at %s, now it is %s", due, o.Now)
			}
		})
	}
}
