package planner_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/options"
	"jujuetcd.io/pkg/reconcile/planner"
)

// observe is what a daemon sees now; it also keeps the daemon's history.
func (w *world) observe() observation.Observation {
	o := observation.Observation{
		Now: w.now, ModelName: "demo", ModelUUID: "uuid", Application: "etcd", Self: w.self, Claimed: w.claimed,
		Options: options.Default(), PeerRelationID: 1, Latch: w.latch, LatchRead: len(w.units) > 0,
		CA: observation.CertificateAuthority{Related: w.ca, Application: "easyrsa", ClientCertificate: w.client},
	}
	if w.ca {
		o.CA.Bundle = "bundle"
	}
	o.Options.Port = w.port
	o.Policy.SetDefaults()
	o.Etcd = w.view()
	for _, u := range w.units {
		p := observation.Unit{
			Name: u.name, Number: u.number, Dying: u.dying, Leader: u.leader, Provisioned: u.provisioned, Lost: u.lost,
			Failed: u.failed, FirstSeen: u.firstSeen, Last: u.last, LastWords: u.heard, Shown: u.shown,
		}
		if u.task != nil {
			t := *u.task
			p.Task = &t
		}
		if u.person != nil {
			p.Others = []observation.Task{*u.person}
		}
		if u.published && u.provisioned {
			p.Facts = w.facts(u)
		}
		o.Units = append(o.Units, p)
	}
	w.remember(o.Etcd)
	o.History = w.memory
	o.History.UnhealthySince = maps.Clone(w.memory.UnhealthySince)
	o.History.Attempts = maps.Clone(w.memory.Attempts)
	o.History.NotBefore = maps.Clone(w.memory.NotBefore)
	for _, c := range w.clients {
		o.Clients = append(o.Clients, observation.Client{Name: c.name, Unseen: c.unseen, Idle: c.idle, Since: c.since})
	}
	w.notice(o)
	o.History.Notices = maps.Clone(w.notices)
	if reason := planner.Held(o); reason != w.memory.Held.Reason {
		w.memory.Held = observation.HeldUp{Reason: reason, Since: w.now}
	}
	o.History.Held = w.memory.Held
	return o
}

// notice remembers when clients were informed of their news.
func (w *world) notice(o observation.Observation) {
	informed, news := planner.ClientsInformed(o), planner.News(o)
	if o.Etcd.Listed {
		maps.DeleteFunc(w.notices, func(n string, _ observation.Notice) bool { return !slices.Contains(news, n) })
	}
	for _, n := range news {
		_, known := w.notices[n]
		switch {
		case known:
		case !informed:
			w.uninformed[n] = w.now
		default:
			after, seen := w.uninformed[n]
			if !seen {
				after = w.now
			}
			w.notices[n] = observation.Notice{At: w.now, After: after}
		}
	}
}

func (w *world) facts(u *unit) *v1alpha1.UnitFacts {
	f := &v1alpha1.UnitFacts{
		Protocol:  v1alpha1.Protocol,
		Addresses: v1alpha1.UnitAddresses{Peer: address(u), PeerBind: address(u), Client: address(u), ClientBind: address(u)},
		Member:    v1alpha1.MemberFacts{Present: u.data != 0, Started: u.started, StartedNew: u.startedNew},
	}
	if u.data == 0 && (u.started || u.startedNew) {
		f.Member.Token = u.token
	}
	if u.data != 0 {
		f.Member.MemberID, f.Member.ClusterID = u.data.String(), clusterID.String()
		f.Running = &v1alpha1.RunningFacts{PeerURL: peerURL(u), ClientURL: clientURL(u), HeartbeatIntervalMs: 100, ElectionTimeoutMs: 1000}
	}
	if u.certificate {
		f.Certificates.Server = &v1alpha1.LeafFacts{Fingerprint: "f"}
	}
	if u.snap {
		f.Snap = &v1alpha1.SnapFacts{Version: "3.6.16", Channel: "3.6/stable"}
	}
	if u.applied != "" {
		f.Applied = &v1alpha1.AppliedFacts{Hash: u.applied, Clients: u.endpoints}
	}
	f.RestartPending = u.pending && u.data != 0
	if w.now.Before(u.busy) {
		f.Busy = &v1alpha1.BusyFacts{ID: "1", Kind: "restore"}
	}
	return f
}

func (w *world) view() etcdops.View {
	v := etcdops.View{At: w.now, Health: map[string]etcdops.EndpointHealth{}, Listed: w.quorum()}
	for _, u := range w.units {
		if u.published && u.provisioned {
			for _, url := range []string{clientURL(u), clientURLAt(u, w.port)} {
				v.Health[url] = etcdops.EndpointHealth{Endpoint: url, At: w.now, Fault: etcdops.FaultRefused}
			}
		}
	}
	for _, m := range w.members {
		if v.Listed {
			e := etcdops.Member{ID: m.id, Name: m.name, PeerURLs: []string{m.peer}, Learner: m.learner}
			if m.client != "" {
				e.ClientURLs = []string{m.client}
				v.Health[m.client] = etcdops.EndpointHealth{Endpoint: m.client, At: w.now, Fault: etcdops.FaultRefused}
			}
			v.Members = append(v.Members, e)
		}
	}
	for _, u := range w.units {
		if u.data == 0 || !u.up {
			continue
		}
		m := w.member(u.data)
		h := etcdops.EndpointHealth{
			Endpoint: clientURL(u), At: w.now, Answered: true, ClusterID: clusterID, MemberID: u.data, RaftIndex: 10000, AppliedIndex: 10000,
		}
		switch {
		case m == nil || !v.Listed:
			h.Fault = etcdops.FaultNoLeader
		default:
			h.Serves, h.Learner, h.Leader = true, m.learner, w.leader
			if m.learner && !m.caught {
				h.AppliedIndex = 0
			}
		}
		v.Health[clientURL(u)] = h
	}
	if v.Listed {
		v.ClusterID = clusterID
	} else {
		v.Err = "no leader"
	}
	return v
}

func (w *world) remember(v etcdops.View) {
	list := fmt.Sprint(len(v.Members))
	for _, m := range v.Members {
		list += fmt.Sprint(m.ID, m.Learner, m.Name)
	}
	if v.Listed && list != w.list {
		w.list, w.memory.LastChange = list, w.now
	}
	healthy := v.Listed && len(v.HealthyVoters()) == len(v.Voters()) && v.Leader() != 0
	switch {
	case !healthy:
		w.memory.StableSince = time.Time{}
	case w.memory.StableSince.IsZero():
		w.memory.StableSince = w.now
	}
	for url, h := range v.Health {
		switch _, known := w.memory.UnhealthySince[url]; {
		case h.Serves:
			delete(w.memory.UnhealthySince, url)
		case !known:
			w.memory.UnhealthySince[url] = w.now
		}
	}
}
