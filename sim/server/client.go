package server

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
)

// cloud is where the models are.
const (
	cloudTag = "cloud-jujusim"
	region   = "default"
)

var clientMethods = map[string]method{
	"FullStatus":    {need: model.Read, superuser: true, run: typed(fullStatus)},
	"StatusHistory": {need: model.Read, superuser: true, run: typed(statusHistory)},
	"WatchAll":      {need: model.Read, superuser: true, run: typed(watchAll)},
}

func fullStatus(c *call, params wire.StatusParams) (wire.FullStatus, error) {
	seen := c.model.FullStatus()
	if len(params.Patterns) > 0 {
		seen = filtered(seen, params.Patterns, c.model.Profile().Globs)
	}
	now := seen.At
	status := wire.FullStatus{
		Model: wire.ModelStatusInfo{
			Name: c.model.Name, Type: "iaas", CloudTag: cloudTag, Region: region, Version: c.model.Profile().Version,
			ModelStatus: wire.DetailedStatus{Status: "available", Since: &now},
		},
		Machines: map[string]wire.MachineStatus{}, Applications: map[string]wire.ApplicationStatus{},
		RemoteApplications: map[string]wire.RemoteApplicationStatus{}, Offers: map[string]json.RawMessage{},
		ControllerTimestamp: &now,
	}
	if c.model.Profile().Meters {
		status.Branches = map[string]json.RawMessage{}
		status.Model.MeterStatus, status.Model.SLA = &wire.MeterStatus{}, new("")
	}
	for _, m := range seen.Machines {
		status.Machines[m.ID] = c.machine(m)
	}
	for _, a := range seen.Applications {
		status.Applications[a.Name] = c.application(a, seen.Relations)
	}
	c.placeSubordinates(status.Applications, seen)
	for _, r := range seen.Relations {
		status.Relations = append(status.Relations, relation(r))
	}
	for _, a := range seen.Remotes {
		status.RemoteApplications[a.Name] = c.remoteApplication(a, seen.Relations)
	}
	if params.IncludeStorage {
		if err := addStorage(&status, seen); err != nil {
			return wire.FullStatus{}, err
		}
	}
	return status, nil
}

// filtered keeps what names of machines, units and applications select (exact ones, or globs):
// units with their machines, and relations whose every side is left.
func filtered(s model.FullStatus, patterns []string, globs bool) model.FullStatus {
	selects := func(name string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool {
			match, err := path.Match(pattern, name)
			return pattern == name || globs && err == nil && match
		})
	}
	kept := model.FullStatus{At: s.At}
	machines, applications := map[string]bool{}, map[string]bool{}
	for _, a := range s.Applications {
		whole := selects(a.Name)
		a.Units = slices.DeleteFunc(slices.Clone(a.Units), func(u model.UnitStatus) bool {
			named := selects(u.Name) || u.Leader && slices.Contains(patterns, a.Name+"/leader")
			return !whole && !named && !selects(u.Machine)
		})
		if !whole && len(a.Units) == 0 {
			continue
		}
		for _, u := range a.Units {
			machines[u.Machine] = true
		}
		applications[a.Name] = true
		kept.Applications = append(kept.Applications, a)
	}
	for _, m := range s.Machines {
		if machines[m.ID] || selects(m.ID) {
			kept.Machines = append(kept.Machines, m)
		}
	}
	for _, r := range s.Relations {
		if !slices.ContainsFunc(r.Endpoints, func(e model.RelationEndpoint) bool { return !applications[e.Application] }) {
			kept.Relations = append(kept.Relations, r)
		}
	}
	return kept
}

// life is how FullStatus spells it.
func (c *call) life(l model.Life) string {
	if l == model.Alive && !c.model.Profile().ShowsAlive {
		return ""
	}
	return string(l)
}

func detailed(s model.Status, data map[string]any) wire.DetailedStatus {
	return wire.DetailedStatus{Status: s.Current, Info: s.Message, Data: data, Since: since(s.Since)}
}

func since(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (c *call) machine(m model.Machine) wire.MachineStatus {
	shown := wire.MachineStatus{
		AgentStatus: detailed(m.Agent, map[string]any{}), InstanceStatus: detailed(m.Instance, map[string]any{}),
		Hostname: m.Hostname, IPAddresses: m.Addresses, InstanceID: m.InstanceID, Base: wire.Base{Name: "ubuntu", Channel: m.Base},
		ID: m.ID, Containers: map[string]wire.MachineStatus{}, Constraints: "arch=amd64", Jobs: []string{"JobHostUnits"},
	}
	shown.AgentStatus.Life, shown.InstanceStatus.Life = c.life(m.Life), c.life(m.Life)
	if m.Started {
		shown.Base.Channel += "/stable"
		shown.Hardware = "arch=amd64 cores=1 mem=2048M"
		if c.model.Profile().Meters {
			shown.AgentStatus.Version = c.model.Profile().Version
		}
	}
	if len(m.Addresses) > 0 {
		shown.DNSName = m.Addresses[0]
		shown.NetworkInterfaces = interfaces(m)
	}
	return shown
}

func prefix(address string) string {
	if strings.Contains(address, ":") {
		return "/64"
	}
	return "/8"
}

// interfaces are one for each space that the machine is in.
func interfaces(m model.Machine) map[string]wire.NetworkInterface {
	shown := map[string]wire.NetworkInterface{}
	for _, address := range m.Addresses {
		name, space := "lo", m.SpaceOf(address)
		if space != model.DefaultSpace {
			name = "lo-" + space
		}
		one := shown[name]
		one.IPAddresses, one.Space, one.IsUp = append(one.IPAddresses, address+prefix(address)), space, true
		one.MACAddress = "00:00:00:00:00:00"
		shown[name] = one
	}
	return shown
}

func (c *call) application(a model.ApplicationStatus, relations []model.RelationStatus) wire.ApplicationStatus {
	shown := wire.ApplicationStatus{
		Charm: a.CharmURL, CharmRev: a.Revision, Base: wire.Base{Name: "ubuntu", Channel: a.Base + "/stable"}, Exposed: len(a.Exposed) > 0,
		Life: c.life(a.Life), Relations: related(a.Name, relations), SubordinateTo: []string{}, Units: map[string]wire.UnitStatus{},
		Status: detailed(a.Status, a.StatusData), WorkloadVersion: a.WorkloadVersion, EndpointBindings: a.Bindings, ExposedEndpoints: exposedEndpoints(a),
	}
	if len(shown.Status.Data) == 0 {
		shown.Status.Data = nil
	}
	if c.model.Profile().Meters {
		shown.MeterStatuses = json.RawMessage("null")
	}
	for _, u := range a.Units {
		unit := c.unit(u)
		if u.CharmURL != a.CharmURL {
			unit.Charm = u.CharmURL // shown only while the unit has yet to follow.
		}
		shown.Units[u.Name] = unit
	}
	return shown
}

// placeSubordinates shows the units of subordinate applications where Juju does: under their
// principals, without a machine.
func (c *call) placeSubordinates(shown map[string]wire.ApplicationStatus, seen model.FullStatus) {
	for _, a := range seen.Applications {
		if !a.Charm.Metadata.Subordinate {
			continue
		}
		app := shown[a.Name]
		app.Units, app.SubordinateTo = nil, principals(a, seen.Relations)
		shown[a.Name] = app
		for _, u := range a.Units {
			application, _, _ := strings.Cut(u.Principal, "/")
			principal, there := shown[application].Units[u.Principal]
			if !there {
				continue
			}
			if principal.Subordinates == nil {
				principal.Subordinates = map[string]wire.UnitStatus{}
			}
			unit := c.unit(u)
			unit.Machine = ""
			principal.Subordinates[u.Name] = unit
			shown[application].Units[u.Principal] = principal
		}
	}
}

// principals are the applications that a subordinate one is related to in scope container, sorted.
func principals(a model.ApplicationStatus, relations []model.RelationStatus) []string {
	found := []string{}
	for _, r := range relations {
		for i, e := range r.Endpoints {
			other := r.Endpoints[(i+1)%len(r.Endpoints)].Application
			if e.Application == a.Name && r.Scope == "container" && other != a.Name && !slices.Contains(found, other) {
				found = append(found, other)
			}
		}
	}
	slices.Sort(found)
	return found
}

func (c *call) remoteApplication(a model.RemoteApplication, relations []model.RelationStatus) wire.RemoteApplicationStatus {
	shown := wire.RemoteApplicationStatus{
		OfferURL: a.OfferURL, OfferName: a.OfferName, Life: c.life(a.Life), Relations: related(a.Name, relations), Status: detailed(a.Status, nil),
	}
	for _, e := range a.Endpoints {
		shown.Endpoints = append(shown.Endpoints, wire.RemoteEndpoint{Name: e.Name, Role: e.Role, Interface: e.Interface, Limit: e.Limit})
	}
	return shown
}

func exposedEndpoints(a model.ApplicationStatus) map[string]wire.ExposedEndpoint {
	if len(a.Exposed) == 0 {
		return nil
	}
	shown := map[string]wire.ExposedEndpoint{}
	for endpoint, e := range a.Exposed {
		shown[endpoint] = wire.ExposedEndpoint{ExposeToSpaces: e.Spaces, ExposeToCIDRs: e.CIDRs}
	}
	return shown
}

func related(application string, relations []model.RelationStatus) map[string][]string {
	found := map[string][]string{}
	for _, r := range relations {
		for i, e := range r.Endpoints {
			if e.Application == application {
				other := r.Endpoints[(i+1)%len(r.Endpoints)].Application
				if !slices.Contains(found[e.Name], other) {
					found[e.Name] = append(found[e.Name], other)
					slices.Sort(found[e.Name])
				}
			}
		}
	}
	return found
}

func (c *call) unit(u model.UnitStatus) wire.UnitStatus {
	data := map[string]any{} // Of a status' data this one key alone is shown.
	if id, ok := u.WorkloadData["relation-id"]; ok {
		data["relation-id"] = id
	}
	shown := wire.UnitStatus{
		AgentStatus: detailed(u.Agent, map[string]any{}), WorkloadStatus: detailed(u.Workload, data), WorkloadVersion: u.WorkloadVersion,
		Machine: u.Machine, OpenedPorts: u.Ports, PublicAddress: u.Address, Leader: u.Leader,
	}
	shown.AgentStatus.Life = c.life(u.Life)
	if u.Agent.Current != "allocating" {
		shown.AgentStatus.Version = c.model.Profile().Version
	}
	return shown
}

func relation(r model.RelationStatus) wire.RelationStatus {
	shown := wire.RelationStatus{
		ID: r.ID, Key: r.Key, Interface: r.Interface, Scope: r.Scope, Status: detailed(r.Status, map[string]any{}),
	}
	for _, e := range r.Endpoints {
		shown.Endpoints = append(shown.Endpoints, wire.EndpointStatus{Application: e.Application, Name: e.Name, Role: e.Role})
	}
	return shown
}
