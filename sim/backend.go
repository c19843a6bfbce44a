package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/charm"
	"jujuetcd.io/sim/control"
	"jujuetcd.io/sim/fleet"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/server"
)

var _ control.Backend = (*instance)(nil)

// Info says what runs.
func (i *instance) Info() control.Info {
	info := control.Info{
		PID: os.Getpid(), Profile: i.controller.Profile().Name, Version: i.controller.Profile().Version,
		ControllerUUID: i.controller.UUID(), Address: i.server.Address(), CA: i.server.CA(), Dir: i.options.Dir, JujuData: i.jujuData(),
		ChangeStream: i.options.Pace.String(), Started: i.started,
	}
	for _, m := range i.server.Machines() {
		info.Machines = append(info.Machines, control.Machine(m))
	}
	for _, m := range i.controller.Models() {
		info.Models = append(info.Models, control.Model{Name: m.Name, Owner: m.Owner, UUID: m.UUID})
	}
	return info
}

// model finds a model by name, the default one where it is empty.
func (i *instance) model(name string) (*model.Model, error) {
	if name == "" {
		name = Admin + "/" + DefaultModel
	}
	return i.controller.FindModel(name)
}

// Call makes a call of Juju's API as the administrator.
func (i *instance) Call(ctx context.Context, c control.Call) control.Answer {
	id := ""
	if !c.Controller {
		m, err := i.model(c.Model)
		if err != nil {
			return control.Answer{Error: &wire.Error{Message: err.Error(), Code: string(model.CodeOf(err))}}
		}
		id = m.UUID
	}
	if c.Version == 0 {
		c.Version = i.newest(c)
	}
	response, failed := i.server.Call(ctx, Admin, id, wire.Request{Type: c.Facade, Version: c.Version, Request: c.Method, Params: c.Params})
	return control.Answer{Response: response, Error: failed}
}

// newest is the version that a client chooses, who knows all; zero, which no facade has, where
// there is no such facade.
func (i *instance) newest(c control.Call) int {
	offered := i.controller.Profile().ModelFacades
	if c.Controller {
		offered = i.controller.Profile().ControllerFacades
	}
	newest := 0
	for _, v := range offered[c.Facade] {
		newest = max(newest, v)
	}
	return newest
}

// Deploy deploys or refreshes from a local charm.
func (i *instance) Deploy(d control.Deploy) (control.Deployed, error) {
	m, err := i.model(d.Model)
	if err != nil {
		return control.Deployed{}, err
	}
	c, err := charm.Load(d.Path)
	if err != nil {
		return control.Deployed{}, err
	}
	if d.Refresh {
		return i.refresh(m, c, d)
	}
	if d.Application == "" {
		d.Application = c.Metadata.Name
	}
	uploads, err := i.keepAll(c, d.Resources)
	if err != nil {
		return control.Deployed{}, err
	}
	url, err := m.Deploy(model.DeployArgs{Charm: c, Name: d.Application, NumUnits: d.Units, Config: d.Config, To: d.To, Bindings: d.Bindings,
		Base: d.Base, Resources: uploads, User: Admin})
	return control.Deployed{Application: d.Application, CharmURL: url}, err
}

// refresh uploads resources first, which the charm of before must have, too.
func (i *instance) refresh(m *model.Model, c *charm.Charm, d control.Deploy) (control.Deployed, error) {
	for _, name := range slices.Sorted(maps.Keys(d.Resources)) {
		if err := i.Attach(control.Attach{Model: d.Model, Application: d.Application, Resource: name, Path: d.Resources[name]}); err != nil {
			return control.Deployed{}, err
		}
	}
	url, err := m.Refresh(d.Application, c)
	return control.Deployed{Application: d.Application, CharmURL: url}, err
}

// Offer offers an application to other models.
func (i *instance) Offer(o control.Offer) (control.Named, error) {
	m, err := i.model(o.Model)
	if err != nil {
		return control.Named{}, err
	}
	offer, err := i.controller.Offer(m.UUID, o.Application, o.Name, o.Endpoints)
	return control.Named{Name: offer.URL}, err
}

// RemoveOffer takes an offer back.
func (i *instance) RemoveOffer(r control.RemoveOffer) error {
	m, err := i.model(r.Model)
	if err != nil {
		return err
	}
	return i.controller.RemoveOffer(m.UUID, r.URL, r.Force)
}

// Consume takes an offer into a model.
func (i *instance) Consume(c control.Consume) (control.Named, error) {
	m, err := i.model(c.Model)
	if err != nil {
		return control.Named{}, err
	}
	name, err := i.controller.Consume(m.UUID, c.URL, c.Alias)
	return control.Named{Name: name}, err
}

// Root finds a machine that a juju client would reach with ssh, and refuses as that does.
func (i *instance) Root(t control.Target) (control.Folder, error) {
	m, err := i.model(t.Model)
	if err != nil {
		return control.Folder{}, err
	}
	id, unit := t.Name, t.Name
	if application, number, isUnit := strings.Cut(t.Name, "/"); isUnit {
		if number == "leader" {
			if unit, err = m.Leader(application); err != nil {
				return control.Folder{}, err
			}
		}
		u, err := m.Unit(unit)
		if err != nil {
			return control.Folder{}, err
		}
		id = u.Machine
	}
	seen, err := m.Machine(id)
	switch {
	case err != nil:
		return control.Folder{}, err
	case !seen.Started:
		return control.Folder{}, errors.New("no available address(es)")
	case seen.Agent.Current == "down":
		return control.Folder{}, fmt.Errorf("cannot connect to any address: [%s]", net.JoinHostPort(seen.Addresses[0], "22"))
	}
	machines, err := i.fleet(t.Model)
	if err != nil {
		return control.Folder{}, err
	}
	root, err := machines.Root(id)
	return control.Folder{Path: root}, err
}

// Fault makes a fault, between client and server or in a fleet.
func (i *instance) Fault(f control.Fault) error {
	faults := i.server.Faults()
	switch f.Kind {
	case control.Cut:
		faults.Cut(f.Refuse)
		return nil
	case control.Delay:
		faults.Delay(f.Delay)
		return nil
	case control.Lose:
		faults.Lose(f.Count, f.Only)
		return nil
	case control.Upgrade, control.Maintenance, control.Migrate, control.Redirect:
		return faults.Disrupt(server.Disruption(f.Kind))
	case control.RefuseWatch:
		faults.RefuseWatch()
		return nil
	case control.BreakFeed:
		faults.BreakFeed()
		return nil
	case control.MixPages:
		faults.MixPages()
		return nil
	case control.Heal:
		if f.Target == "" {
			faults.Heal()
			return nil
		}
	case control.AddController:
		return i.server.AddController()
	case control.StopController:
		return i.server.StopController(f.Target)
	case control.StartController:
		return i.server.StartController(f.Target)
	case control.RemoveController:
		return i.server.RemoveController(f.Target)
	}
	if f.Kind == control.ReportDepartures || f.Kind == control.HideDepartures {
		m, err := i.model(f.Model)
		if err == nil {
			m.ReportDepartures(f.Kind == control.ReportDepartures)
		}
		return err
	}
	machines, err := i.fleet(f.Model)
	if err != nil {
		return err
	}
	switch f.Kind {
	case control.StopAgent:
		return machines.StopAgent(f.Target)
	case control.StartAgent:
		return machines.StartAgent(f.Target)
	case control.Kill:
		return machines.Kill(f.Target, f.Service)
	case control.Partition:
		return machines.Partition(f.Target)
	case control.Heal:
		return machines.HealPartition(f.Target)
	case control.LoseDisk:
		return machines.LoseDisk(f.Target, f.Path)
	case control.ChangeAddress:
		return machines.ChangeAddress(f.Target)
	case control.StopMachine:
		return machines.StopMachine(f.Target)
	case control.StartMachine:
		return machines.StartMachine(f.Target)
	}
	return fmt.Errorf("cannot make fault %q: no such kind", f.Kind)
}

func (i *instance) fleet(modelName string) (fleet.Fleet, error) {
	m, err := i.model(modelName)
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	f, ok := i.fleets[m.UUID]
	if !ok {
		return nil, fmt.Errorf("model %q has no machines: they could not be made", m.Name)
	}
	return f, nil
}

// Logs returns lines of a model's log.
func (i *instance) Logs(ctx context.Context, modelName string, after int, follow bool) ([]model.LogLine, error) {
	m, err := i.model(modelName)
	if err != nil {
		return nil, err
	}
	if !follow {
		return m.Logs(after), nil
	}
	return m.WaitLogs(ctx, after)
}

// Stop asks the instance to end.
func (i *instance) Stop() { i.stop() }
