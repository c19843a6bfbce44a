package planner_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// alarmed is a settled cluster in which two members have the alarm, and all have room by now.
func alarmed() observation.Observation {
	o := settled(3)
	for i := range 3 {
		h := o.Etcd.Health[url(i)]
		h.DBSize, h.Quota, h.Alarmed = 1<<30, 2<<30, true
		if i < 2 {
			h.Fault, h.Detail = etcdops.FaultAlarm, "NOSPACE"
			o.Etcd.Alarms = append(o.Etcd.Alarms, etcdops.Alarm{Member: id(i), Kind: "NOSPACE"})
		}
		o.Etcd.Health[url(i)] = h
	}
	for i := range o.Units {
		o.Units[i].Facts.Protocol = v1alpha1.Protocol
	}
	apply(&o)
	return o
}

func TestAnAlarmThatDoesNotHoldAnyMoreIsDisarmed(t *testing.T) {
	disarm := string(planner.StepDisarm)
	key := planner.Step{Kind: planner.StepDisarm, Member: id(0)}.Key()
	sized := func(o *observation.Observation, size, quota int64) {
		h := o.Etcd.Health[url(2)]
		h.DBSize, h.Quota = size, quota
		o.Etcd.Health[url(2)] = h
	}
	for _, test := range []struct {
		name string
		do   func(*observation.Observation)
		want string // how the step begins; empty: none of the kind
	}{
		{"room", func(*observation.Observation) {}, disarm + " etcd/0"},
		{"a database without room", func(o *observation.Observation) { sized(o, 2<<30, 2<<30) }, ""},
		{"a quota that is not told", func(o *observation.Observation) { sized(o, 1, 0) }, ""},
		{"a member that is down", func(o *observation.Observation) { down(o, 2, time.Minute) }, ""},
		{"CORRUPT", func(o *observation.Observation) { o.Etcd.Alarms[1].Kind = "CORRUPT" }, ""},
		{"no cluster", func(o *observation.Observation) { o.Latch.ClusterID = "" }, ""},
		{"up again within a minute", func(o *observation.Observation) {
			o.Etcd.Alarms = o.Etcd.Alarms[:1]
			o.History.NotBefore[key] = o.Now.Add(time.Second)
		}, "Wait Alarm NOSPACE of etcd0 is up again."},
		{"up again after a minute", func(o *observation.Observation) { o.History.NotBefore[key] = o.Now }, disarm + " etcd/0"},
		{"failed", func(o *observation.Observation) {
			o.History.NotBefore[key], o.History.Attempts[key] = o.Now.Add(time.Second), 2
		}, "Wait Cannot disarm an alarm yet: it has failed 2 times in a row."},
		{"paused", func(o *observation.Observation) { o.Policy.Paused = true }, ""},
		{"blind", func(o *observation.Observation) { o.Blind = []string{"the tasks cannot be read"} }, "Wait Cannot disarm an alarm before"},
		{"another change waits", func(o *observation.Observation) {
			join(o)
		}, disarm + " etcd/0"},
		{"through a unit", func(o *observation.Observation) { o.Closed, o.Through = true, "etcd/1" }, disarm + " etcd/0"},
		{"through units of which one is older", func(o *observation.Observation) {
			o.Closed, o.Through = true, "etcd/1"
			o.Units[2].Facts.Protocol = v1alpha1.ProtocolDisarm - 1
		}, ""},
		{"an older agent is not asked in an open network", func(o *observation.Observation) {
			o.Units[2].Facts.Protocol = v1alpha1.ProtocolDisarm - 1
		}, disarm + " etcd/0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := alarmed()
			if o.History.NotBefore == nil {
				o.History.NotBefore = map[string]time.Time{}
			}
			if o.History.Attempts == nil {
				o.History.Attempts = map[string]int{}
			}
			test.do(&o)
			step, _ := planner.Next(o)
			got := string(step.Kind) + " " + step.Unit
			if step.Kind == planner.StepWait {
				got = "Wait " + step.Reason
			}
			if test.want == "" && step.Kind == planner.StepDisarm || !strings.HasPrefix(got, test.want) {
				t.Errorf("%s (%s)", got, step.Reason)
			}
			if step.Kind == planner.StepDisarm && (step.Disruptive() || step.Change != etcdops.Change(etcdops.Disarm{Member: id(0)}) || step.Rest() != time.Minute) {
				t.Errorf("%+v", step)
			}
		})
	}
}

// TestThePlanGoesOnPastAnAlarm: one after the other, and nothing of what was observed is changed.
func TestThePlanGoesOnPastAnAlarm(t *testing.T) {
	first := alarmed()
	o := first
	steps := run(t, &o)
	disarms := slices.DeleteFunc(slices.Clone(steps), func(s string) bool { return !strings.HasPrefix(s, string(planner.StepDisarm)) })
	want := []string{string(planner.StepDisarm) + " etcd/0", string(planner.StepDisarm) + " etcd/1"}
	if !slices.Equal(disarms, want) {
		t.Errorf("steps:\n%s", strings.Join(steps, "\n"))
	}
	if len(o.Etcd.Alarms) != 0 || len(o.Etcd.HealthyVoters()) != 3 || o.Etcd.HealthOf(o.Etcd.Members[0]).Alarmed {
		t.Errorf("afterwards: %+v", o.Etcd)
	}
	if len(first.Etcd.Alarms) != 2 || first.Etcd.Alarms[0].Member != id(0) {
		t.Errorf("the observation was changed: %+v", first.Etcd.Alarms)
	}
}

// TestTheAlarmOfAMemberThatIsGoneIsDisarmed: it stops the writes of those that stay, and none of them
// shows it.
func TestTheAlarmOfAMemberThatIsGoneIsDisarmed(t *testing.T) {
	o := alarmed()
	o.Etcd.Alarms = nil
	o.Etcd.Stray = []etcdops.Alarm{{Member: 0x4711, Kind: "NOSPACE"}}
	for i := range 3 {
		h := o.Etcd.Health[url(i)]
		h.Fault, h.Detail = etcdops.FaultNone, ""
		o.Etcd.Health[url(i)] = h
	}
	apply(&o)
	step, _ := planner.Next(o)
	if step.Kind != planner.StepDisarm || step.Unit != "" || step.Change != etcdops.Change(etcdops.Disarm{Member: 0x4711}) ||
		step.Reason != "Alarm NOSPACE of member 0000000000004711, which is gone, does not hold any more: all databases have room below their quotas." {
		t.Errorf("%s %s: %s", step.Kind, step.Unit, step.Reason)
	}
	run(t, &o)
	if len(o.Etcd.Stray) != 0 || o.Etcd.Health[url(0)].Alarmed {
		t.Errorf("afterwards: %v", o.Etcd.Stray)
	}
	o.Etcd.Stray = []etcdops.Alarm{{Member: 0x4711, Kind: "CORRUPT"}}
	if step, _ := planner.Next(o); step.Kind == planner.StepDisarm {
		t.Errorf("CORRUPT: %s", step.Reason)
	}
}
