package model

import (
	"slices"
	"time"
)

// Status is a status with the time since when it holds.
type Status struct {
	Current string
	Message string
	Since   time.Time
	// Kind is juju-unit, workload, application, juju-machine or machine in a history.
	Kind string
}

// historyMax bounds each history.
const historyMax = 200

type statusLog struct {
	now     Status
	history []Status
}

func (l *statusLog) set(kind, current, message string, at time.Time) {
	l.now = Status{Current: current, Message: message, Since: at, Kind: kind}
	l.history = append(l.history, l.now)
	if n := len(l.history) - historyMax; n > 0 {
		l.history = slices.Delete(l.history, 0, n)
	}
}

// agentStatuses are those that an agent may set; for error there is FailHook.
var agentStatuses = []string{"allocating", "executing", "idle", "rebooting", "failed"}

// charmStatuses are those that a charm may set.
var charmStatuses = []string{"maintenance", "blocked", "waiting", "active"}

// jujuStatuses are those that Juju itself sets as workload status.
var jujuStatuses = []string{"unknown", "terminated", "error"}

// SetAgentStatus sets what the unit's agent does.
func (m *Model) SetAgentStatus(unitName, current, message string) error {
	if !slices.Contains(agentStatuses, current) {
		return errorf(NotValid, "cannot set status %q", current)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return err
	}
	if u.agent.now.Current == current && u.agent.now.Message == message {
		return nil
	}
	u.agent.set("juju-unit", current, message, m.now())
	m.bump()
	return nil
}

// SetWorkloadStatus is status-set, or Juju's own setting of unknown and terminated.
func (m *Model) SetWorkloadStatus(unitName, current, message string) error {
	if !slices.Contains(charmStatuses, current) && !slices.Contains(jujuStatuses, current) {
		return errorf(NotValid, "cannot set status %q", current)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return err
	}
	u.workload.set("workload", current, message, m.now())
	m.bump()
	return nil
}

// SetApplicationStatus is status-set --application; only the leader may.
func (m *Model) SetApplicationStatus(unitName, current, message string) error {
	if !slices.Contains(charmStatuses, current) {
		return errorf(NotValid, "cannot set status %q", current)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return err
	}
	if u.app.leader != u.name {
		return errorf(NoCode, "this unit is not the leader")
	}
	u.app.status.set("application", current, message, m.now())
	m.bump()
	return nil
}

// SetWorkloadVersion is application-version-set.
func (m *Model) SetWorkloadVersion(unitName, version string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return err
	}
	if u.workloadVersion == version && u.app.workloadVersion == version {
		return nil
	}
	u.workloadVersion = version
	u.app.workloadVersion = version
	m.bump()
	return nil
}

// StatusHistory returns the newest n entries, oldest first, of a unit's agent (juju-unit), workload, or both (unit).
func (m *Model) StatusHistory(unitName, kind string, n int) ([]Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return nil, err
	}
	var entries []Status
	if kind != "workload" {
		entries = append(entries, u.agent.history...)
	}
	if kind != "juju-unit" {
		entries = append(entries, u.workload.history...)
	}
	slices.SortStableFunc(entries, func(a, b Status) int { return a.Since.Compare(b.Since) })
	return entries[max(0, len(entries)-n):], nil
}

// severity orders workload statuses: an application whose leader set none shows its units' worst.
var severity = []string{"unset", "unknown", "terminated", "active", "waiting", "maintenance", "blocked", "error"}

func worst(units []UnitStatus) (best Status, data map[string]any) {
	for _, u := range units {
		if best.Since.IsZero() || slices.Index(severity, u.Workload.Current) > slices.Index(severity, best.Current) {
			best, data = u.Workload, u.WorkloadData
		}
	}
	return best, data
}
