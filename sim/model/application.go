package model

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"jujuetcd.io/sim/charm"
)

type application struct {
	name            string
	charmURL        string
	charm           *charm.Charm
	revision        int
	life            Life
	config          map[string]any // What users set.
	configVersion   int
	status          statusLog
	workloadVersion string
	exposed         map[string]Exposure // by endpoint; replaced as a whole
	foreign         bool                // It stands for an application of another model.
	offer           *Offer              // What it was consumed from, if it was.
	consumes        string              // The UUID of the offer that it relates to, if it is a consumer's stand-in.
	bindings        map[string]string   // What users set: endpoint to space, "" for all others.
	units           map[int]*unit

	leader   string
	leaseEnd *stoppable
	// leaderSettings is what leader-set has set.
	leaderSettings map[string]string
	resources      resources
	base           string // Ubuntu's release.
}

type unit struct {
	name    string
	number  int
	app     *application
	machine *machine
	// principal is the unit that a subordinate one stands beside.
	principal *unit
	life      Life
	agent     statusLog
	workload  statusLog
	present   bool
	everUp    bool
	resolved  Resolution
	failed    FailedHook

	workloadVersion string
	ports           []PortRange
	charmURL        string
	state           map[string]string
	storage         []*storage
	resources       map[string]Resource // what it has fetched
}

// Placement of a new unit: a machine's id, or empty for a new machine.
type Placement string

// DeployArgs describe a new application.
type DeployArgs struct {
	Charm *charm.Charm
	// Name is the charm's where empty.
	Name     string
	NumUnits int
	Config   map[string]string
	To       []Placement
	// Bindings are the spaces of endpoints; that of the endpoint "" is for all that are not named.
	Bindings map[string]string
	// Base is the release of Ubuntu that its machines have, such as 22.04; empty for DefaultBase.
	Base string
	// Resources are uploaded by User.
	Resources map[string]Upload
	User      string
}

// Deploy makes an application with its peer relations and units, and returns the charm's URL.
func (m *Model) Deploy(args DeployArgs) (string, error) {
	if args.Name == "" {
		args.Name = args.Charm.Metadata.Name
	}
	if !validApp.MatchString(args.Name) {
		return "", errorf(NotValid, "invalid application name %q", args.Name)
	}
	if args.Charm.Metadata.Subordinate {
		if len(args.To) > 0 {
			return "", errorf(NoCode, "cannot deploy %q: subordinate application must be deployed without units", args.Name)
		}
		args.NumUnits = 0
	}
	settings, err := parseConfig(args.Charm, args.Config)
	if err == nil {
		err = checkUploads(args.Name, args.Charm, args.Resources)
	}
	if err == nil {
		args.Base, err = chooseBase(args.Charm, args.Base)
	}
	if err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.applications[args.Name]; ok {
		return "", errorf(AlreadyExists, "deploying application %q: application already exists", args.Name)
	}
	if err := m.checkPlacement(args.To, args.Base); err != nil {
		return "", err
	}
	if err := m.checkBindings(args.Charm.Bindings(), args.Bindings); err != nil {
		return "", errorf(CodeOf(err), "deploying application %q: %v", args.Name, err)
	}
	revision := m.next("charm-" + args.Charm.Metadata.Name)
	a := &application{
		name: args.Name, charm: args.Charm, revision: revision, life: Alive, config: settings, configVersion: 1,
		charmURL: fmt.Sprintf("local:%s-%d", args.Charm.Metadata.Name, revision), units: map[int]*unit{},
		bindings: maps.Clone(args.Bindings), base: args.Base,
	}
	m.declareResources(a)
	for name, u := range args.Resources {
		m.upload(a, name, args.User, u)
	}
	a.status.set("application", "unset", "", m.now())
	m.applications[a.name] = a
	for _, endpoint := range slices.Sorted(maps.Keys(args.Charm.Metadata.Peers)) {
		m.addPeer(a, endpoint)
	}
	m.addUnits(a, args.NumUnits, args.To)
	m.bump()
	return a.charmURL, nil
}

// AddUnits adds units and returns their names.
func (m *Model) AddUnits(name string, n int, to []Placement) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.applications[name]
	if !ok {
		return nil, errorf(NotFound, "application %q not found", name)
	}
	if a.life != Alive {
		return nil, errorf(NotValid, "application %q is not alive", name)
	}
	if a.subordinate() {
		return nil, errorf(NoCode, "cannot add unit to application %q: application is a subordinate", name)
	}
	if n < 1 {
		return nil, errorf(NotValid, "must add at least one unit")
	}
	if err := m.checkPlacement(to, a.base); err != nil {
		return nil, errorf(NoCode, "adding %d units to application %q: making unit args: %v", n, name, err)
	}
	names := m.addUnits(a, n, to)
	m.bump()
	return names, nil
}

func (m *Model) checkPlacement(to []Placement, base string) error {
	for _, p := range to {
		mc, ok := m.machines[string(p)]
		if p != "" && !ok {
			return errorf(NoCode, "getting machine %q for unit placement directive: machine with name %q does not exist", p, p)
		}
		if ok && mc.life != Alive {
			return errorf(NoCode, "getting machine %q for unit placement directive: machine is not alive", p)
		}
		if ok && mc.base != base {
			return errorf(NotValid, "base does not match: unit has \"ubuntu@%s\", machine has \"ubuntu@%s\"", base, mc.base)
		}
	}
	return nil
}

func (m *Model) addUnits(a *application, n int, to []Placement) []string {
	var names []string
	for i := range n {
		number := m.next("unit-" + a.name)
		u := &unit{
			name: a.name + "/" + strconv.Itoa(number), number: number, app: a, life: Alive,
			charmURL: a.charmURL, state: map[string]string{},
		}
		u.agent.set("juju-unit", "allocating", "", m.now())
		u.workload.set("workload", "waiting", "waiting for machine", m.now())
		if i < len(to) && to[i] != "" {
			u.machine = m.machines[string(to[i])]
		} else {
			u.machine = m.addMachine(a.base)
		}
		m.addStorage(u)
		a.units[number] = u
		names = append(names, u.name)
	}
	return names
}

// Refresh gives an application another revision of its charm, and returns the new URL. Settings that the new one does not have are
// dropped; peer relations that are new are made. Endpoints and types that are in use may not change.
func (m *Model) Refresh(name string, c *charm.Charm) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.applications[name]
	if !ok {
		return "", errorf(NotFound, "application %q not found", name)
	}
	if c.Metadata.Name != a.charm.Metadata.Name {
		return "", errorf(NotValid, "cannot refresh %q from charm %q to %q", name, a.charm.Metadata.Name, c.Metadata.Name)
	}
	for _, r := range m.relationsOf(a) {
		own, _, _ := r.side(a)
		if e, role, ok := c.Endpoint(own.name); !ok || role != own.role || e.Interface != r.iface {
			return "", errorf(NotValid, "cannot refresh %q: would break relation %q", name, r.key())
		}
	}
	for endpoint := range a.bindings {
		if !slices.Contains(c.Bindings(), endpoint) && endpoint != "" {
			delete(a.bindings, endpoint)
		}
	}
	for key := range a.config {
		if c.Options[key].Type != a.charm.Options[key].Type {
			delete(a.config, key)
		}
	}
	for _, endpoint := range slices.Sorted(maps.Keys(c.Metadata.Peers)) {
		if _, had := a.charm.Metadata.Peers[endpoint]; !had {
			m.newRelation(c.Metadata.Peers[endpoint].Interface, endpointOf(a, endpoint))
		}
	}
	a.charm, a.revision = c, m.next("charm-"+c.Metadata.Name)
	a.charmURL = fmt.Sprintf("local:%s-%d", c.Metadata.Name, a.revision)
	a.configVersion++
	m.declareResources(a)
	m.bump()
	return a.charmURL, nil
}

// SetUnitCharm says that a unit's agent has the charm of that URL.
func (m *Model) SetUnitCharm(unitName, url string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return err
	}
	u.charmURL = url
	m.bump()
	return nil
}

// SetConfig sets options, given as text.
func (m *Model) SetConfig(name string, values map[string]string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.applications[name]
	if !ok {
		return m.missing("application", name)
	}
	settings, err := parseConfig(a.charm, values)
	if err != nil {
		return err
	}
	before := maps.Clone(a.config)
	maps.Copy(a.config, settings)
	m.configChanged(a, before)
	return nil
}

// UnsetConfig resets options to their defaults.
func (m *Model) UnsetConfig(name string, options []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.applications[name]
	if !ok {
		return m.missing("application", name)
	}
	before := maps.Clone(a.config)
	for _, option := range options {
		delete(a.config, option)
	}
	m.configChanged(a, before)
	return nil
}

func (m *Model) configChanged(a *application, before map[string]any) {
	if maps.Equal(a.config, before) {
		return
	}
	a.configVersion++
	m.bump()
}

func parseConfig(c *charm.Charm, values map[string]string) (map[string]any, error) {
	settings := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		option, ok := c.Options[key]
		if !ok {
			return nil, errorf(NotValid, "invalid application config: unknown option %q", key)
		}
		v, err := option.Parse(key, values[key])
		if err != nil {
			return nil, errorf(NoCode, "%v", err)
		}
		if option.Type == charm.Secret && values[key] != "" {
			// One that is not there, or not granted, is taken.
			if _, err := ParseSecretURI(values[key]); err != nil {
				return nil, errorf(NotValid, "invalid secret URI for option %q: %v", key, err)
			}
		}
		settings[key] = v
	}
	return settings, nil
}

// unit finds a unit; the caller holds the lock.
func (m *Model) unit(name string) (*unit, error) {
	appName, number, ok := strings.Cut(name, "/")
	n, err := strconv.Atoi(number)
	if a := m.applications[appName]; ok && err == nil && a != nil {
		if u := a.units[n]; u != nil {
			return u, nil
		}
	}
	return nil, m.missing("unit", name)
}

func (a *application) sortedUnits() []*unit {
	var units []*unit
	for _, n := range slices.Sorted(maps.Keys(a.units)) {
		units = append(units, a.units[n])
	}
	return units
}
