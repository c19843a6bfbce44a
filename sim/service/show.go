package service

import (
	"strconv"
	"strings"
)

// Property is one line of systemctl show.
type Property struct{ Name, Value string }

// Show returns a unit's properties, in a fixed order. A unit that is not there has LoadState not-found, as with systemd.
func (s *Supervisor) Show(name string) []Property {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.lookup(name)
	if err != nil {
		u = &unit{name: strings.TrimSuffix(name, ".service"), result: "success"}
	}
	load := "loaded"
	if !u.loaded {
		load = "not-found"
	}
	active, sub := u.state.words()
	pid := 0
	if u.cmd != nil {
		pid = u.cmd.Process.Pid
	}
	file := ""
	if u.loaded {
		file = "disabled"
		if s.Enabled(name) {
			file = "enabled"
		}
	}
	condition := "no"
	if u.condition {
		condition = "yes"
	}
	return []Property{
		{"Id", Filename(name)},
		{"LoadState", load},
		{"ActiveState", active},
		{"SubState", sub},
		{"UnitFileState", file},
		{"MainPID", strconv.Itoa(pid)},
		{"NRestarts", strconv.Itoa(u.nRestarts)},
		{"Result", u.result},
		{"ExecMainStartTimestampMonotonic", strconv.FormatInt(u.started, 10)},
		{"ExecMainStatus", strconv.Itoa(max(u.exitCode, 0))},
		{"ConditionResult", condition},
	}
}

// Get is one property of a unit, empty if there is no such property.
func (s *Supervisor) Get(name, property string) string {
	for _, p := range s.Show(name) {
		if p.Name == property {
			return p.Value
		}
	}
	return ""
}

func (s state) words() (active, sub string) {
	switch s {
	case running:
		return "active", "running"
	case stopping:
		return "deactivating", "stop-sigterm"
	case waiting:
		return "activating", "auto-restart"
	case failed:
		return "failed", "failed"
	default:
		return "inactive", "dead"
	}
}
