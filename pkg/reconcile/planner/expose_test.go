package planner_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// shut is a settled cluster whose network is closed to the daemon at 10.9.9.9, which the policy
// allows to be let in.
func shut() observation.Observation {
	o := settled(3)
	o.Closed, o.Etcd, o.Blind = true, etcdops.View{}, []string{"no client port of etcd can be reached from here"}
	o.Local, o.Policy.Network.ExposeTo = "10.9.9.9", []string{"auto"}
	return o
}

func TestEtcdIsExposedWhereThePolicyAllowsItAndTheNetworkIsClosed(t *testing.T) {
	type exposures = map[string]jujuapi.Exposure
	to := func(cidrs ...string) jujuapi.Exposure { return jujuapi.Exposure{CIDRs: cidrs} }
	for name, c := range map[string]struct {
		do   func(o *observation.Observation)
		want string
	}{
		"to our own address":                {func(*observation.Observation) {}, "10.9.9.9/32"},
		"of the newer protocol, too":        {func(o *observation.Observation) { o.Local = "2001:db8::9" }, "2001:db8::9/128"},
		"however it is written":             {func(o *observation.Observation) { o.Local = "::ffff:10.9.9.9" }, "10.9.9.9/32"},
		"to what a person names":            {func(o *observation.Observation) { o.Policy.Network.ExposeTo = []string{"192.0.2.0/24", "auto"} }, "192.0.2.0/24,10.9.9.9/32"},
		"though a unit reports how etcd is": {func(o *observation.Observation) { c := settled(3); o.Etcd, o.Blind, o.Through = c.Etcd, nil, "etcd/0" }, "10.9.9.9/32"},
		"beside what a person has exposed": {func(o *observation.Observation) {
			o.Exposures = exposures{"db": to("192.0.2.0/24"), "": to("192.0.3.0/24")}
		}, "10.9.9.9/32"},
		"but not without the policy":          {func(o *observation.Observation) { o.Policy.Network.ExposeTo = nil }, ""},
		"nor in an open network":              {func(o *observation.Observation) { c := settled(3); o.Closed, o.Etcd, o.Blind = false, c.Etcd, nil }, ""},
		"nor twice":                           {func(o *observation.Observation) { o.Exposures = exposures{"db": to("10.9.9.9/32")} }, ""},
		"nor where more is exposed":           {func(o *observation.Observation) { o.Exposures = exposures{"": jujuapi.Everywhere} }, ""},
		"nor where its own network is":        {func(o *observation.Observation) { o.Exposures = exposures{"db": to("10.9.0.0/16")} }, ""},
		"nor to an address that is not known": {func(o *observation.Observation) { o.Local = "" }, ""},
		"nor before its time":                 {func(o *observation.Observation) { o.History.NotBefore["Expose"] = o.Now.Add(time.Second) }, ""},
		"nor by who only stands by":           {func(o *observation.Observation) { o.Latch.Epoch = &v1alpha1.Epoch{Number: 9, Holder: "daemon-b"} }, ""},
		"nor while it is paused":              {func(o *observation.Observation) { o.Policy.Paused = true }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := shut()
			c.do(&o)
			step, _ := planner.Next(o)
			if got := strings.Join(step.CIDRs, ","); got != c.want || (step.Kind == planner.StepExpose) != (c.want != "") || step.Kind == planner.StepClaim {
				t.Errorf("%s to %q, want to %q", step.Kind, got, c.want)
			}
			if step.Kind == planner.StepExpose && (step.Disruptive() || !strings.Contains(step.Reason, "the policy allows")) {
				t.Errorf("disruptive: %t, reason %q", step.Disruptive(), step.Reason)
			}
		})
	}
	o := shut()
	o.Claimed = 0
	if step, _ := planner.Next(o); step.Kind != planner.StepClaim {
		t.Errorf("%s before the claim", step.Kind)
	}
}

// A refused exposure waits its time, and what the units report is acted on meanwhile.
func TestWhatCannotBeExposedHoldsNothingBack(t *testing.T) {
	o := shut()
	c := settled(3)
	o.Etcd, o.Blind, o.Through = c.Etcd, nil, "etcd/0"
	o.History.NotBefore["Expose"] = o.Now.Add(time.Minute)
	if step, ok := planner.Next(o); ok {
		t.Errorf("nothing else is to be done, and it waits: %s", step.Reason)
	}
	join(&o)
	if step, _ := planner.Next(o); step.Kind != planner.StepAddLearner {
		t.Errorf("%s: %s", step.Kind, step.Reason)
	}
}

func TestPlanExposesOnceAndGoesOn(t *testing.T) {
	o := shut()
	c := settled(3)
	o.Etcd, o.Blind, o.Through = c.Etcd, nil, "etcd/0"
	join(&o)
	var kinds []planner.StepKind
	for _, s := range planner.Plan(o) {
		kinds = append(kinds, s.Kind)
	}
	if len(kinds) < 2 || kinds[0] != planner.StepExpose || slices.Contains(kinds[1:], planner.StepExpose) || !slices.Contains(kinds, planner.StepAddLearner) {
		t.Errorf("plan %v", kinds)
	}
}

func TestReachableShowsTheExposure(t *testing.T) {
	blocked := func(o *observation.Observation) {
		o.History.NotBefore["Expose"], o.History.Faults = o.Now.Add(time.Minute), map[string]string{"Expose": "operation is blocked"}
	}
	exposed := func(o *observation.Observation, endpoint string, cidrs ...string) {
		o.Exposures = map[string]jujuapi.Exposure{endpoint: {CIDRs: cidrs}}
	}
	for name, c := range map[string]struct {
		do   func(o *observation.Observation)
		want string
		not  string
	}{
		"refused":              {blocked, "It could not be exposed to 10.9.9.9/32 as the policy allows: operation is blocked.", ""},
		"refused, but not now": {func(o *observation.Observation) { blocked(o); exposed(o, "db", "10.9.9.9/32") }, "It is exposed to 10.9.9.9/32", "blocked"},
		"in vain":              {func(o *observation.Observation) { exposed(o, "db", "10.9.9.9/32") }, "must be in spec.network.exposeTo", "left alone"},
		"not known":            {func(o *observation.Observation) { o.Local = "" }, "own address, which is not known", ""},
		"more than wanted":     {func(o *observation.Observation) { exposed(o, "db", "10.9.9.9/32", "10.9.9.8/32") }, "exposed to 10.9.9.8/32, too, which the policy does not name", ""},
		"no policy any more": {func(o *observation.Observation) { o.Policy.Network.ExposeTo = nil; exposed(o, "db", "10.9.9.9/32") },
			"exposed to 10.9.9.9/32, too, which the policy does not name", "as the policy allows"},
		"a person's doing":  {func(o *observation.Observation) { o.Policy.Network.ExposeTo = nil; exposed(o, "", "0.0.0.0/0") }, "", "expos"},
		"nothing to expose": {func(o *observation.Observation) { o.Policy.Network.ExposeTo = nil }, "", "expos"},
	} {
		t.Run(name, func(t *testing.T) {
			o := shut()
			c.do(&o)
			message := ""
			for _, condition := range planner.Status(o).Conditions {
				if condition.Type == v1alpha1.ConditionReachable {
					message = condition.Message
				}
			}
			if !strings.Contains(message, c.want) || c.not != "" && strings.Contains(message, c.not) {
				t.Errorf("%q, want %q in it, and not %q", message, c.want, c.not)
			}
		})
	}
}

// A unit that joins an application which is exposed opens its port first: the daemon may see nobody
// whose port is closed.
func TestWhoJoinsAnExposedApplicationOpensItsPortFirst(t *testing.T) {
	o := settled(3)
	join(&o)
	if ports := planner.Desired(o, "etcd/3").OpenPorts; len(ports) != 0 {
		t.Errorf("ports %v of a unit that has yet to join", ports)
	}
	o.Exposures = map[string]jujuapi.Exposure{"db": {CIDRs: []string{"10.9.9.9/32"}}}
	if ports := planner.Desired(o, "etcd/3").OpenPorts; !slices.Equal(ports, []int32{2379}) {
		t.Errorf("ports %v of a unit that joins an exposed application", ports)
	}
	if step, _ := planner.Next(o); step.Kind != planner.StepPrepare {
		t.Errorf("%s before the port is open", step.Kind)
	}
	birth := virgin(3)
	birth.Exposures = o.Exposures
	if ports := planner.Desired(birth, "etcd/0").OpenPorts; len(ports) != 0 {
		t.Errorf("ports %v before the cluster is born", ports)
	}
}
