package planner_test

import (
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// A certificate is asked to be good for an address that its member comes from, and that peers
// refuse it from, if that is its own machine's and nobody else's.
func TestACertificateIsGoodForWhereItsMemberComesFrom(t *testing.T) {
	const second = "10.9.0.2"
	extra := func(o observation.Observation) []string { return planner.Desired(o, "etcd/1").TLS.ExtraSANs }
	for name, test := range map[string]struct {
		change func(o *observation.Observation)
		want   bool
		said   string
	}{
		"nobody refuses it": {func(o *observation.Observation) { o.Units[1].Facts.MachineAddresses = []string{second} }, false, ""},
		"refused from its own machine's": {func(o *observation.Observation) {
			o.Units[1].Facts.MachineAddresses = []string{"10.0.0.2", second}
			o.Units[2].Facts.Refused = []string{second}
		}, true, "etcd/2 refuses etcd/1, which comes from 10.9.0.2: its certificate is not good for that, and is asked for anew"},
		"refused from an unknown address": {func(o *observation.Observation) {
			o.Units[1].Facts.MachineAddresses = []string{"10.0.0.2"}
			o.Units[2].Facts.Refused = []string{second}
		}, false, "etcd/2 refuses a peer that comes from 10.9.0.2, which is not the address of one unit's machine"},
		"refused from one that two machines have": {func(o *observation.Observation) {
			o.Units[0].Facts.MachineAddresses = []string{second}
			o.Units[1].Facts.MachineAddresses = []string{second}
			o.Units[2].Facts.Refused = []string{second}
		}, false, "which is not the address of one unit's machine"},
		"refused no more, since it was asked for": {func(o *observation.Observation) {
			o.Units[1].Facts.MachineAddresses = []string{second}
			o.Units[1].Facts.Applied.ExtraSANs = []string{second}
		}, true, ""},
		"asked for, and not its machine's any more": {func(o *observation.Observation) {
			o.Units[1].Facts.Applied.ExtraSANs = []string{second}
		}, false, ""},
		"the refusals of before it was put right": {func(o *observation.Observation) {
			o.Units[1].Facts.MachineAddresses = []string{second}
			o.Units[1].Facts.Certificates.Server.SANs = []string{"10.0.0.2", second}
			o.Units[2].Facts.Refused = []string{second}
		}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := settled(3)
			others := hashes(o)
			test.change(&o)
			if got := slices.Contains(extra(o), second); got != test.want {
				t.Errorf("asked for: %v, want %v", got, test.want)
			}
			if hashes(o)["etcd/2"] != others["etcd/2"] {
				t.Error("another unit is handed something else")
			}
			app := planner.Desired(o, "etcd/0").Status.Application
			if app.State != "active" || !strings.Contains(app.Message, test.said) || test.said == "" && strings.Contains(app.Message, "refuses") {
				t.Errorf("the application says %+v, want %q", app, test.said)
			}
		})
	}
}

// The certificate that is asked for is delivered like any other change that disturbs nobody.
func TestAnAddressThatIsRefusedRestartsNobody(t *testing.T) {
	o := settled(3)
	o.Units[1].Facts.MachineAddresses = []string{"10.9.0.2"}
	o.Units[2].Facts.Refused = []string{"10.9.0.2"}
	step, acts := planner.Next(o)
	if !acts || step.Kind != planner.StepUpdate {
		t.Fatalf("the next step is %s: %s", step.Kind, step.Reason)
	}
	for _, d := range step.Units {
		if d.Spec.Delivery.AllowRestart {
			t.Errorf("%s may be restarted for it", d.Unit)
		}
	}
}
