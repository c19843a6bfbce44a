package model

import (
	"maps"
	"time"
)

// stoppable is the timer of a lease that runs out.
type stoppable struct{ timer *time.Timer }

func (a *application) stopLease() {
	if a.leaseEnd != nil {
		a.leaseEnd.timer.Stop()
		a.leaseEnd = nil
	}
}

// AgentUp says that a unit's agent runs. Tasks that were running fail, as Juju's agents fail them after a restart, and the unit
// asks for leadership, which it gets if nobody has it.
func (m *Model) AgentUp(unitName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return err
	}
	u.present, u.everUp = true, true
	for _, t := range m.tasks {
		if t.unit == u.name && t.status == TaskRunning {
			m.endTask(t, TaskFailed, "action terminated", nil)
		}
	}
	if u.app.leader == u.name {
		u.app.stopLease()
	}
	m.elect(u.app)
	m.bump()
	return nil
}

// AgentGone says that a unit's agent runs no more: it shows as lost, and when its lease has run out another unit leads.
func (m *Model) AgentGone(unitName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return err
	}
	u.present = false
	if a := u.app; a.leader == u.name && a.leaseEnd == nil && !m.closed {
		lease := &stoppable{}
		lease.timer = time.AfterFunc(m.lease, func() { m.leaseEnded(a, lease) })
		a.leaseEnd = lease
	}
	m.bump()
	return nil
}

func (m *Model) leaseEnded(a *application, lease *stoppable) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.leaseEnd != lease || m.closed {
		return
	}
	a.leaseEnd = nil
	a.leader = ""
	m.elect(a)
	m.bump()
}

// elect gives a vacant leadership to the unit with the lowest number among those whose agent is there, those alive first.
func (m *Model) elect(a *application) {
	if a.leader != "" {
		return
	}
	for _, life := range []Life{Alive, Dying} {
		for _, u := range a.sortedUnits() {
			if u.present && u.life == life {
				a.leader = u.name
				return
			}
		}
	}
}

// Leader returns the leading unit, or an error of code NotFound where there is none.
func (m *Model) Leader(application string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.applications[application]
	if !ok {
		return "", errorf(NotFound, "application %q not found", application)
	}
	if a.leader == "" {
		return "", errorf(NotFound, "leader for %q not found", application)
	}
	return a.leader, nil
}

// IsLeader is is-leader.
func (m *Model) IsLeader(unitName string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	return err == nil && u.app.leader == u.name
}

// LeaderSettings is leader-get.
func (m *Model) LeaderSettings(unitName string) (map[string]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return nil, err
	}
	return maps.Clone(u.app.leaderSettings), nil
}

// SetLeaderSettings is leader-set, which acts at once; an empty value deletes its key. Only the leader may.
func (m *Model) SetLeaderSettings(unitName string, values map[string]string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return err
	}
	if u.app.leader != u.name {
		return errorf(NoCode, "cannot write leadership settings: %q is not leader of %q", u.name, u.app.name)
	}
	if u.app.leaderSettings == nil {
		u.app.leaderSettings = map[string]string{}
	}
	for key, value := range values {
		if value == "" {
			delete(u.app.leaderSettings, key)
			continue
		}
		u.app.leaderSettings[key] = value
	}
	m.bump()
	return nil
}
