package model

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Changes are what a hook or action has asked for and Juju keeps back until its end.
type Changes struct {
	// UnitSettings and ApplicationSettings are by relation id; an empty value deletes its key.
	UnitSettings        map[int]map[string]string
	ApplicationSettings map[int]map[string]string
	Open, Close         []PortRange
	// State are keys to set in the unit's state, DeleteState those to delete.
	State       map[string]string
	DeleteState []string
	// Secrets are changes of secrets, in the order in which they were asked for.
	Secrets []SecretWrite
}

// PortRange is an opened range; To equals From for one port. Protocol is tcp, udp or icmp (which
// has no ports).
type PortRange struct {
	From, To int
	Protocol string
}

// ParsePorts reads what open-port takes: 80, 80/tcp, 8000-8010/udp, icmp.
func ParsePorts(text string) (PortRange, error) {
	if text == "icmp" {
		return PortRange{From: -1, To: -1, Protocol: "icmp"}, nil
	}
	ports, protocol, ok := strings.Cut(text, "/")
	if !ok {
		protocol = "tcp"
	}
	from, to, isRange := strings.Cut(ports, "-")
	if !isRange {
		to = from
	}
	a, err1 := strconv.Atoi(from)
	b, err2 := strconv.Atoi(to)
	if err1 != nil || err2 != nil || a < 1 || b > 65535 || a > b || protocol != "tcp" && protocol != "udp" {
		return PortRange{}, fmt.Errorf("invalid port range %q", text)
	}
	return PortRange{a, b, protocol}, nil
}

func (p PortRange) String() string {
	switch {
	case p.Protocol == "icmp":
		return "icmp"
	case p.From == p.To:
		return fmt.Sprintf("%d/%s", p.From, p.Protocol)
	}
	return fmt.Sprintf("%d-%d/%s", p.From, p.To, p.Protocol)
}

func (p PortRange) conflicts(q PortRange) bool {
	return p.Protocol == q.Protocol && p.From <= q.To && q.From <= p.To
}

// Empty says that there is nothing to commit.
func (c Changes) Empty() bool {
	return len(c.UnitSettings)+len(c.ApplicationSettings)+len(c.Open)+len(c.Close)+len(c.State)+len(c.DeleteState)+len(c.Secrets) == 0
}

// Commit makes all the changes, or none if one is refused. What is set to the value it has is no
// change, and wakes nobody.
func (m *Model) Commit(unitName string, c Changes) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return err
	}
	ports, err := m.checkCommit(u, c)
	if err != nil {
		return fmt.Errorf("cannot commit changes of %s: %w", unitName, err)
	}
	changed := !slices.Equal(ports, u.ports)
	u.ports = ports
	for id, settings := range c.UnitSettings {
		if r := m.relations[id]; r != nil && r.units[u.name] != nil {
			changed = r.units[u.name].apply(settings) || changed
		}
	}
	for id, settings := range c.ApplicationSettings {
		if r := m.relations[id]; r != nil {
			changed = r.apps[u.app.name].apply(settings) || changed
		}
	}
	maps.Copy(u.state, c.State) // Nobody but the unit sees its state: no change to report.
	for _, key := range c.DeleteState {
		delete(u.state, key)
	}
	m.commitSecrets(u, c.Secrets)
	if changed || len(c.Secrets) > 0 {
		m.bump()
	}
	return nil
}

func (m *Model) checkCommit(u *unit, c Changes) ([]PortRange, error) {
	for id, settings := range c.ApplicationSettings {
		if len(settings) > 0 && u.app.leader != u.name {
			return nil, fmt.Errorf("%w: %s is not the leader (relation %d)", ErrNotLeader, u.name, id)
		}
	}
	for _, settings := range []map[int]map[string]string{c.UnitSettings, c.ApplicationSettings} {
		for id := range settings {
			if r := m.relations[id]; r != nil {
				if _, _, ok := r.side(u.app); !ok {
					return nil, fmt.Errorf("relation %d is not one of %s", id, u.name)
				}
			}
		}
	}
	if err := m.checkSecrets(u, c.Secrets); err != nil {
		return nil, err
	}
	return m.checkPorts(u, c)
}

func (m *Model) checkPorts(u *unit, c Changes) ([]PortRange, error) {
	ports := slices.Clone(u.ports)
	for _, p := range c.Close {
		ports = slices.DeleteFunc(ports, func(q PortRange) bool { return p == q })
	}
	for _, p := range c.Open {
		if slices.Contains(ports, p) {
			continue
		}
		for _, other := range m.unitsOn(u.machine) {
			theirs := other.ports
			if other == u {
				theirs = ports
			}
			if i := slices.IndexFunc(theirs, p.conflicts); i >= 0 {
				return nil, fmt.Errorf("cannot open %s: %w with %s of unit %s", p, ErrPortConflict, theirs[i], other.name)
			}
		}
		ports = append(ports, p)
	}
	slices.SortFunc(ports, func(a, b PortRange) int { return strings.Compare(a.String(), b.String()) })
	return ports, nil
}
