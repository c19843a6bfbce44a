package planner

import (
	"fmt"
	"slices"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// A member has moved if its peers or its clients are to find it elsewhere than they do: its machine
// has another address, or the options port or management_port have changed. It is brought home in
// this order, one member at a time, the leader last:
//
//  1. its agent asks for a certificate with a new address, and puts it in its place (a hook);
//  2. its configuration is written anew, and waits for a restart; a new port is opened, too
//     (updates). A new port for peers is written on one member at a time, when all before it are
//     home;
//  3. it is made known to the others where its peers find it now, which cuts no connection that is
//     there;
//  4. it is restarted, and reports its new client URL by itself;
//  5. clients are informed, its old port is closed (updates), and clients' hooks have run, before
//     the next one is restarted.

// Several that have another address at once, two of three even, are no different while there is a
// quorum: members that have moved still find those that have not, and these answer over the
// connections that they got. All are made known before one is restarted: until then the others may
// need the one that has not moved to find each other.

// moved does the third and fourth of these. They come before growth, which waits for every voter to
// be healthy.
func moved(in *Situation) (Step, bool) {
	if in.Latch.ClusterID == "" || !in.Etcd.Listed || in.unsure {
		return Step{}, false
	}
	if len(in.Etcd.Voters()) == 2 && len(in.joiners()) > 0 {
		return Step{}, false // a third one comes first: no restart of one of two is without an outage
	}
	units := filter(in.alive(), func(u observation.Unit) bool {
		m, member := in.member[u.Name]
		return member && !m.Learner && m.Started() && hasData(u) && ready(u)
	})
	slices.SortStableFunc(units, func(a, b observation.Unit) int { return in.restartRank(b) - in.restartRank(a) })
	// One that cannot be known yet may be waiting for another one: two that have moved do not find
	// each other, so that the one that does not lead serves only when both are made known.
	var untellable *Step
	for _, u := range units {
		if !in.atAnotherAddress(u) {
			continue
		}
		step, ok := in.publishPeerURL(u)
		switch {
		case ok && step.Kind != StepWait:
			return step, true
		case ok && untellable == nil:
			untellable = &step
		}
	}
	if untellable != nil {
		return *untellable, true
	}
	// One that has been made known to the others is finished before the next one. If it has to
	// wait, that may be for one that serves nowhere until the others know.
	var waits *Step
	for _, u := range units {
		if !in.peersKnow(u) || !in.runsElsewhere(u) || in.awaitsPeerPort(u) {
			continue
		}
		step := in.restartOf(u)
		if step.Kind != StepWait {
			return step, true
		}
		waits = &step
		break
	}
	for _, u := range units {
		if waits != nil && in.serving(in.member[u.Name]) {
			continue
		}
		if step, ok := in.publishPeerURL(u); ok {
			return step, true
		}
	}
	if waits != nil {
		return *waits, true
	}
	return Step{}, false
}

// halfMoved finishes a member that has been made known to the others and that does not run there
// yet, before others may go: two members of which one is looked for where it is not yet, and the
// other begins where it is not looked for, find each other no more. In a cluster where it cannot be
// restarted now, others are not kept waiting for it.
func halfMoved(in *Situation) (Step, bool) {
	if in.Latch.ClusterID == "" || !in.Etcd.Listed || in.unsure || len(in.Etcd.HealthyVoters()) < len(in.Etcd.Voters()) || len(in.Etcd.Voters()) == 2 {
		return Step{}, false
	}
	for _, u := range in.alive() {
		m, member := in.member[u.Name]
		if !member || m.Learner || !hasData(u) || u.Facts.Running == nil || u.Lost || u.Failed {
			continue
		}
		if in.peersKnow(u) && u.Facts.Running.PeerURL != in.peerURL(u) && u.Facts.RestartPending {
			return in.restartOf(u), true
		}
	}
	return Step{}, false
}

// publishPeerURL is the change of the unit's peer URL in the member list, if it needs one.
func (in *membership) publishPeerURL(u observation.Unit) (Step, bool) {
	m := in.member[u.Name]
	if in.peersKnow(u) {
		return Step{}, false
	}
	reason := fmt.Sprintf("The peers of %s find it at %s now, and the member list has %s.", u.Name, in.peerURL(u), m.PeerURLs)
	if len(in.Etcd.Voters()) == 1 {
		// The only member can be asked only at the URL that it shows, which is new after its
		// restart. No peer is cut off by that.
		if in.runsElsewhere(u) {
			return in.restartOf(u), true
		}
		if !in.serving(m) {
			return Step{}, false
		}
	}
	if !certifies(u) {
		return wait("%s But its server certificate is not good for %s yet.", reason, u.Facts.Addresses.Peer), true
	}
	if !in.applied(u) && !in.onDisk(u) {
		return wait("%s But its configuration is not written yet.", reason), true
	}
	if in.serving(m) && in.runsElsewhere(u) && !in.atAnotherAddress(u) {
		// It is restarted right after this: nothing is begun that would have to wait half done.
		if step := in.restartOf(u); step.Kind == StepWait {
			step.Reason = reason + " " + step.Reason
			return step, true
		}
	}
	if err := etcdops.CanMove(in.Etcd, m.ID, in.peerURL(u)); err != nil {
		return wait("%s But it stays for now: %v", reason, err), true
	}
	return Step{Kind: StepUpdatePeer, Member: m.ID, Unit: u.Name, Reason: reason,
		Change: etcdops.UpdatePeerURL{Member: m.ID, PeerURL: in.peerURL(u)}}, true
}

// unpublished says that clients of some unit have not been informed yet where the members serve
// now; why is the end of a sentence. A member that is to serve elsewhere waits for that, so that
// whoever knows what was published last finds all the others.
func (in *desired) unpublished() (why string, yes bool) {
	for _, u := range in.alive() {
		m, member := in.member[u.Name]
		if !member || m.Learner || u.Facts == nil || !hasData(u) {
			continue
		}
		if !in.hasApplied(u) {
			if why, _ := in.blocked(u); why != "" {
				return why, true
			}
			return u.Name + " has not done so yet", true
		}
	}
	return "", false
}

// certifies says that the unit's server certificate is good for its addresses. One that does not
// report its names was written by an agent that had checked it.
func certifies(u observation.Unit) bool {
	leaf := u.Facts.Certificates.Server
	if leaf == nil {
		return false
	}
	return len(leaf.SANs) == 0 || slices.Contains(leaf.SANs, u.Facts.Addresses.Peer) && slices.Contains(leaf.SANs, u.Facts.Addresses.Client)
}

// refusedPorts are sentences on units that cannot have the port that they should: Juju does not
// open it, because another application on the machine has it, or another process listens there.
// What Juju has shown before a delivery ended says nothing of that one's ports; what is reported
// already stays until Juju has been asked since.
func (in *words) refusedPorts() []string {
	var sentences []string
	for _, u := range in.alive() {
		if u.Facts == nil || u.Last == nil || !hasData(u) {
			continue
		}
		port := in.opts.Port
		switch {
		case u.Last.Reason == v1alpha1.ReasonPortInUse, u.Last.Reason == v1alpha1.ReasonDiskFull:
			sentences = append(sentences, fmt.Sprintf("%s: %s", u.Name, sentence(u.Last.Message)))
		case u.Last.Outcome == v1alpha1.OutcomeApplied && slices.Contains(u.Last.Ports, port) && !slices.Contains(u.OpenedPorts, port):
			text := fmt.Sprintf("Juju does not open port %d for %s, because another application on its machine has it open; "+
				"choose another port, or have that one closed", port, u.Name)
			if u.Last.At.Before(in.JujuAsked) || strings.Contains(in.ApplicationStatus.Message, text) {
				sentences = append(sentences, text+".")
			}
		}
	}
	return sentences
}
