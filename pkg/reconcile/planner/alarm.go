package planner

import (
	"fmt"
	"slices"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
)

// alarms: etcd refuses writes while one is up, also when what has raised it is over: the quota is
// larger now, or the database smaller. Where it is not over nothing is done, and the units' own
// words tell of the alarm.
func alarms(in *Situation) (Step, bool) {
	// An agent that does not know the op would refuse it for ever.
	if in.Through != "" && in.olderThan(v1alpha1.ProtocolDisarm) != "" {
		return Step{}, false
	}
	for _, a := range in.Etcd.Alarms {
		change := etcdops.Disarm{Member: a.Member}
		if change.Done(in.Etcd) || change.Guard(in.Etcd, etcdops.Limits{}) != nil {
			continue
		}
		m, _ := in.Etcd.Member(a.Member)
		step := Step{Kind: StepDisarm, Member: m.ID, Change: change,
			Reason: fmt.Sprintf("Alarm %s of %s does not hold any more: all databases have room below their quotas.", a.Kind, label(m))}
		if u, known := in.unitOf(m); known {
			step.Unit = u.Name
		}
		if at := in.History.NotBefore[step.Key()]; in.Now.Before(at) && in.History.Attempts[step.Key()] == 0 {
			return wait("Alarm %s of %s is up again.", a.Kind, label(m)).until(at), true
		}
		return step, true
	}
	return Step{}, false
}

// disarmed lets the member have no such alarm.
func (p *prediction) disarmed(_ Step, op etcdops.Op) {
	// The observation's own list is not touched.
	p.Etcd.Alarms = slices.DeleteFunc(slices.Clone(p.Etcd.Alarms), func(a etcdops.Alarm) bool { return a.Member == op.Member })
	for url, h := range p.Etcd.Health {
		if h.MemberID == op.Member && h.Fault == etcdops.FaultAlarm {
			h.Fault, h.Detail = etcdops.FaultNone, ""
		}
		h.Alarmed = len(p.Etcd.Alarms) > 0
		p.Etcd.Health[url] = h
	}
}
