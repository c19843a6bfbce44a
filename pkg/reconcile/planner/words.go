package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// statusView is the view as statuses are made from it. Figures that change with every look are left
// out: each change of a status costs an action.
func (in *words) statusView() etcdops.View {
	if in.view == nil {
		v := in.makeStatusView()
		in.view = &v
	}
	return *in.view
}

func (in *words) makeStatusView() etcdops.View {
	v := in.Etcd.Counted(etcdops.Ref{})
	v.Health = maps.Clone(v.Health)
	for url, h := range v.Health {
		if h.Fault == etcdops.FaultLagging || h.Fault == etcdops.FaultUnreachable {
			h.Detail = ""
			v.Health[url] = h
		}
	}
	for _, u := range in.Units {
		in.showWhereItRuns(v, u)
		if m, ok := in.member[u.Name]; ok && in.wipedOut(u, m) && v.Health != nil {
			h := v.Health[in.servesAt(u)]
			h.Serves, h.Fault, h.Detail = false, etcdops.FaultOther, "its data is lost"
			v.Health[in.servesAt(u)] = h
		}
	}
	return v
}

// showWhereItRuns takes a member that has just been restarted with another port for what it is
// there: it serves before the list says where.
func (in *words) showWhereItRuns(v etcdops.View, u observation.Unit) {
	m, member := in.member[u.Name]
	if !member || u.Facts == nil || u.Facts.Running == nil || len(m.ClientURLs) == 0 {
		return
	}
	if h := v.Health[u.Facts.Running.ClientURL]; h.Serves && h.MemberID == m.ID && !v.HealthOf(m).Serves {
		v.Health[m.ClientURLs[0]] = h
	}
}

// unitWords is the status of a unit that has published facts.
func (in *words) unitWords(u observation.Unit) etcdops.Words {
	if r, ok := in.top(); ok && r.phase.sole && !taken(u) && !u.Dying {
		return r.stoppedWords()
	}
	v := in.statusView()
	ref := etcdops.Ref{ClientURL: in.servesAt(u), Name: etcdops.MemberName(u.Name)}
	m, member := in.member[u.Name]
	if member {
		ref.ID = m.ID
	}
	born := in.Latch.ClusterID != ""
	serving := in.stageOf(u) == stageMember && (!born || member && !m.Learner)
	if w, known := in.joinWords(u); known && !taken(u) && !u.Dying && !serving && !in.unseen() {
		return in.underAuthority(w)
	}
	switch stage := in.stageOf(u); {
	case taken(u) && in.clearable(u):
		return etcdops.UnitWords(etcdops.View{}, etcdops.Ref{}, etcdops.PhasePreparing)
	case taken(u):
		return etcdops.Words{State: etcdops.Blocked, Message: in.occupied(u)}
	case !born && stage == stagePrepare:
		return etcdops.UnitWords(v, ref, etcdops.PhasePreparing)
	case !born:
		return etcdops.UnitWords(etcdops.View{}, ref, etcdops.PhaseStarting)
	case in.unseen():
		return in.closedWords()
	case u.Dying:
		return etcdops.UnitWords(in.Etcd, ref, etcdops.PhaseLeaving)
	case in.Etcd.Listed && (!member || m.Learner):
		return in.underAuthority(etcdops.UnitWords(v, etcdops.Ref{Name: etcdops.MemberName(u.Name)}, etcdops.PhaseJoining))
	}
	return in.underAuthority(etcdops.WithNotices(etcdops.UnitWords(v, ref, etcdops.PhaseServing), in.notices(u)...))
}

// applicationWords is the status of the application.
func (in *words) applicationWords() etcdops.Words {
	switch {
	case len(in.alive()) == 0 && len(in.Units) > 0:
		return etcdops.EndingWords()
	case in.Latch.ClusterID == "" && len(in.cannotJoin()) > 0:
		return etcdops.Words{State: etcdops.Blocked, Message: strings.TrimRight(strings.Join(in.cannotJoin(), " "), ".")}
	case in.Latch.ClusterID == "" && in.Latch.Seeds == nil:
		return withTodo(etcdops.UnitWords(etcdops.View{}, etcdops.Ref{}, etcdops.PhasePreparing), slices.Concat(in.clocks(), in.overlong()))
	case in.Latch.ClusterID == "":
		return withTodo(etcdops.UnitWords(etcdops.View{}, etcdops.Ref{}, etcdops.PhaseStarting), slices.Concat(in.clocks(), in.overlong()))
	case in.sole():
		return withTodo(in.soleWords(), slices.Concat(in.clocks(), in.overlong()))
	case in.unseen():
		return in.closedWords()
	}
	var wanted []string
	for _, u := range in.Units {
		if _, member := in.member[u.Name]; member || !u.Dying {
			wanted = append(wanted, u.Name)
		}
	}
	w := etcdops.WithNotices(etcdops.ApplicationWords(in.statusView(), wanted, ""), in.awaited())
	return in.applicationUnderAuthority(withTodo(w, in.forAPerson()))
}

// withTodo adds sentences on what a person has to do.
func withTodo(w etcdops.Words, todo []string) etcdops.Words {
	if len(todo) == 0 {
		return w
	}
	separator := ": "
	if strings.Contains(w.Message, ": ") {
		separator = "; "
	}
	return etcdops.Words{State: etcdops.Blocked, Message: w.Message + separator + strings.TrimRight(strings.Join(todo, " "), ".")}
}

const (
	// failsAgain is how many failures in a row of a change in etcd are reported: what passes by
	// itself has passed by then.
	failsAgain = 4
	// failsStill is how long after it may be tried again it is still reported: a change that is not
	// wanted any more is not tried.
	failsStill = time.Minute
)

// failing says why a change in etcd fails again and again, such as a lock key that never goes:
// nobody but its fault knows what to do.
func (in *words) failing() []string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(in.History.Attempts)) {
		kind, _, _ := strings.Cut(key, " ")
		change := changes[StepKind(kind)]
		fault := in.History.Faults[key]
		if change.disruptive && fault != "" && in.History.Attempts[key] >= failsAgain && in.Now.Before(in.History.NotBefore[key].Add(failsStill)) {
			all = append(all, fmt.Sprintf("Cannot %s, again and again: %s.", change.verb, strings.TrimRight(fault, ".")))
		}
	}
	return all
}

// overlong names who writes so much into a databag that it is left out. The size is not reported:
// it may change with every look.
func (in *words) overlong() []string {
	var all []string
	for _, b := range in.TooLarge[:min(len(in.TooLarge), 3)] {
		all = append(all, fmt.Sprintf("The databag of %s in relation %s is too large and is not read: have it made smaller, or remove the relation.",
			b.Writer, b.Endpoint))
	}
	return all
}

// forAPerson are sentences on what only a person can put right, while etcd itself is well: faulty
// options, ports that are taken, databags that are too large, and a restart that would be an
// outage.
func (in *words) forAPerson() []string {
	todo := slices.Concat(in.clocks(), in.undelivered(), in.faults, in.refusedPorts(), in.overlong(), in.occupiedMachines(), in.cannotJoin(), in.failing(), in.missed())
	if in.Etcd.Listed && len(in.Etcd.Voters()) == 2 && len(in.Etcd.HealthyVoters()) == 2 && !in.somebodyJoins() {
		if due := filter(in.alive(), in.restartDue); len(due) > 0 {
			todo = append(todo, fmt.Sprintf("%s, and a restart of one of two members stops the cluster: %s.", waitsFor(due), in.roomToRestart()))
		}
	}
	return todo
}

// missed are sentences on schedules that are not kept: of snapshots, and of restore drills.
func (in *words) missed() []string {
	var todo []string
	for _, why := range []string{in.overdue(), in.drillFails()} {
		if why != "" {
			todo = append(todo, why+".")
		}
	}
	return todo
}

func waitsFor(units []observation.Unit) string {
	if len(units) == 1 {
		return units[0].Name + " waits to be restarted"
	}
	return names(units) + " wait to be restarted"
}

// closedWords say that etcd may be well, but that it cannot be seen from here. They are no health
// words, so that the unit's own look at its etcd shows what is worse.
func (in *words) closedWords() etcdops.Words {
	if in.doorless() {
		return in.doorlessWords()
	}
	return etcdops.Words{State: etcdops.Waiting,
		Message: fmt.Sprintf("The jujuetcd controller cannot reach port %d of the units", in.opts.Port)}
}

// doorlessWords say that etcd may be well, and that this daemon has nothing to look at it with.
func (in *words) doorlessWords() etcdops.Words {
	w := etcdops.Words{State: etcdops.Waiting, Message: "The jujuetcd controller cannot look at etcd: it has no client certificate yet"}
	if in.CA.Related {
		w.Message += ", which " + in.CA.Application + " gives"
	}
	return w
}
