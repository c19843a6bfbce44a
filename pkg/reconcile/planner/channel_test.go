package planner_test

import (
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// All seeds install from one channel: with auto it is the newest that the store has for all of
// them, and what one of them has already decides for the others.
func TestAutoIsOneChannelThatTheStoreHas(t *testing.T) {
	lacks := func(i int, has ...string) func(o *observation.Observation) {
		return func(o *observation.Observation) {
			o.Units[i].Last = &observation.Result{Outcome: v1alpha1.OutcomeFailed, Reason: v1alpha1.ReasonMachine, Channels: has}
		}
	}
	installed := func(i int, channel string) func(o *observation.Observation) {
		return func(o *observation.Observation) { o.Units[i].Facts.Snap = &v1alpha1.SnapFacts{Channel: channel} }
	}
	type change = func(o *observation.Observation)
	for _, c := range []struct {
		name string
		do   []change
		want string
	}{
		{"the default while nobody has tried in vain", nil, "3.6/stable"},
		{"the newest that there is", []change{lacks(0, "3.4/stable", "3.5/stable", "stable")}, "3.5/stable"},
		{"the newest that there is for all", []change{lacks(0, "3.4/stable", "3.5/stable"), lacks(1, "3.4/stable")}, "3.4/stable"},
		{"a track without its risk", []change{lacks(0, "3.4")}, "3.4/stable"},
		{"nothing that is older", []change{lacks(0, "3.3/stable", "latest/edge")}, "3.6/stable"},
		{"nothing that is less stable", []change{lacks(0, "3.6/candidate", "3.4/edge")}, "3.6/stable"},
		{"what one has", []change{installed(2, "3.4/stable")}, "3.4/stable"},
		{"what one has, whatever another reported", []change{installed(2, "3.4/stable"), lacks(0, "3.5/stable")}, "3.4/stable"},
		{"not what one has of an unsupported version", []change{installed(2, "3.2/stable")}, "3.6/stable"},
		{"not a snap from a file", []change{installed(2, "")}, "3.6/stable"},
		{"not what one has that goes", []change{installed(2, "3.4/stable"), func(o *observation.Observation) { o.Units[2].Dying = true }}, "3.6/stable"},
		{"what the option says", []change{lacks(0, "3.4/stable"), func(o *observation.Observation) { o.Options.Channel = "3.7/edge" }}, "3.7/edge"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := virgin(3)
			for i := range o.Units {
				o.Units[i].Facts.Snap = nil
			}
			for _, do := range c.do {
				do(&o)
			}
			for _, unit := range []string{"etcd/0", "etcd/1"} {
				if got := planner.Desired(o, unit).Snap.Channel; got != c.want {
					t.Errorf("%s is to install from %s, want %s", unit, got, c.want)
				}
			}
		})
	}
}

// While the next channel is asked for by itself no person has to do anything, and the status does
// not say so; it does where the store has none of them, or a person has named the channel.
func TestAChannelThatIsTriedInVainBlocksOnlyWhereNoneFollows(t *testing.T) {
	for _, c := range []struct {
		name    string
		has     []string
		option  string
		blocked bool
	}{
		{"another follows", []string{"3.5/stable"}, "", false},
		{"the last one follows", []string{"3.4"}, "", false},
		{"none follows", []string{"3.3/stable"}, "", true},
		{"the option names it", []string{"3.5/stable"}, "3.6/stable", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := virgin(3)
			o.Options.Channel = c.option
			for i := range o.Units {
				o.Units[i].Facts.Snap = nil
			}
			o.Units[0].Last = &observation.Result{Outcome: v1alpha1.OutcomeFailed, Reason: v1alpha1.ReasonMachine, Channels: c.has,
				Message: "cannot install snap etcd from channel 3.6/stable; set the option channel"}
			unit, application := planner.Desired(o, "etcd/0").Status.Unit, planner.See(o).Status().Message
			if blocked := unit.State == etcdops.Blocked; blocked != c.blocked {
				t.Errorf("the unit shows %v", unit)
			}
			if blocked := strings.Contains(application, "set the option channel"); blocked != c.blocked {
				t.Errorf("the application shows %q", application)
			}
		})
	}
}
