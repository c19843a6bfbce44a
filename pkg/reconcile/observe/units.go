package observe

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// dataStorage is the name of the storage that the charm has for its data.
const dataStorage = "data"

// units are the application's units, sorted by number.
func (o *Observer) units(model *jujuapi.Model, application jujuapi.Application, seen databags, now time.Time) []observation.Unit {
	o.cfg.Memory.Forget(func(unit string) bool { _, ok := application.Units[unit]; return ok })
	o.history.keepUnits(application.Units)
	tasks, besides := o.pending()
	units := make([]observation.Unit, 0, len(application.Units))
	for _, name := range slices.Sorted(maps.Keys(application.Units)) {
		u := application.Units[name]
		machine := model.Machines[u.Machine]
		unit := observation.Unit{
			Name: name, Number: unitNumber(name),
			Dying:       u.Life != jujuapi.Alive,
			Dead:        u.Life == jujuapi.Dead || u.Life == jujuapi.Dying && seen.unread[name] != nil && !seen.answered[name],
			Unread:      seen.unread[name] != nil,
			Leader:      u.Leader,
			Provisioned: machine.Provisioned && agentStarted(u),
			Lost:        u.AgentStatus.Current == "lost",
			Failed:      u.WorkloadStatus.Current == "error" || u.AgentStatus.Current == "error" || u.AgentStatus.Current == "failed",
			FirstSeen:   o.history.firstSeen(name, now),
			Facts:       seen.facts[name],
			Shown:       statusText(u.WorkloadStatus),
			OpenedPorts: tcpPorts(u.OpenedPorts),
			Task:        o.task(name, tasks[name], ahead(model)),
			Others:      others(besides[name], u.AgentStatus),
		}
		if last, ok := o.cfg.Memory.Last(name); ok {
			unit.Last = &last
		}
		if clock, ok := o.cfg.Memory.Clock(name); ok {
			unit.Clock = &clock
		}
		if words, ok := o.cfg.Memory.LastWords(name); ok {
			unit.LastWords = &words
		}
		units = append(units, unit)
	}
	slices.SortFunc(units, func(a, b observation.Unit) int { return cmp.Compare(a.Number, b.Number) })
	return units
}

// agentStarted says that the unit's agent has run at least once: before that Juju shows it as
// allocating.
func agentStarted(u jujuapi.Unit) bool {
	return u.AgentStatus.Current != "" && u.AgentStatus.Current != "allocating"
}

// ahead is by how much this process's clock was ahead of the controller's when the model was looked
// at; zero if it was behind, which only has tasks of other processes waited for longer.
func ahead(model *jujuapi.Model) time.Duration { return max(model.AskedAt.Sub(model.TakenAt), 0) }

// task is the unit's reconcile that is not final: as we remember it, else as Juju lists it. What
// was handed and not queued counts, too: whoever plans must not hand out another one meanwhile.
// When Juju says that one was queued is by the controller's clock, and is told by ours, which is
// ahead of that.
func (o *Observer) task(unit string, listed []jujuapi.Task, ahead time.Duration) *observation.Task {
	if f, ok := o.cfg.Memory.Flight(unit); ok {
		t := &observation.Task{ID: f.Task, Running: f.Running, Enqueued: f.Enqueued, Ours: true, Deadline: f.Deadline, Harmless: harmless(f.Delivery)}
		for _, l := range listed {
			if l.ID == strconv.FormatInt(f.Task, 10) {
				t.Running = l.Status != jujuapi.TaskPending
			}
		}
		return t
	}
	if d, at, ok := o.cfg.Memory.Handed(unit); ok {
		return &observation.Task{Enqueued: at, Ours: true, Deadline: at.Add(HandedFor), Harmless: harmless(d)}
	}
	var oldest *observation.Task
	for _, l := range listed {
		id, err := strconv.ParseInt(l.ID, 10, 64)
		if err != nil {
			continue
		}
		t := &observation.Task{ID: id, Running: l.Status != jujuapi.TaskPending, Enqueued: l.Enqueued.Add(ahead)}
		// The one that runs is what the unit does; of the others the oldest comes next.
		if oldest == nil || t.Running && !oldest.Running || t.Running == oldest.Running && t.ID < oldest.ID {
			oldest = t
		}
	}
	return oldest
}

// harmless says that the delivery may neither stop a member, nor have it stand still, nor reset it,
// and takes or tries no snapshot, beside which none should.
func harmless(d observation.Delivery) bool {
	return d.Spec.Delivery.Snapshot == nil && d.Spec.Delivery.Drill == nil && !d.Spec.NeedsPhase() && !d.Spec.Delivery.AllowRestart && !d.Spec.Delivery.AllowDefrag &&
		!d.Spec.Delivery.AllowReset && d.Spec.Delivery.Orphans == nil
}

// HandedFor is the deadline shown for a delivery that waits to be queued.
const HandedFor = 2 * time.Minute

// peerRelation finds the relation whose application databag is the latch.
func (o *Observer) peerRelation(application jujuapi.Application, obs *observation.Observation) {
	for _, r := range application.Relations {
		if r.Peer && r.Endpoint == peerEndpoint {
			obs.PeerRelationID = r.ID
		}
	}
}

func statusText(s jujuapi.Status) v1alpha1.StatusText {
	return v1alpha1.StatusText{State: s.Current, Message: s.Message}
}

func unitNumber(name string) int {
	_, number, _ := strings.Cut(name, "/")
	n, err := strconv.Atoi(number)
	if err != nil {
		return -1
	}
	return n
}

// tcpPorts reads Juju's words for opened ports, such as 2379/tcp and 2379-2380/tcp.
func tcpPorts(opened []string) []int32 {
	var ports []int32
	for _, text := range opened {
		span, protocol, _ := strings.Cut(text, "/")
		if protocol != "tcp" {
			continue
		}
		from, to, isSpan := strings.Cut(span, "-")
		if !isSpan {
			to = from
		}
		first, err1 := strconv.ParseUint(from, 10, 16)
		last, err2 := strconv.ParseUint(to, 10, 16)
		if err1 != nil || err2 != nil || last-first > 64 {
			continue
		}
		for p := first; p <= last; p++ {
			ports = append(ports, int32(p))
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// clientEndpoints are the addresses where a member may answer: each unit's client address with the
// application's port, with the one that its etcd runs with, and with the ports that it has open,
// which are others while the option changes. Where Juju's exposures decide what is closed, a unit
// that has yet to open its port and to become a member is left out: packets to it vanish, and each
// look would wait for them.
func clientEndpoints(obs observation.Observation) []string {
	var endpoints []string
	if !slices.ContainsFunc(obs.Units, func(u observation.Unit) bool { return u.Facts != nil && u.Facts.Member.Present }) {
		endpoints = planner.FormerEndpoints(obs.Latch, obs.Options.Port)
	}
	for _, u := range obs.Units {
		if planner.Elsewhere(obs, u) {
			continue // what answers there is another cluster's
		}
		joins := u.Facts != nil && !u.Facts.Member.Present && !u.Facts.Member.Started && obs.Latch.ClusterID != ""
		if u.Facts == nil || joins && !obs.Latch.Ends() && u.Facts.Request == nil && len(u.OpenedPorts) == 0 && len(obs.Exposures) > 0 {
			continue
		}
		address := cmp.Or(u.Facts.Addresses.Client, u.Facts.Addresses.Peer)
		if address == "" {
			continue
		}
		ports := append([]int32{obs.Options.Port}, u.OpenedPorts...)
		if r := u.Facts.Running; r != nil {
			ports = append(ports, planner.PortOf(r.ClientURL))
		}
		for _, p := range ports {
			if p > 0 {
				endpoints = append(endpoints, "https://"+net.JoinHostPort(address, fmt.Sprint(p)))
			}
		}
	}
	slices.Sort(endpoints)
	return slices.Compact(endpoints)
}

// volumes are the storage that the application's units have, or that nobody has any more: Juju does
// not say whose that was.
func volumes(all []jujuapi.Storage, application jujuapi.Application) []string {
	ours := func(name string) bool {
		owner, _, _ := strings.Cut(name, "/")
		return owner == application.Name
	}
	var ids []string
	for _, s := range all {
		left := s.Owner == "" && len(s.Units) == 0 && strings.HasPrefix(s.ID, dataStorage+"/")
		if left || ours(s.Owner) || slices.ContainsFunc(s.Units, ours) {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// closedToUs says that units whose agents Juju reaches have members while not one packet comes back
// from any client port: a firewall.
func closedToUs(units []observation.Unit, v etcdops.View) bool {
	return silent(v) && slices.ContainsFunc(units, func(u observation.Unit) bool {
		return u.Facts != nil && u.Facts.Member.Present && u.Provisioned && !u.Lost
	})
}

// silent says that nothing came back from any endpoint. A refused connection is an answer.
func silent(v etcdops.View) bool {
	if len(v.Health) == 0 {
		return false
	}
	for _, h := range v.Health {
		if h.Serves || h.Answered || h.Fault != etcdops.FaultUnreachable {
			return false
		}
	}
	return true
}
