package planner

import (
	"cmp"
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// match pairs members with units: by the ID in the unit's data directory first, then a started member by its name (Juju
// never uses a unit number twice) and an unstarted one by the address of its peer URL, whatever its port. Of two units at one address it
// is the one whose machine it is.
func (in *roster) match() {
	pair := func(m etcdops.Member, i int) {
		if _, taken := in.member[in.Units[i].Name]; i >= 0 && !taken {
			in.member[in.Units[i].Name] = m
			in.owner[m.ID] = i
		}
	}
	for i, u := range in.Units {
		if u.Facts == nil || !u.Facts.Member.Present {
			continue
		}
		id, err := etcdops.ParseMemberID(u.Facts.Member.MemberID)
		if m, ok := in.Etcd.Member(id); err == nil && id != 0 && ok {
			pair(m, i)
		}
	}
	for _, m := range in.Etcd.Members {
		if _, ok := in.owner[m.ID]; ok {
			continue
		}
		i := slices.IndexFunc(in.Units, func(u observation.Unit) bool {
			if m.Started() {
				return m.Name == etcdops.MemberName(u.Name)
			}
			return u.Facts != nil && !taken(u) && u.Facts.Addresses.Peer != "" && slices.ContainsFunc(m.PeerURLs, func(url string) bool {
				return url == httpsURL(u.Facts.Addresses.Peer, PortOf(url))
			})
		})
		if i >= 0 {
			pair(m, i)
		}
	}
}

// unitOf is the unit of a member.
func (in *roster) unitOf(m etcdops.Member) (observation.Unit, bool) {
	i, ok := in.owner[m.ID]
	if !ok {
		return observation.Unit{}, false
	}
	return in.Units[i], true
}

// alive are the units that Juju is not removing.
func (in *roster) alive() []observation.Unit { return in.staying }

// leader is the unit whose agent can write the application databag.
func (in *roster) leader() (observation.Unit, bool) {
	i := slices.IndexFunc(in.Units, func(u observation.Unit) bool { return u.Leader })
	if i < 0 {
		return observation.Unit{}, false
	}
	return in.Units[i], true
}

// hasData says that the unit's data directory holds a member.
func hasData(u observation.Unit) bool { return u.Facts != nil && u.Facts.Member.Present }

// begun says that a member was started on the unit once, whatever became of it.
func begun(u observation.Unit) bool {
	return u.Facts != nil && (u.Facts.Member.Started || u.Facts.Member.StartedNew)
}

// begun says that a member was started on the unit once that the latched cluster may know. One of a cluster that was given up is none,
// once its data is gone: the unit's agent tells that cluster from the one that follows by its token. The mark alone gives up no unit that
// is here.
func (in *roster) begun(u observation.Unit) bool {
	if !begun(u) || hasData(u) || u.Facts.Member.Token == "" {
		return begun(u)
	}
	if in.ended != nil {
		_, _, asked := in.asked()
		return !asked
	}
	return in.Latch.Seeds == nil || in.Latch.Seeds.Token == u.Facts.Member.Token
}

// dataLost says that a member was started on the unit and its data is gone.
func (in *roster) dataLost(u observation.Unit) bool { return in.begun(u) && !hasData(u) }

// ready says that the unit has addresses and certificates.
func ready(u observation.Unit) bool { return u.Facts != nil && len(missing(u)) == 0 }

// missing names what a unit with facts still lacks before etcd can be set up on it.
func missing(u observation.Unit) []string {
	var names []string
	if u.Facts.Addresses.Peer == "" || u.Facts.Addresses.Client == "" {
		names = append(names, "address")
	}
	if u.Facts.Certificates.Server == nil {
		names = append(names, "server certificate")
	}
	return names
}

// serving says that the member answers a read.
func (in *roster) serving(m etcdops.Member) bool { return in.Etcd.HealthOf(m).Serves }

func (in *roster) servingVoters() int {
	n := 0
	for _, m := range in.Etcd.Voters() {
		if in.serving(m) {
			n++
		}
	}
	return n
}

// unhealthySince is since when none of the member's client URLs serves; zero if one does, or none was watched. A member that
// has never published one is judged by when the list last changed.
func (in *roster) unhealthySince(m etcdops.Member) time.Time {
	if len(m.ClientURLs) == 0 {
		return in.History.LastChange
	}
	var since time.Time
	for _, url := range m.ClientURLs {
		at := in.History.UnhealthySince[url]
		if at.IsZero() {
			return time.Time{}
		}
		if at.After(since) {
			since = at
		}
	}
	return since
}

// wipedOut says that the member has once run on the unit, and that its data is gone. A member that serves is believed more
// than facts that were written as it started; a task may be about to change them.
func (in *roster) wipedOut(u observation.Unit, m etcdops.Member) bool {
	return u.Facts != nil && !hasData(u) && (in.begun(u) || len(m.ClientURLs) > 0) && u.Task == nil && !in.serving(m)
}

// joiners are units that should be members and are not: those that have failed to join come last, who has failed less often first, and
// else the one with the lower number. A unit that cannot start must not starve those that can.
func (in *roster) joiners() []observation.Unit {
	units := filter(in.alive(), func(u observation.Unit) bool {
		_, member := in.member[u.Name]
		return !member && u.Facts != nil && !taken(u)
	})
	slices.SortStableFunc(units, func(a, b observation.Unit) int {
		return cmp.Compare(in.History.Attempts[JoinKey(a.Name)], in.History.Attempts[JoinKey(b.Name)])
	})
	return units
}

// restartDue says that the unit's member runs with another configuration than the one that was written for it.
func (in *roster) restartDue(u observation.Unit) bool {
	m, member := in.member[u.Name]
	return member && !m.Learner && hasData(u) && u.Facts.RestartPending
}

func (in *roster) leavingMembers() []etcdops.MemberID {
	var ids []etcdops.MemberID
	for _, u := range in.Units {
		if m, ok := in.member[u.Name]; ok && u.Dying {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// claimed says that this process holds the epoch.
func (in *roster) claimed() bool {
	e := in.Latch.Epoch
	return e != nil && e.Holder == in.Self && e.Number == in.Claimed && in.Claimed != 0
}

// nextEpoch is the epoch that this process would claim.
func (in *roster) nextEpoch() v1alpha1.Epoch {
	next := v1alpha1.Epoch{Number: 1, Holder: in.Self}
	if in.Latch.Epoch != nil {
		next.Number = in.Latch.Epoch.Number + 1
	}
	return next
}

// epoch is the epoch that this process acts under.
func (in *roster) epoch() v1alpha1.Epoch { return v1alpha1.Epoch{Number: in.Claimed, Holder: in.Self} }

// doorless says that this daemon has no client certificate for a cluster that is born: it has only begun, or taken over, and its authority
// has not signed yet. That every member turns it away says nothing of the members.
func (in *roster) doorless() bool {
	return in.Latch.ClusterID != "" && !in.CA.ClientCertificate && !in.Etcd.Listed
}

// unseen says that nothing is known of etcd: its network is closed to us, or we have nothing to be let in with.
func (in *roster) unseen() bool { return in.Closed && in.Through == "" || in.doorless() }

// exposed says that the application is exposed to somebody. Then what a unit has not opened is closed, and whoever joins opens its
// port before it does: without that a learner could not be seen, and would never be promoted.
func (in *roster) exposed() bool { return len(in.Exposures) > 0 }

// canShow says that what Juju shows of the unit is about a member, and can be put right.
func (in *roster) canShow(u observation.Unit) bool {
	m, member := in.member[u.Name]
	return member && !m.Learner && u.Facts != nil && !taken(u) && u.Provisioned && !u.Lost && !u.Failed
}

// stage is where a unit is in its life.
type stage int

const (
	stagePrepare stage = iota // no member yet, or none any more
	stageSeed                 // latched as a seed, to be started with state new
	stageJoin                 // in the member list, to be started with state existing
	stageMember               // has data
)

func (in *roster) stageOf(u observation.Unit) stage {
	m, member := in.member[u.Name]
	_, seed := in.Latch.Seeds.Contains(u.Name)
	switch {
	case in.former(u):
		return stagePrepare // it is no member's: to run it would bring the other cluster back
	case hasData(u) && (member || in.Latch.ClusterID == "" || !in.Etcd.Listed):
		return stageMember
	case member && in.serving(m):
		return stageMember
	case hasData(u), in.begun(u):
		return stagePrepare
	case in.Latch.ClusterID == "" && seed:
		return stageSeed
	case in.Latch.ClusterID != "" && in.Etcd.Listed && member && len(m.ClientURLs) == 0:
		return stageJoin
	}
	return stagePrepare
}
