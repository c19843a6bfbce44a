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
	for _, a := range slices.Concat(in.Etcd.Alarms, in.Etcd.Stray) {
		change := etcdops.Disarm{Member: a.Member}
		if change.Done(in.Etcd) || change.Guard(in.Etcd, etcdops.Limits{}) != nil {
			continue
		}
		// An alarm outlives its member, and etcd refuses writes for it all the same.
		who := "member " + a.Member.String() + ", which is gone,"
		step := Step{Kind: StepDisarm, Member: a.Member, Change: change}
		if m, known := in.Etcd.Member(a.Member); known {
			who = label(m)
			if u, known := in.unitOf(m); known {
				step.Unit = u.Name
			}
		}
		step.Reason = fmt.Sprintf("Alarm %s of %s does not hold any more: all databases have room below their quotas.", a.Kind, who)
		if at := in.History.NotBefore[step.Key()]; in.Now.Before(at) && in.History.Attempts[step.Key()] == 0 {
			return wait("Alarm %s of %s is up again.", a.Kind, who).until(at), true
		}
		return step, true
	}
	return Step{}, false
}

// disarmed lets the member have no such alarm.
func (p *prediction) disarmed(_ Step, op etcdops.Op) {
	// The observation's own list is not touched.
	its := func(a etcdops.Alarm) bool { return a.Member == op.Member }
	p.Etcd.Alarms, p.Etcd.Stray = slices.DeleteFunc(slices.Clone(p.Etcd.Alarms), its), slices.DeleteFunc(slices.Clone(p.Etcd.Stray), its)
	for url, h := range p.Etcd.Health {
		if h.MemberID == op.Member && h.Fault == etcdops.FaultAlarm {
			h.Fault, h.Detail = etcdops.FaultNone, ""
		}
		h.Alarmed = len(p.Etcd.Alarms)+len(p.Etcd.Stray) > 0
		p.Etcd.Health[url] = h
	}
}
