package planner_test

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/planner"
)

// TestTheV2APIIsAClustersOwn: all its members serve it, one after the other is restarted for it, and whoever takes its place does not.
func TestTheV2APIIsAClustersOwn(t *testing.T) {
	o := running(3)
	for i := range o.Units {
		o.Units[i].Facts.Protocol = v1alpha1.ProtocolV2
	}
	o.Latch.Stamps = map[string]int64{v1alpha1.StampV2(o.Latch.ClusterID): 7}
	for _, u := range o.Units {
		if !planner.Desired(o, u.Name).Etcd.EnableV2 {
			t.Errorf("%s is not to serve it", u.Name)
		}
	}
	_, done := roll(t, o)
	restarts := 0
	for _, step := range done {
		if strings.HasPrefix(step, string(planner.StepRestart)) {
			restarts++
		}
	}
	if restarts != 3 {
		t.Errorf("it does %q", done)
	}
	o.Units[0].Facts.Protocol = v1alpha1.ProtocolV2 - 1
	if planner.Desired(o, o.Units[0].Name).Etcd.EnableV2 {
		t.Error("an agent that does not know it is asked")
	}
	other := running(3)
	other.Units[1].Facts.Protocol = v1alpha1.ProtocolV2
	other.Latch.Stamps = map[string]int64{v1alpha1.StampV2("00000000000000ff"): 7}
	if planner.Desired(other, other.Units[1].Name).Etcd.EnableV2 {
		t.Error("the cluster that takes its place serves it")
	}
}

// TestNoChannelWithoutTheV2API: the last good one stays, and the status says how this ends.
func TestNoChannelWithoutTheV2API(t *testing.T) {
	for _, tt := range []struct {
		channel string
		v2, bad bool
	}{
		{"", true, false}, {"3.4/stable", true, false}, {"3.5/edge", true, false},
		{"3.6/stable", true, true}, {"3.10/stable", true, true}, {"stable", true, true}, {"latest/edge", true, true},
		{"3.6/stable", false, false},
	} {
		o := running(3)
		if tt.v2 {
			o.Latch.Stamps = map[string]int64{v1alpha1.StampV2(o.Latch.ClusterID): 7}
		}
		o.Options.Channel = tt.channel
		all := planner.Status(o).Conditions
		c := all[slices.IndexFunc(all, func(c metav1.Condition) bool { return c.Type == v1alpha1.ConditionPolicy })]
		if bad := strings.Contains(c.Message, "Option channel is "+tt.channel+", and the cluster has keys of the v2 API"); bad != tt.bad {
			t.Errorf("channel %q, v2 %v: %s", tt.channel, tt.v2, c.Message)
		}
		if got := planner.Desired(o, "etcd/0").Options.Channel; tt.bad == (got == tt.channel) {
			t.Errorf("channel %q, v2 %v: in force is %q", tt.channel, tt.v2, got)
		}
	}
}
