package server

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
)

// Feed is what an AllWatcher reports of a model: all at first, then what has changed, each entity
// whole and once, however often it changed since. It shows neither who leads, nor databags, nor
// which agents are lost. It is for one goroutine.
type Feed struct {
	model      *model.Model
	controller string
	after      uint64
	sent       map[string]wire.Delta
}

// NewFeed returns the feed of a model of the controller with that UUID.
func NewFeed(m *model.Model, controller string) *Feed { return &Feed{model: m, controller: controller} }

// Next waits until there is something to send.
func (f *Feed) Next(ctx context.Context) ([]wire.Delta, error) {
	for {
		if deltas := f.changes(f.entities()); len(deltas) > 0 {
			return deltas, nil
		}
		var err error
		if f.after, err = f.model.WaitChange(ctx, f.after); err != nil {
			return nil, err
		}
	}
}

// changes compares what is with what was sent, and takes note.
func (f *Feed) changes(now map[string]wire.Delta) []wire.Delta {
	var deltas []wire.Delta
	for _, key := range slices.Sorted(maps.Keys(now)) {
		if !bytes.Equal(now[key].Entity, f.sent[key].Entity) {
			deltas = append(deltas, now[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(f.sent)) {
		if _, there := now[key]; !there {
			gone := f.sent[key]
			gone.Removed = true
			deltas = append(deltas, gone)
		}
	}
	f.sent = now
	return deltas
}

// entities are all that is sent of a model, by kind and identity.
func (f *Feed) entities() map[string]wire.Delta {
	found := map[string]wire.Delta{}
	add := func(kind, id string, entity any) {
		data, err := json.Marshal(entity)
		if err == nil { // What is in these types always encodes.
			found[kind+" "+id] = wire.Delta{Kind: kind, Entity: data}
		}
	}
	seen, uuid := f.model.FullStatus(), f.model.UUID
	add(wire.KindModel, uuid, f.modelEntity())
	for _, a := range seen.Applications {
		add(wire.KindApplication, a.Name, wire.ApplicationEntity{
			ModelUUID: uuid, Name: a.Name, Exposed: len(a.Exposed) > 0, CharmURL: a.CharmURL, OwnerTag: wire.UserTag(f.model.Owner), Life: string(a.Life),
			Constraints: map[string]any{"arch": "amd64"}, Config: a.Config, Status: statusInfo(a.OwnStatus, nil), WorkloadVersion: a.WorkloadVersion,
			Subordinate: a.Charm.Metadata.Subordinate,
		})
		add(wire.KindCharm, a.CharmURL, wire.CharmEntity{ModelUUID: uuid, CharmURL: a.CharmURL, Life: "alive"})
		for _, u := range a.Units {
			add(wire.KindUnit, u.Name, unitEntity(uuid, u))
		}
	}
	for _, m := range seen.Machines {
		add(wire.KindMachine, m.ID, machineEntity(uuid, m))
	}
	for _, r := range seen.Relations {
		entity := wire.RelationEntity{ModelUUID: uuid, Key: r.Key, ID: r.ID}
		for _, e := range r.Endpoints {
			entity.Endpoints = append(entity.Endpoints, wire.EndpointEntity{
				ApplicationName: e.Application,
				Relation:        wire.CharmRelation{Name: e.Name, Role: e.Role, Interface: r.Interface, Scope: r.Scope},
			})
		}
		add(wire.KindRelation, r.Key, entity)
	}
	for _, op := range f.model.Operations() {
		for _, t := range op.Tasks {
			id := strconv.Itoa(t.ID)
			add(wire.KindAction, id, wire.ActionEntity{
				ModelUUID: uuid, ID: id, Receiver: t.Unit, Name: t.Name, Status: string(t.Status), Message: t.Message,
				Enqueued: t.Enqueued, Started: t.Started, Completed: t.Completed,
			})
		}
	}
	return found
}

func (f *Feed) modelEntity() wire.ModelEntity {
	return wire.ModelEntity{
		ModelUUID: f.model.UUID, Name: f.model.Name, Life: "alive", Owner: f.model.Owner, ControllerUUID: f.controller,
		Status: wire.StatusInfo{Current: "available"}, Constraints: map[string]any{}, Type: "iaas", Cloud: "jujusim", CloudRegion: region,
		Version: f.model.Profile().Version,
	}
}

func statusInfo(s model.Status, data map[string]any) wire.StatusInfo {
	return wire.StatusInfo{Current: s.Current, Message: s.Message, Since: since(s.Since), Data: data}
}

func unitEntity(uuid string, u model.UnitStatus) wire.UnitEntity {
	entity := wire.UnitEntity{
		ModelUUID: uuid, Name: u.Name, Application: u.Application, Base: "ubuntu@24.04/stable", CharmURL: u.CharmURL, Life: string(u.Life),
		PublicAddress: u.Address, PrivateAddress: u.Address, MachineID: u.Machine, Ports: []wire.Port{}, PortRanges: []wire.PortRange{},
		WorkloadStatus: statusInfo(u.OwnWorkload, u.WorkloadData), AgentStatus: statusInfo(u.OwnAgent, nil),
		Principal: u.Principal, Subordinate: u.Principal != "",
	}
	for _, text := range u.Ports {
		p, err := model.ParsePorts(text)
		if err != nil {
			continue // Ports were parsed before they were opened.
		}
		entity.PortRanges = append(entity.PortRanges, wire.PortRange{FromPort: p.From, ToPort: p.To, Protocol: p.Protocol})
		for n := p.From; n <= p.To && p.From > 0; n++ {
			entity.Ports = append(entity.Ports, wire.Port{Protocol: p.Protocol, Number: n})
		}
	}
	return entity
}

func machineEntity(uuid string, m model.Machine) wire.MachineEntity {
	entity := wire.MachineEntity{
		ModelUUID: uuid, ID: m.ID, InstanceID: m.InstanceID, AgentStatus: statusInfo(m.OwnAgent, nil), InstanceStatus: statusInfo(m.Instance, nil),
		Life: string(m.Life), Base: "ubuntu@24.04/stable", SupportedContainers: []string{}, SupportedContainersKnown: true,
		Jobs: []string{"JobHostUnits"}, Addresses: []wire.Address{}, Hostname: m.Hostname,
	}
	if !m.Started {
		entity.InstanceID = ""
	}
	for _, a := range m.Addresses {
		kind := "ipv4"
		if strings.Contains(a, ":") {
			kind = "ipv6"
		}
		entity.Addresses = append(entity.Addresses, wire.Address{Value: a, Type: kind, Scope: "local-cloud", SpaceName: m.SpaceOf(a)})
	}
	return entity
}
