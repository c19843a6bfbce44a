package planner

import (
	"cmp"

	"jujuetcd.io/pkg/reconcile/observation"
)

// peerPort is the port of peerURL. It changes on one member's disk at a time: whoever crashes or
// loses its power begins with what is there, and members that begin where they are not looked for
// find each other no more. So a member has the port where its peers look for it, as far as anybody
// remembers, until it is its turn; without a quorum it is nobody's, because peers cannot be
// informed.
func (in *addresses) peerPort(u observation.Unit) int32 {
	m := in.member[u.Name]
	listed := PortOf(in.unbornSeed(u))
	if len(m.PeerURLs) > 0 {
		listed = PortOf(m.PeerURLs[0])
	}
	switch {
	case listed != 0 && (m.Learner || !m.Started()): // a seed that is not born is no member yet
		return listed
	case in.Latch.ClusterID == "" || !hasData(u) || in.Etcd.Listed && (listed == 0 || in.peerPortTurn == u.Name):
		return in.opts.ManagementPort
	case listed == 0:
		listed = runsAtPeerPort(u)
	}
	return cmp.Or(listed, in.opts.ManagementPort)
}

// awaitsPeerPort says that the unit's member is to have another port for its peers, and that its
// turn is still to come: it would have to be restarted twice.
func (in *addresses) awaitsPeerPort(u observation.Unit) bool {
	return in.peerPort(u) != in.opts.ManagementPort
}

// runsAtPeerPort is the port for peers that the unit's process has read; zero if that is not known.
func runsAtPeerPort(u observation.Unit) int32 {
	if u.Facts == nil || u.Facts.Running == nil {
		return 0
	}
	return PortOf(u.Facts.Running.PeerURL)
}

// nextPeerPort is the unit whose turn it is to have another port for its peers. One that runs there
// already is made known first. While one that has been made known to the others does not run there
// yet it is nobody's; then it is the first that can be reached, etcd's leader last.
func (in *addresses) nextPeerPort() string {
	var next, leader string
	halfMoved := false
	for _, u := range in.alive() {
		m, member := in.member[u.Name]
		if !member || m.Learner || !m.Started() || len(m.PeerURLs) == 0 || !hasData(u) {
			continue
		}
		known, there := PortOf(m.PeerURLs[0]) == in.opts.ManagementPort, runsAtPeerPort(u) == in.opts.ManagementPort
		switch {
		case !known && there:
			return u.Name
		case known && u.Facts.RestartPending && !there:
			halfMoved = true
		case known, u.Lost, u.Failed:
		case m.ID == in.Etcd.Leader():
			leader = u.Name
		default:
			next = cmp.Or(next, u.Name)
		}
	}
	if halfMoved {
		return ""
	}
	return cmp.Or(next, leader)
}
