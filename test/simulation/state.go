package simulation

import (
	"fmt"
	"slices"
	"strings"

	"jujuetcd.io/pkg/etcdops"
)

// End is what a run has led to, as text that two runs can be compared by: members, data, statuses,
// ports. What depends on the moment (IDs of members that joined, epochs, times) is left out.
func (s *Sim) End() string {
	var lines []string
	if c := s.cluster(); c != nil {
		for _, m := range c.members {
			lines = append(lines, fmt.Sprintf("member %s at %s and %s, learner: %t, up: %t", m.name, m.peer, m.client, m.learner, c.reachable(m)))
		}
	}
	for _, u := range s.units {
		lines = append(lines, fmt.Sprintf("%s: %s %q, open %v, data: %t", u.Name, u.status.Current, u.status.Message, u.ports, u.agent.process.data != nil))
	}
	l := s.latch
	if l.Seeds != nil {
		for _, m := range l.Seeds.Members {
			lines = append(lines, "seed "+m.Unit)
		}
	}
	lines = append(lines, fmt.Sprintf("clusters: %d, latched: %t", len(s.clusters), l.ClusterID != ""),
		fmt.Sprintf("application: %s %q", s.status.Current, s.status.Message))
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Voters is how many voters are up in the application's cluster.
func (a *App) Voters() int {
	if a.cluster() == nil {
		return 0
	}
	_, up := a.cluster().voters()
	return up
}

// Members is how many members the application's cluster has, whatever their state.
func (a *App) Members() int {
	if a.cluster() == nil {
		return 0
	}
	return len(a.cluster().members)
}

// Status is the unit's status line.
func (u *Unit) Status() string { return u.status.Current + " " + u.status.Message }

// ApplicationStatus is the application's status line.
func (a *App) ApplicationStatus() string { return a.status.Current + " " + a.status.Message }

// Leads says that the unit is Juju's leader.
func (u *Unit) Leads() bool { return u.leader }

// LeaderUnit is the unit whose member leads.
func (a *App) LeaderUnit() string {
	c := a.cluster()
	if m := c.member(a.leaderID()); m != nil {
		if h := c.host(m); h != nil {
			return h.process.data.by.Name
		}
	}
	return ""
}

func (a *App) leaderID() etcdops.MemberID {
	if a.cluster() == nil {
		return 0
	}
	return a.cluster().leader
}

// Spare says that there is a cluster of three or more voters that are all up, with all units'
// agents at hand: it can bear the loss of one member's data.
func (a *App) Spare() bool {
	c := a.cluster()
	if c == nil {
		return false
	}
	all, up := c.voters()
	return all >= 3 && up == all && c.leader != 0 && len(c.members) == all
}

// NeedsAPerson says, by the model's own knowledge, that no automation can help: the data of a
// quorum is gone, or of a majority of the seeds of a cluster that is not born yet.
func (a *App) NeedsAPerson() bool {
	if c := a.cluster(); c != nil && a.latch.ClusterID != "" {
		all, there := 0, 0
		for _, m := range c.members {
			if m.learner {
				continue
			}
			all++
			if c.host(m) != nil {
				there++
			}
		}
		if there < all/2+1 {
			return true
		}
	}
	if l := a.latch; l.Seeds != nil && l.ClusterID == "" {
		there := 0
		for _, m := range l.Seeds.Members {
			if slices.ContainsFunc(a.units, func(u *Unit) bool { return u.Name == m.Unit }) {
				there++
			}
		}
		return there < len(l.Seeds.Members)/2+1
	}
	// A restart of one of two members is an outage that nobody has accepted; nor does a third join
	// while they learn to trust another authority, or one more.
	learns := a.Procedure() != "" || a.AsksToRotate() || a.beside != "" && !a.UsesWhatIsOffered()
	if c := a.cluster(); c != nil && learns {
		if all, _ := c.voters(); all == 2 {
			return true
		}
	}
	return a.Alive() <= 2 && a.daemon != nil && a.daemon.last.Person
}

// Note writes a line into the log.
func (s *Sim) Note(format string, args ...any) { s.say(format, args...) }

// Machine is where the unit is placed.
func (u *Unit) Machine() *Machine { return u.agent.Machine }

// Places says what is where, for people.
func (s *Sim) Places() string {
	var lines []string
	for _, m := range s.juju.machines {
		line := fmt.Sprintf("machine %d: owner %v, data of %s, up %t:", m.number, m.owner, m.process.data.owner(), m.process.up)
		for _, u := range m.units {
			line += fmt.Sprintf(" %s (%s, lost %t, held %t) %q", u.Name, u.life, u.lost, u.agent.held, u.Status())
		}
		lines = append(lines, line)
	}
	for _, a := range s.juju.apps {
		line := fmt.Sprintf("%s: %s; latched %q, %d of %d voters", a.name, a.ApplicationStatus(), a.latch.ClusterID, a.Voters(), a.Members())
		if a.daemon != nil {
			line += fmt.Sprintf("; %s %s", a.daemon.last.Kind, a.daemon.last.Reason)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// Serving is how many of the application's units have a voter of their own that is up.
func (a *App) Serving() int {
	n := 0
	for _, u := range a.units {
		c, m := u.agent.membership()
		if m != nil && u.agent.process.data.by == u && !m.learner && c.reachable(m) && c == a.cluster() {
			n++
		}
	}
	return n
}
