package model

import "time"

// DestroyUnit begins the end of a unit: its agent, told by Snapshot, runs the last hooks and calls
// UnitGone. A unit whose agent never was there goes at once.
func (m *Model) DestroyUnit(unitName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return err
	}
	m.destroyUnit(u)
	m.bump()
	return nil
}

func (m *Model) destroyUnit(u *unit) {
	if !u.everUp {
		m.removeUnit(u)
		return
	}
	if u.life == Alive {
		u.life = Dying
	}
	for _, s := range m.subordinatesOf(u) {
		m.destroyUnit(s)
	}
}

// DestroyApplication begins the end of an application: of its units and relations first.
func (m *Model) DestroyApplication(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.applications[name]
	if !ok {
		return errorf(NotFound, "application %q not found", name)
	}
	a.life = Dying
	for _, r := range m.relationsOf(a) {
		if !r.peer() { // A peer relation lives as long as the application.
			m.destroyRelation(r)
		}
	}
	for _, u := range a.sortedUnits() {
		m.destroyUnit(u)
	}
	m.removeIfEmpty(a)
	m.bump()
	return nil
}

// UnitDead says that a unit has run its last hook and left all relations. Who removes it looks at
// it a while later: DeadFor.
func (m *Model) UnitDead(unitName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return err
	}
	u.life = Dead
	m.bump()
	return nil
}

// DeadFor is how long a dead unit is still there: 6 s on a real 4.0, a moment that is long enough
// to be seen with PaceInstant.
func (m *Model) DeadFor() time.Duration {
	if m.pace == PaceInstant {
		return 500 * time.Millisecond
	}
	return 6 * time.Second
}

// UnitGone removes a unit. It is the last that its agent does; called for one that is alive it is
// remove-unit --force.
func (m *Model) UnitGone(unitName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return err
	}
	m.removeUnit(u)
	m.bump()
	return nil
}

// DestroyMachine begins the end of a machine. One with units is refused, unless by force: then they
// go at once, without hooks.
func (m *Model) DestroyMachine(id string, force bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	mc, ok := m.machines[id]
	if !ok {
		return m.missing("machine", id)
	}
	units := m.unitsOn(mc)
	if len(units) > 0 && !force {
		// In 3.6's words: there is no recording of what 4.0 says.
		return errorf(HasAssignedUnits, "machine %s has unit %q assigned", id, m.showMachine(mc).Units[0])
	}
	for _, u := range units {
		if u.app.units[u.number] == u { // a subordinate has gone with its principal
			m.removeUnit(u)
		}
	}
	m.destroyMachine(mc)
	m.bump()
	return nil
}

// destroyMachine begins the end of an empty machine. One that was never made goes at once.
func (m *Model) destroyMachine(mc *machine) {
	mc.life = Dying
	if !mc.started {
		delete(m.machines, mc.id)
	}
}

// removeUnit takes a unit out of everything; its number is never given again.
func (m *Model) removeUnit(u *unit) {
	// One that goes by force, or before its agent was there, takes them along.
	for _, s := range m.subordinatesOf(u) {
		m.removeUnit(s)
	}
	for _, r := range m.relationsOf(u.app) {
		m.leave(u.name, r)
	}
	m.tasksWithout(u)
	m.secretsWithout(OwnedByUnit, u.name)
	delete(u.app.units, u.number)
	if u.app.leader == u.name {
		u.app.leader = ""
		m.elect(u.app)
	}
	if mc := u.machine; mc != nil && len(m.unitsOn(mc)) == 0 {
		m.destroyMachine(mc)
	}
	m.removeIfEmpty(u.app)
}

func (m *Model) removeIfEmpty(a *application) {
	if a.life == Alive || len(a.units) > 0 {
		return
	}
	for _, r := range m.relationsOf(a) {
		m.destroyRelation(r)
	}
	if len(m.relationsOf(a)) > 0 {
		return // The other side's units are still in scope; leave removes it.
	}
	a.stopLease()
	delete(m.applications, a.name)
	m.secretsWithout(OwnedByApplication, a.name)
}

// ReportDepartures turns what the profile says of SilentDepartures: with true every peer is told of
// the end of a unit, as on 3.6.
func (m *Model) ReportDepartures(report bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.silent = !report
	m.bump()
}
