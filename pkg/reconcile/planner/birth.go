package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// silentLimit is how long a provisioned unit may publish no facts before a person is asked to look.
const silentLimit = 5 * time.Minute

// startTogether is how long the start of the seeds waits for one of them whose agent is still busy with an earlier task.
const startTogether = 15 * time.Second

// maxPrepareFailures is how often a unit may fail to be prepared before the cluster is born without it.
const maxPrepareFailures = 3

// birth leads to the latched cluster ID: wait for what is needed, prepare, latch the seeds, start them all at once, latch the
// ID that a quorum answers with. Seeds without an ID mean: resume.
func birth(in *Situation) (Step, bool) {
	switch {
	case in.Latch.ClusterID != "":
		return Step{}, false
	case in.Latch.Seeds != nil:
		return in.resumeBirth(), true
	}
	if step, ok := in.virgin(); !ok {
		return step, true
	}
	if len(in.faults) > 0 {
		return wait("%s", strings.Join(in.faults, " ")).person(), true
	}
	if step, ok := in.assembled(); !ok {
		return step, true
	}
	candidates := in.candidates()
	if occupied := filter(in.alive(), taken); len(candidates) == 0 && len(occupied) > 0 {
		return wait("%s: %s.", occupied[0].Name, in.occupied(occupied[0])).person(), true
	}
	if len(candidates) == 0 {
		return wait("No unit is ready to be the first member."), true
	}
	if raw := filter(candidates, func(u observation.Unit) bool { return !in.prepared(u) }); len(raw) > 0 {
		return in.deliverTo(StepPrepare, fmt.Sprintf("%s: snap, certificates and files are made ready before the first start.",
			names(raw)), raw, in.specOf), true
	}
	seeds := candidates
	if len(seeds)%2 == 0 {
		seeds = seeds[:len(seeds)-1]
	}
	return in.latchStep(StepLatchSeeds, fmt.Sprintf("The cluster is to be born from %s.", names(seeds)), in.epoch(),
		in.bearing(in.seedsOf(seeds))), true
}

// virgin says that no cluster has ever been here: no unit has data or a record of a start, all have said so, and no address
// answers as etcd. Otherwise it returns what to wait for.
func (in *births) virgin() (Step, bool) {
	for _, u := range in.Units {
		switch {
		case taken(u) && !u.Dying && len(u.Facts.Taken.Units) == 0:
			return wait("%s: %s.", u.Name, in.occupied(u)).person(), false
		case hasData(u):
			return wait("%s has the data of a member, but nothing is latched: this cluster was not born here, or its latch is lost. "+
				"It is not touched.", u.Name).person(), false
		case in.begun(u) && in.ended != nil:
			return wait("A member was started on %s before, and its data is lost: bring it back, or %s", u.Name, in.beginAnew()).person(), false
		case in.begun(u):
			return wait("A member was started on %s before, and its data is lost; nothing is latched.", u.Name).person(), false
		case u.Facts == nil && u.Unread:
			return wait("Juju does not tell now what %s has published: whether it has the data of a member is not known.", u.Name), false
		case u.Facts == nil && u.Provisioned && !u.Dying && in.Now.Sub(u.FirstSeen) >= silentLimit:
			return wait("%s is provisioned, but has published no facts for %s: see juju status and its log.",
				u.Name, silentLimit).person(), false
		case u.Facts == nil && u.Provisioned && !u.Dying:
			return wait("%s has not published facts yet.", u.Name).until(u.FirstSeen.Add(silentLimit)), false
		}
	}
	if step, left := in.leftovers(); left {
		return step, false
	}
	for _, url := range slices.Sorted(maps.Keys(in.Etcd.Health)) {
		if in.Etcd.Health[url].Answered {
			return wait("Something that is etcd answers at %s, but nothing is latched.", url).person(), false
		}
	}
	return Step{}, true
}

// assembled says that all that the birth needs is there; otherwise it returns what to wait for.
func (in *births) assembled() (Step, bool) {
	if !in.CA.Related {
		return wait("%s", etcdops.MissingAuthorityWords().Message).person(), false
	}
	if step, due := in.handRequests(); due {
		return step, false
	}
	if step, ok := in.certified(); !ok {
		return step, false
	}
	if !in.CA.ClientCertificate && len(in.CA.ControllerRequests) > 0 {
		return wait("%s has not signed the controller's certificate request yet.", in.CA.Application), false
	}
	if !in.CA.ClientCertificate {
		return wait("The certificate authority has not given a client certificate to look at etcd with yet."), false
	}
	var first time.Time
	absent := filter(in.alive(), func(u observation.Unit) bool { return u.Facts == nil })
	for _, u := range in.alive() {
		if first.IsZero() || u.FirstSeen.Before(first) {
			first = u.FirstSeen
		}
	}
	if at := first.Add(in.Policy.Bootstrap.Grace.Duration); len(absent) > 0 && in.Now.Before(at) {
		return wait("%s is not provisioned yet.", names(absent)).until(at), false
	}
	for _, u := range in.candidates() {
		if _, asked := in.Etcd.Health[in.clientURL(u)]; !asked {
			return wait("%s has not been asked yet whether etcd answers there.", u.Name), false
		}
	}
	return Step{}, true
}

// certified says that every unit has what it needs of the certificate authority; otherwise it returns what to wait for.
func (in *trust) certified() (Step, bool) {
	trouble := in.troubled()
	for _, u := range in.alive() {
		switch {
		case u.Facts == nil || taken(u) || ready(u):
		case trouble != "":
			return wait("%s.", trouble).person(), false
		default:
			return wait("%s has no %s yet.", u.Name, strings.Join(missing(u), " and no ")), false
		}
	}
	switch {
	case in.CA.Bundle != "":
		return Step{}, true
	case trouble != "":
		return wait("%s.", trouble).person(), false
	}
	return wait("%s has not given the certificate of its authority yet.", in.CA.Application), false
}

// candidates are the units that the cluster can be born from, in order. Units that Juju cannot reach, and units that have
// failed to be prepared again and again, do not hold up the others. Where all have failed there are no others: a snap store that
// could not be reached, or had no such channel, is asked again, ever more rarely.
func (in *births) candidates() []observation.Unit {
	able := filter(in.alive(), func(u observation.Unit) bool { return u.Provisioned && !u.Lost && !u.Failed && !taken(u) && ready(u) })
	sound := filter(able, func(u observation.Unit) bool {
		return u.Last == nil || u.Last.Failures < maxPrepareFailures || u.Last.Outcome == v1alpha1.OutcomeInProgress || in.prepared(u)
	})
	if len(sound) == 0 {
		return able
	}
	return sound
}

// resumeBirth goes on where the latched seeds say: start those that have not begun, then latch the ID.
func (in *births) resumeBirth() Step {
	var unborn, begunSeeds, lost []observation.Unit
	var gone []string
	serving := map[etcdops.ClusterID]int{}
	for _, s := range in.Latch.Seeds.Members {
		i := slices.IndexFunc(in.Units, func(u observation.Unit) bool { return u.Name == s.Unit })
		if i < 0 || in.Units[i].Dying && !hasData(in.Units[i]) {
			gone = append(gone, s.Unit)
			continue
		}
		u := in.Units[i]
		if u.Facts == nil {
			begunSeeds = append(begunSeeds, u)
			continue
		}
		h := in.Etcd.Health[in.servesAt(u)]
		switch {
		case h.Serves && h.ClusterID != 0:
			serving[h.ClusterID]++
			begunSeeds = append(begunSeeds, u)
		case hasData(u), u.Task != nil && in.begun(u):
			begunSeeds = append(begunSeeds, u)
		case in.begun(u) && in.silent(u):
			lost, gone = append(lost, u), append(gone, s.Unit)
		case in.begun(u):
			begunSeeds = append(begunSeeds, u)
		default:
			unborn = append(unborn, u)
		}
	}
	total := len(in.Latch.Seeds.Members)
	need := etcdops.Quorum(total)
	if total-len(gone) < need {
		if step, ok := in.bearAnew(lost); ok {
			return step
		}
		return wait("The cluster was to be born from %d units, and %s cannot take part any more: remove the application, "+
			"or bring them back.", total, strings.Join(gone, ", ")).person()
	}
	for id, n := range serving {
		if n >= need && len(serving) == 1 {
			return in.latchStep(StepLatchCluster, fmt.Sprintf("%d of %d seeds answer as cluster %s.", n, total, id), in.epoch(),
				v1alpha1.LatchRequest{ClusterID: id.String()})
		}
	}
	if len(unborn) > 0 {
		reason := fmt.Sprintf("%s: the cluster is born from %d members.", names(unborn), total)
		for _, u := range unborn {
			if at := in.soonFree(u); !at.IsZero() {
				return wait("%s All start at once, as soon as %s on %s has ended.", reason, u.Task, u.Name).until(at)
			}
		}
		return in.deliverTo(StepStart, reason, unborn, in.specOf)
	}
	return wait("The seeds %s have been started; %d have to answer.", names(begunSeeds), need)
}

// soonFree is until when it is worth waiting for the unit's task, so that all seeds start at once; zero if it has none, or
// if its agent is away.
func (in *births) soonFree(u observation.Unit) time.Time {
	if u.Task == nil || u.Lost || u.Failed {
		return time.Time{}
	}
	at := u.Task.Enqueued.Add(startTogether)
	if !in.Now.Before(at) {
		return time.Time{}
	}
	return at
}

// silent says that the unit's endpoint has been out of reach for long enough to believe that its data is lost.
func (in *births) silent(u observation.Unit) bool {
	since := in.silentSince(u)
	return !since.IsZero() && !in.Now.Before(since.Add(wipedGrace))
}
