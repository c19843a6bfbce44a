package server

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"sync"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/pkg/jujusim/model"
)

// watchers are the AllWatchers of one connection, which end with it.
type watchers struct {
	mu   sync.Mutex
	last int
	all  map[string]*watcher
}

// watcher tells of changes. It remembers what it told, so that only what differs is told again.
type watcher struct {
	stopped chan struct{}
	stop    func()

	// next is held by the one call of Next that is served.
	next  sync.Mutex
	after uint64
	told  map[string]wire.Delta
}

var (
	errUnknownWatcher = failure(wire.CodeNotFound, "unknown watcher id")
	errStopped        = failure(wire.CodeStopped, "watcher has been stopped")
	errFeed           = failure("", "shared state watcher was stopped")
)

func (w *watchers) open() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[string]*watcher{}
	}
	w.last++
	id := strconv.Itoa(w.last)
	stopped := make(chan struct{})
	w.all[id] = &watcher{stopped: stopped, stop: sync.OnceFunc(func() { close(stopped) }), told: map[string]wire.Delta{}}
	return id
}

func (w *watchers) get(id string) (*watcher, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if found := w.all[id]; found != nil {
		return found, nil
	}
	return nil, errUnknownWatcher
}

func (w *watchers) drop(id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := w.all[id]
	if found == nil {
		return errUnknownWatcher
	}
	delete(w.all, id)
	found.stop()
	return nil
}

// watchAll is Client.WatchAll. In process there is no connection that the watcher could belong to.
func watchAll(c *call, _ json.RawMessage) (any, error) {
	if !c.model.Profile().Watches() {
		return nil, failure(wire.CodeNotImplemented, "WatchAll not implemented")
	}
	if c.server.faults.watching() == WatchRefused {
		return nil, errPermission
	}
	if c.watchers == nil {
		return nil, failure(wire.CodeNotSupported, "watchers need a connection")
	}
	return wire.AllWatcherID{WatcherID: c.watchers.open()}, nil
}

var allWatcherMethods = map[string]method{
	"Next": {run: allWatcherNext},
	"Stop": {run: func(c *call, _ json.RawMessage) (any, error) {
		if c.watchers == nil {
			return nil, errUnknownWatcher
		}
		return nil, c.watchers.drop(c.id)
	}},
}

func allWatcherNext(c *call, _ json.RawMessage) (any, error) {
	if c.watchers == nil {
		return nil, errUnknownWatcher
	}
	w, err := c.watchers.get(c.id)
	if err != nil {
		return nil, err
	}
	w.next.Lock()
	defer w.next.Unlock()
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	broken := c.server.faults.whenFeedBreaks()
	go func() {
		select {
		case <-w.stopped:
		case <-broken:
		case <-ctx.Done():
		}
		cancel()
	}()
	for {
		deltas := w.changes(c.entities())
		if len(deltas) > 0 {
			return wire.AllWatcherNext{Deltas: deltas}, nil
		}
		revision, err := c.model.WaitChange(ctx, w.after)
		select {
		case <-w.stopped:
			return nil, errStopped
		case <-broken:
			_ = c.watchers.drop(c.id)
			return nil, errFeed
		default:
		}
		if err != nil {
			return nil, errStopped // The model is closed, or nobody is there to read this.
		}
		w.after = revision
	}
}

// changes compares what is with what was told, and takes note.
func (w *watcher) changes(now map[string]wire.Delta) []wire.Delta {
	var deltas []wire.Delta
	for _, key := range slices.Sorted(maps.Keys(now)) {
		if !bytes.Equal(now[key].Entity, w.told[key].Entity) {
			deltas = append(deltas, now[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(w.told)) {
		if _, there := now[key]; !there {
			gone := w.told[key]
			gone.Removed = true
			deltas = append(deltas, gone)
		}
	}
	w.told = now
	return deltas
}

// entities are all that the AllWatcher tells of a model, by kind and identity: neither who leads, nor databags, nor which
// agents are lost.
func (c *call) entities() map[string]wire.Delta {
	found := map[string]wire.Delta{}
	add := func(kind, id string, entity any) {
		data, err := json.Marshal(entity)
		if err == nil { // What is in these types always encodes.
			found[kind+" "+id] = wire.Delta{Kind: kind, Entity: data}
		}
	}
	seen, uuid := c.model.FullStatus(), c.model.UUID
	add(wire.KindModel, uuid, c.modelEntity())
	for _, a := range seen.Applications {
		add(wire.KindApplication, a.Name, wire.ApplicationEntity{
			ModelUUID: uuid, Name: a.Name, Exposed: a.Exposed, CharmURL: a.CharmURL, OwnerTag: wire.UserTag(c.model.Owner), Life: string(a.Life),
			Constraints: map[string]any{"arch": "amd64"}, Config: a.Config, Status: statusInfo(a.OwnStatus, nil), WorkloadVersion: a.WorkloadVersion,
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
	for _, op := range c.model.Operations() {
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

func (c *call) modelEntity() wire.ModelEntity {
	return wire.ModelEntity{
		ModelUUID: c.model.UUID, Name: c.model.Name, Life: "alive", Owner: c.model.Owner, ControllerUUID: c.server.controller.UUID(),
		Status: wire.StatusInfo{Current: "available"}, Constraints: map[string]any{}, Type: "iaas", Cloud: "jujusim", CloudRegion: region,
		Version: c.model.Profile().Version,
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
		entity.Addresses = append(entity.Addresses, wire.Address{Value: a, Type: "ipv4", Scope: "local-cloud", SpaceName: space})
	}
	return entity
}
