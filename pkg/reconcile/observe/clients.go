package observe

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// clientsEndpoints are where the charm publishes how to reach etcd.
var clientsEndpoints = []string{v1alpha1.EndpointDB, v1alpha1.EndpointProxy}

// nextHook is how long after a hook the next one that is due has begun at the latest: an agent takes it up
// within a second. A hook that ends just after a databag was written may have read it before.
const nextHook = 2 * time.Second

// clients are who is related to the application there: the units of its own model that have begun,
// and, unseen, those of others. A relation of another model may show in the units' own relations
// only.
func (o *Observer) clients(model *jujuapi.Model, application jujuapi.Application) []observation.Client {
	found := map[string]observation.Client{}
	shown := map[int]bool{}
	for _, r := range application.Relations {
		if !slices.Contains(clientsEndpoints, r.Endpoint) {
			continue
		}
		shown[r.ID] = true
		remote, here := model.Applications[r.RemoteApplication]
		if !here {
			found[r.RemoteApplication] = observation.Client{Name: r.RemoteApplication, Unseen: true}
		}
		for name, u := range remote.Units {
			if agentStarted(u) {
				idle := u.AgentStatus.Current != "executing" && !model.TakenAt.Before(u.AgentStatus.Since.Add(nextHook))
				found[name] = observation.Client{Name: name, Idle: idle, Since: u.AgentStatus.Since}
			}
		}
	}
	for _, u := range o.info.units {
		for _, r := range u.RelationData {
			if name := fmt.Sprintf("relation %d", r.RelationID); slices.Contains(clientsEndpoints, r.Endpoint) && !shown[r.RelationID] {
				found[name] = observation.Client{Name: name, Unseen: true}
			}
		}
	}
	clients := slices.Collect(maps.Values(found))
	slices.SortFunc(clients, func(a, b observation.Client) int { return cmp.Compare(a.Name, b.Name) })
	return clients
}

// notice takes in which news clients' databags have. taken is when Juju was looked at, by its own
// clock; obs lacks nothing but this history.
//
// To a process that has just begun everything is news, published now: who has run no hook since
// then has the whole time for it, once, in the first half minute of a daemon. When it was published
// in truth cannot be had from outside. Juju shows no time with a databag. What it shows with the
// unit that wrote it, its agent's status, is new with each of its hooks, such as the one that the
// change of an option runs, and a databag that is read after it may be newer. When a task ended is
// no better: hooks write databags, too, and one that published nothing new to clients ends later
// than those heard. A guess would send members away whom some client has just been told to use.
func (h *history) notice(taken time.Time, obs *observation.Observation) {
	situation := planner.See(*obs)
	news := situation.News()
	if obs.Etcd.Listed || len(obs.Clients) == 0 { // else where members serve is half known: nothing is forgotten for that
		old := func(n string) bool { return !slices.Contains(news, n) }
		maps.DeleteFunc(h.notices, func(n string, _ observation.Notice) bool { return old(n) })
		maps.DeleteFunc(h.before, func(n string, _ time.Time) bool { return old(n) })
		maps.DeleteFunc(h.late, func(n string, _ []string) bool { return old(n) })
	}
	if len(news) == 0 {
		return
	}
	late, informed := situation.Unpublished(), situation.ClientsInformed()
	for _, n := range news {
		// A unit that could not be reached then, and has published it since, may be the one whose
		// databag a client reads: to that client it is news now.
		if slices.ContainsFunc(h.late[n], func(u string) bool { return !slices.Contains(late, u) }) {
			delete(h.notices, n)
			delete(h.late, n)
			delete(h.before, n) // which is of when the others did
		}
		if _, known := h.notices[n]; known {
			continue // what is published later is no news about this
		}
		if !informed {
			h.before[n] = taken
			continue
		}
		after, seen := h.before[n]
		if !seen {
			after = taken
		}
		h.notices[n] = observation.Notice{At: obs.Now, After: after}
		if len(late) > 0 {
			h.late[n] = late
		}
	}
}
