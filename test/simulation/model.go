package simulation

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
)

// snapshot is what FullStatus shows who asks for it at this time by a clock of his own.
func (j *juju) snapshot(asked time.Time) *jujuapi.Model {
	m := &jujuapi.Model{
		Name: "demo", Owner: "admin", UUID: ModelUUID, Version: "4.0.15", TakenAt: j.sim.now, AskedAt: asked,
		Applications: map[string]jujuapi.Application{}, Machines: map[string]jujuapi.Machine{}, StorageReported: true,
	}
	for _, a := range j.apps {
		a.show(m)
	}
	for _, machine := range j.machines {
		id := strconv.Itoa(machine.number)
		m.Machines[id] = jujuapi.Machine{ID: id, Life: jujuapi.Alive,
			Provisioned: machine.kept || slices.ContainsFunc(machine.units, func(u *Unit) bool { return u.provisioned })}
	}
	text, _ := json.Marshal(struct{ A, M any }{m.Applications, m.Machines})
	m.Hash = string(text)
	return m
}

// show puts the application, and who is related to it, into the snapshot.
func (a *App) show(m *jujuapi.Model) {
	shown := jujuapi.Application{Name: a.name, Charm: "local:etcd-0", Life: jujuapi.Alive, Status: a.status, Units: map[string]jujuapi.Unit{}}
	if a.dying {
		shown.Life = jujuapi.Dying
	}
	shown.Relations = append(shown.Relations, jujuapi.Relation{ID: a.peerID, Interface: "etcd", Endpoint: "cluster", Peer: true,
		RemoteApplication: a.name, RemoteEndpoint: "cluster"})
	if a.related {
		shown.Relations = append(shown.Relations, jujuapi.Relation{ID: a.caID, Interface: "tls-certificates", Endpoint: "certificates",
			RemoteApplication: "easyrsa", RemoteEndpoint: "client"})
	}
	if len(a.clients) > 0 {
		shown.Relations = append(shown.Relations, jujuapi.Relation{ID: dbID, Interface: "etcd", Endpoint: "db",
			RemoteApplication: clientApplication, RemoteEndpoint: "etcd"})
		remote := jujuapi.Application{Name: clientApplication, Life: jujuapi.Alive, Units: map[string]jujuapi.Unit{}}
		for _, c := range a.clients {
			remote.Units[c.name] = c.status()
		}
		m.Applications[clientApplication] = remote
	}
	for _, u := range a.units {
		shown.Units[u.Name] = u.shown()
	}
	m.Applications[a.name] = shown
}

func (u *Unit) shown() jujuapi.Unit {
	agent := jujuapi.Status{Current: "idle", Since: u.agentSince}
	switch {
	case !u.provisioned:
		agent.Current = "allocating"
	case u.lost:
		agent.Current = "lost"
	}
	status := u.status
	if u.failed {
		status.Current = "error"
	}
	return jujuapi.Unit{Name: u.Name, Life: u.life, Leader: u.leader, Machine: strconv.Itoa(u.agent.number),
		OpenedPorts: slices.Clone(u.ports), AgentStatus: agent, WorkloadStatus: status}
}

// unit is a unit of any application; nil if there is none of this name.
func (j *juju) unit(name string) *Unit {
	for _, a := range j.apps {
		for _, u := range a.units {
			if u.Name == name {
				return u
			}
		}
	}
	return nil
}

// unitsInfo reports all units of an application. For one that is dead Juju answers an error.
func (a *App) unitsInfo() ([]jujuapi.UnitInfo, error) {
	bag, err := a.latch.Databag()
	if err != nil {
		return nil, err
	}
	peers := map[string]jujuapi.UnitDatabag{}
	for _, u := range a.units {
		if u.provisioned && u.life != jujuapi.Dead {
			data := map[string]string{}
			if u.databag != "" {
				data[v1alpha1.FactsKey] = u.databag
			}
			peers[u.Name] = jujuapi.UnitDatabag{InScope: true, Data: data}
		}
	}
	var infos []jujuapi.UnitInfo
	for _, u := range a.units {
		if u.life == jujuapi.Dead {
			infos = append(infos, jujuapi.UnitInfo{Err: errors.New("getting unit machine name: unit is dead")})
			continue
		}
		info := jujuapi.UnitInfo{Name: u.Name, Leader: u.leader, Life: u.life}
		if u.provisioned {
			info.RelationData = append(info.RelationData, jujuapi.RelationData{RelationID: a.peerID, Endpoint: "cluster",
				RelatedEndpoint: "cluster", ApplicationData: maps.Clone(bag), Units: peers})
		}
		if a.related && u.provisioned {
			j := a.authority()
			info.RelationData = append(info.RelationData, jujuapi.RelationData{RelationID: a.caID, Endpoint: "certificates", RelatedEndpoint: "client",
				Units: map[string]jujuapi.UnitDatabag{"easyrsa/0": {InScope: true, Data: map[string]string{
					"ca": a.offeredCA(), "client.cert": j.cert, "client.key": j.key}}}})
		}
		infos = append(infos, info)
	}
	return infos, nil
}
