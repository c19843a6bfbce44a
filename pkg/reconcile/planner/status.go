package planner

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// Reasons of conditions.
const (
	ReasonAsWanted        = "AsWanted"
	ReasonPaused          = "Paused"
	ReasonStandby         = "Standby"
	ReasonNotClaimed      = "NotClaimed"
	ReasonBirth           = "Birth"
	ReasonStep            = "Step"
	ReasonWaiting         = "Waiting"
	ReasonPerson          = "NeedsAPerson"
	ReasonNoQuorum        = "NoQuorum"
	ReasonDegraded        = "Degraded"
	ReasonIncomplete      = "Incomplete"
	ReasonUnreachable     = "Unreachable"
	ReasonClosed          = "ClosedNetwork"
	ReasonNoAuthority     = "NoAuthority"
	ReasonNoCertificate   = "NoCertificate"
	ReasonOtherAuthority  = "OtherAuthority"
	ReasonUnused          = "UnusedAuthority"
	ReasonExpiring        = "Expiring"
	ReasonIdentityUnknown = "NotLatched"
	ReasonTwoClusters     = "TwoClusters"
	ReasonOptions         = "Options"
)

// Status is what the observation says about the cluster. Conditions are computed from it alone: their LastTransitionTime is
// zero, and whoever keeps the object carries it over.
func (in *Situation) Status() v1alpha1.EtcdClusterStatus {
	steps, latch := in.Plan(), in.observed.Latch
	s := v1alpha1.EtcdClusterStatus{
		ClusterID: latch.ClusterID, Epoch: latch.Epoch.DeepCopy(), Blind: in.Blind, ObservedAt: metav1.NewTime(in.Now),
		Message: in.applicationWords().Message, Phase: in.phase(steps), Members: in.members(),
		Procedures: in.procedureStatuses(), Snapshots: in.snapshotStatus(), Drills: in.drillStatus(),
	}
	for _, step := range steps {
		s.Plan = append(s.Plan, v1alpha1.PlannedStep{
			Kind: string(step.Kind), Target: step.Target(in.Application), Reason: step.Reason, Disruptive: step.Disruptive(),
		})
	}
	s.Conditions = []metav1.Condition{
		in.readyCondition(), in.progressing(steps), in.reachable(), in.certificates(), in.oneIdentity(), in.leading(), in.policyValid(),
	}
	s.Conditions = append(s.Conditions, slices.Concat(in.scheduleKept(), in.drillsKept())...)
	return s
}

// Target names what the step is about: units, a member's unit, or the application.
func (s Step) Target(application string) string {
	switch {
	case s.Kind == StepWait:
		return application
	case s.Unit != "":
		return s.Unit
	case s.Member != 0:
		return "member " + s.Member.String()
	case len(s.Units) > 0:
		list := make([]string, len(s.Units))
		for i, d := range s.Units {
			list[i] = d.Unit
		}
		return strings.Join(list, ", ")
	}
	return application
}

func (in *report) phase(steps []Step) v1alpha1.ClusterPhase {
	_, foreign := in.standby()
	waits := len(steps) > 0 && steps[0].Kind == StepWait
	switch {
	case in.Policy.Paused:
		return v1alpha1.PhasePaused
	case foreign:
		return v1alpha1.PhaseStandby
	case in.Latch.ClusterID == "" && in.Latch.Seeds == nil && waits && (steps[0].Person || !in.delivering()):
		return v1alpha1.PhasePending
	case in.Latch.ClusterID == "":
		return v1alpha1.PhaseBootstrapping
	case in.sole():
		return v1alpha1.PhaseProgressing // members are stopped on purpose
	case !in.Etcd.Listed && in.LatchRead && !in.unseen():
		return v1alpha1.PhaseLost
	case len(in.Etcd.HealthyVoters()) < len(in.Etcd.Voters()):
		return v1alpha1.PhaseDegraded
	case len(steps) > 0:
		return v1alpha1.PhaseProgressing
	}
	return v1alpha1.PhaseSteady
}

// delivering says that a wait may be for ourselves: a delivery is on its way to a unit, or is about to be made again.
func (in *report) delivering() bool {
	return slices.ContainsFunc(in.alive(), func(u observation.Unit) bool {
		return u.Task != nil || in.Now.Before(in.again(u))
	})
}

func (in *report) members() []v1alpha1.MemberStatus {
	var list []v1alpha1.MemberStatus
	leader := in.Etcd.Leader()
	for _, m := range in.Etcd.Members {
		h := in.Etcd.HealthOf(m)
		lag, _ := etcdops.Lag(in.Etcd, m.ID)
		u, _ := in.unitOf(m)
		s := v1alpha1.MemberStatus{
			ID: m.ID.String(), Name: m.Name, Unit: u.Name, Role: "voter", Leader: leader == m.ID, Healthy: h.Healthy(),
			Reason: h.Reason(), Version: h.Version, DBSize: h.DBSize, Lag: lag,
		}
		switch {
		case !m.Started():
			s.Role = "unstarted"
		case m.Learner:
			s.Role = "learner"
		}
		if len(m.ClientURLs) > 0 {
			s.ClientURL = m.ClientURLs[0]
		}
		if len(m.PeerURLs) > 0 {
			s.PeerURL = m.PeerURLs[0]
		}
		list = append(list, s)
	}
	return list
}

func condition(kind string, ok bool, reason, format string, args ...any) metav1.Condition {
	c := metav1.Condition{Type: kind, Status: metav1.ConditionFalse, Reason: reason, Message: fmt.Sprintf(format, args...)}
	if ok {
		c.Status = metav1.ConditionTrue
	}
	return c
}

func unknown(kind, reason, message string) metav1.Condition {
	c := condition(kind, false, reason, "%s", message)
	c.Status = metav1.ConditionUnknown
	return c
}

func (in *report) readyCondition() metav1.Condition {
	const kind = v1alpha1.ConditionReady
	healthy, voters := len(in.Etcd.HealthyVoters()), len(in.Etcd.Voters())
	switch {
	case in.Latch.ClusterID == "":
		return condition(kind, false, ReasonBirth, "The cluster has not been born yet.")
	case in.unseen():
		return unknown(kind, ReasonClosed, "etcd cannot be reached from here, and no unit has told how it is.")
	case !in.Etcd.Listed:
		return condition(kind, false, ReasonNoQuorum, "%s", sentence(in.applicationWords().Message))
	case healthy < voters:
		return condition(kind, false, ReasonDegraded, "%s", sentence(in.applicationWords().Message))
	}
	for _, u := range in.alive() {
		if m, member := in.member[u.Name]; !member || m.Learner {
			return condition(kind, false, ReasonIncomplete, "%s is no voter yet.", u.Name)
		}
	}
	return condition(kind, true, ReasonAsWanted, "Every unit is a healthy voter.")
}

func sentence(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + strings.TrimRight(text[1:], ".") + "."
}

// progressing is about the next step, and names the procedures that it may be a part of.
func (in *report) progressing(steps []Step) metav1.Condition {
	c := progress(steps)
	for _, r := range in.underway {
		if title := fmt.Sprintf("%s of task %s", r.of.name, r.entry.ID); !strings.Contains(c.Message, title) {
			c.Message += fmt.Sprintf(" %s is under way, until %s.", title, r.words)
		}
	}
	return c
}

func progress(steps []Step) metav1.Condition {
	const kind = v1alpha1.ConditionProgressing
	switch {
	case len(steps) == 0:
		return condition(kind, false, ReasonAsWanted, "There is nothing to do.")
	case steps[0].Kind != StepWait:
		return condition(kind, true, ReasonStep, "%s", steps[0].Reason)
	case steps[0].Person:
		return condition(kind, false, ReasonPerson, "%s", steps[0].Reason)
	}
	return condition(kind, true, ReasonWaiting, "%s", steps[0].Reason)
}

func (in *report) reachable() metav1.Condition {
	c := in.reachability()
	if more := in.exposureWords(); more != "" {
		c.Message += " " + more
	}
	return c
}

func (in *report) reachability() metav1.Condition {
	const kind = v1alpha1.ConditionReachable
	if in.Closed {
		if in.unseen() {
			return condition(kind, false, ReasonClosed, "Port %d of the units cannot be reached from here.", in.opts.Port)
		}
		return condition(kind, false, ReasonClosed, "Port %d of the units cannot be reached from here. etcd is looked at and changed "+
			"through its units, now %s, which costs an action each time and is slower: trouble that no unit's status shows is seen "+
			"up to a minute late.", in.opts.Port, in.Through)
	}
	for _, m := range in.Etcd.Members {
		if h := in.Etcd.HealthOf(m); m.Started() && !h.Answered {
			return condition(kind, false, ReasonUnreachable, "%s: %s.", label(m), h.Reason())
		}
	}
	if len(in.Etcd.Members) == 0 {
		return unknown(kind, ReasonBirth, "There are no members to reach.")
	}
	return condition(kind, true, ReasonAsWanted, "Every member answers.")
}

func (in *report) certificates() metav1.Condition {
	const kind = v1alpha1.ConditionCertificates
	if !in.CA.Related {
		return condition(kind, false, ReasonNoAuthority, "%s", etcdops.MissingAuthorityWords().Message)
	}
	if in.otherAuthority {
		return condition(kind, false, ReasonOtherAuthority, "%s.", etcdops.OtherAuthorityWords(in.Application, in.CA.Application).Message)
	}
	for _, u := range in.alive() {
		if u.Facts != nil && u.Facts.Certificates.Server == nil {
			return condition(kind, false, ReasonNoCertificate, "%s has no server certificate from %s yet.", u.Name, in.CA.Application)
		}
	}
	if !in.CA.ClientCertificate {
		return condition(kind, false, ReasonNoCertificate, "%s has not given a client certificate for this daemon yet.", in.CA.Application)
	}
	if n := in.expiring(); n.Text != "" {
		return condition(kind, !n.Urgent, ReasonExpiring, "%s.", n.Text)
	}
	if n := in.unused(); n.Text != "" {
		return condition(kind, true, ReasonUnused, "%s has answered every unit. %s", in.CA.Application, sentence(n.Text))
	}
	return condition(kind, true, ReasonAsWanted, "%s has answered every unit.", in.CA.Application)
}

func (in *report) oneIdentity() metav1.Condition {
	const kind = v1alpha1.ConditionIdentity
	if step, bad := in.identity(); bad {
		return condition(kind, false, ReasonTwoClusters, "%s", step.Reason)
	}
	if in.Latch.ClusterID == "" {
		return unknown(kind, ReasonIdentityUnknown, "No cluster ID is latched yet.")
	}
	return condition(kind, true, ReasonAsWanted, "Only cluster %s is seen.", in.Latch.ClusterID)
}

func (in *report) leading() metav1.Condition {
	const kind = v1alpha1.ConditionLeading
	if step, foreign := in.standby(); foreign {
		return condition(kind, false, ReasonStandby, "%s", step.Reason)
	}
	if !in.claimed() {
		return unknown(kind, ReasonNotClaimed, "The epoch is claimed before the first act; there has been none.")
	}
	return condition(kind, true, ReasonAsWanted, "This daemon holds epoch %d.", in.Claimed)
}

func (in *report) policyValid() metav1.Condition {
	const kind = v1alpha1.ConditionPolicy
	if len(in.faults) > 0 {
		return condition(kind, false, ReasonOptions, "%s", strings.Join(in.faults, " "))
	}
	return condition(kind, true, ReasonAsWanted, "All options can be carried out.")
}
