package planner

import (
	"fmt"
	"slices"

	"jujuetcd.io/pkg/etcdops"
)

// A machine that has another address than its member tells is a member that has moved. It is brought home in this order, one
// member at a time:
//
//  1. its agent asks for a certificate with the new address, and puts it in its place (a hook);
//  2. its configuration is written anew, and waits for a restart (updates);
//  3. the others are told where its peers find it now;
//  4. it is restarted, and tells clients its new URL by itself.

// Several at once, two of three even, are no different while there is a quorum: members that have moved still find those that have
// not, and these answer over the connections that they got. All are told before one is restarted: until then the others may need
// the one that has not moved to find each other.

// moved does the last two of these. They come before growth, which waits for every voter to be healthy.
func moved(in *input) (Step, bool) {
	if in.Latch.ClusterID == "" || !in.Etcd.Listed {
		return Step{}, false
	}
	var home []Unit // where their peers look for them, and clients not yet
	for _, u := range in.alive() {
		m, member := in.member[u.Name]
		if !member || m.Learner || !m.Started() || !hasData(u) || !ready(u) {
			continue
		}
		if slices.Equal(m.PeerURLs, []string{in.peerURL(u)}) {
			if len(m.ClientURLs) > 0 && !slices.Contains(m.ClientURLs, in.clientURL(u)) && u.Facts.RestartPending {
				home = append(home, u)
			}
			continue
		}
		if step, ok := in.tellMove(u, m); ok {
			return step, true
		}
	}
	if len(home) == 0 {
		return Step{}, false
	}
	return in.restartOf(home[0]), true
}

// tellMove has the others told where the member's peers find it now. False means that its restart has to come first.
func (in *input) tellMove(u Unit, m etcdops.Member) (Step, bool) {
	reason := fmt.Sprintf("The peers of %s find it at %s now, and the member list has %s.", u.Name, in.peerURL(u), m.PeerURLs)
	if len(in.Etcd.Voters()) == 1 && !in.serving(m) {
		// The only member can be asked only at the URL that it tells, which is new after its restart.
		return Step{}, false
	}
	if !certifies(u) {
		return wait("%s But its server certificate is not good for %s yet.", reason, u.Facts.Addresses.Peer), true
	}
	if !in.applied(u) {
		return wait("%s But its configuration is not written yet.", reason), true
	}
	if err := etcdops.CanMove(in.Etcd, m.ID, in.peerURL(u)); err != nil {
		return wait("%s But it stays for now: %v", reason, err), true
	}
	return Step{Kind: StepUpdatePeer, Member: m.ID, Unit: u.Name, PeerURL: in.peerURL(u), Reason: reason}, true
}

// certifies says that the unit's server certificate is good for its addresses. One that does not tell its names was written by
// an agent that had checked it.
func certifies(u Unit) bool {
	leaf := u.Facts.Certificates.Server
	if leaf == nil {
		return false
	}
	return len(leaf.SANs) == 0 || slices.Contains(leaf.SANs, u.Facts.Addresses.Peer) && slices.Contains(leaf.SANs, u.Facts.Addresses.Client)
}
