package simulation

import (
	"fmt"
	"slices"
	"strings"
)

// End is what a run has led to, as text that two runs can be compared by: members, data, statuses, ports. What depends on the
// moment (IDs of members that joined, epochs, times) is left out.
func (s *Sim) End() string {
	var lines []string
	for _, c := range s.clusters {
		for _, m := range c.members {
			lines = append(lines, fmt.Sprintf("member %s at %s and %s, learner: %t, up: %t", m.name, m.peer, m.client, m.learner, c.reachable(m)))
		}
	}
	for _, u := range s.juju.units {
		lines = append(lines, fmt.Sprintf("%s: %s %q, open %v, data: %t", u.Name, u.status.Current, u.status.Message, u.ports, u.agent.process.data != nil))
	}
	l := s.juju.latch
	if l.Seeds != nil {
		for _, m := range l.Seeds.Members {
			lines = append(lines, "seed "+m.Unit)
		}
	}
	lines = append(lines, fmt.Sprintf("clusters: %d, latched: %t", len(s.clusters), l.ClusterID != ""),
		fmt.Sprintf("application: %s %q", s.juju.status.Current, s.juju.status.Message))
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Voters is how many voters are up in the one cluster.
func (s *Sim) Voters() int {
	for _, c := range s.clusters {
		_, up := c.voters()
		return up
	}
	return 0
}

// Members is how many members the one cluster has, whatever their state.
func (s *Sim) Members() int {
	for _, c := range s.clusters {
		return len(c.members)
	}
	return 0
}

// Status is the unit's status line.
func (u *Unit) Status() string { return u.status.Current + " " + u.status.Message }

// ApplicationStatus is the application's status line.
func (s *Sim) ApplicationStatus() string { return s.juju.status.Current + " " + s.juju.status.Message }

// Leads says that the unit is Juju's leader.
func (u *Unit) Leads() bool { return u.leader }

// LeaderUnit is the unit whose member leads.
func (s *Sim) LeaderUnit() string {
	for _, c := range s.clusters {
		if m := c.member(c.leader); m != nil {
			if a := c.host(m); a != nil {
				return a.unit.Name
			}
		}
	}
	return ""
}

// Alive is how many units Juju is not removing.
func (s *Sim) Alive() int { return s.aliveUnits() }

// Spare says that there is a cluster of three or more voters that are all up, with all units' agents at hand: it can bear the
// loss of one member's data.
func (s *Sim) Spare() bool {
	for _, c := range s.clusters {
		all, up := c.voters()
		return all >= 3 && up == all && c.leader != 0 && len(c.members) == all
	}
	return false
}

// NeedsAPerson says, by the model's own knowledge, that no automation can help: the data of a quorum is gone, or of a majority
// of the seeds of a cluster that is not born yet.
func (s *Sim) NeedsAPerson() bool {
	for _, c := range s.clusters {
		all, alive := 0, 0
		for _, m := range c.members {
			if m.learner {
				continue
			}
			all++
			if c.host(m) != nil {
				alive++
			}
		}
		if alive < all/2+1 && s.juju.latch.ClusterID != "" {
			return true
		}
	}
	if l := s.juju.latch; l.Seeds != nil && l.ClusterID == "" {
		there := 0
		for _, m := range l.Seeds.Members {
			if slices.ContainsFunc(s.juju.units, func(u *Unit) bool { return u.Name == m.Unit }) {
				there++
			}
		}
		return there < len(l.Seeds.Members)/2+1
	}
	// A restart of one of two members is an outage that nobody has accepted.
	return s.aliveUnits() <= 2 && s.daemon != nil && s.daemon.last.Person
}

// Note writes a line into the log.
func (s *Sim) Note(format string, args ...any) { s.say(format, args...) }
