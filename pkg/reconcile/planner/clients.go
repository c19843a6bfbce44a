package planner

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/etcdops"
)

// hookPatience is how long clients' hooks are waited for at most, from when their databags have the list without a member that
// leaves. Design §7.
const hookPatience = 30 * time.Second

// Client is who is told where etcd serves: a unit of another application of the model, or a whole application of another model.
type Client struct {
	// Name is a unit's, or an application's where Unseen.
	Name string
	// Unseen says that it is of another model: whether its hooks have run does not show here.
	Unseen bool
	// Idle says that no hook runs on it, and Since when its agent's status has changed last, by the controller's clock: however
	// short a hook was, it leaves a new Since.
	Idle  bool
	Since time.Time
}

// Notice is that clients' databags have a list of endpoints without a unit that leaves.
type Notice struct {
	// At is when this process saw it first, by its own clock.
	At time.Time
	// After is a time by the controller's clock, at most one look before the last of the databags was written: a client whose
	// agent's status has changed since has heard of it.
	After time.Time
}

// outdated are the units with a member that have not applied what they should be.
func (in *input) outdated() []Unit { return filter(in.alive(), in.isOutdated) }

func (in *input) isOutdated(u Unit) bool {
	m, member := in.member[u.Name]
	settled := member && !m.Learner && m.Started() || !in.Etcd.Listed && hasData(u)
	return settled && u.Facts != nil && !in.applied(u)
}

// ClientsTold says that every unit that stays has told its clients what there is to tell, or cannot be expected to do so soon.
func ClientsTold(o Observation) bool {
	in := newInput(o)
	return !slices.ContainsFunc(in.outdated(), in.willApply)
}

// willApply says that the unit can be reached, and that what it was handed last has not just failed.
func (in *input) willApply(u Unit) bool {
	switch {
	case !u.Provisioned || u.Lost || u.Failed:
		return false
	case u.Task != nil:
		return in.Now.Before(u.Task.deadline())
	}
	return u.Last == nil || !in.Now.Before(u.Last.NotBefore)
}

// farewell waits until clients have heard that a member leaves that serves them: first for their databags, then for their hooks,
// those for a bounded time.
func (in *input) farewell(u Unit, m etcdops.Member) (Step, bool) {
	if len(in.Clients) == 0 || !in.serving(m) {
		return Step{}, false
	}
	told, ok := in.History.Notices[u.Name]
	if !ok {
		return wait("Clients are told that %s leaves.", u.Name), true
	}
	end := told.At.Add(hookPatience)
	deaf := in.deaf(told)
	if len(deaf) == 0 || !in.Now.Before(end) {
		return Step{}, false
	}
	return wait("Clients have been told that %s leaves, and have until %s to take it in: %s.", u.Name,
		end.UTC().Format(time.TimeOnly), strings.Join(deaf, ", ")).until(end), true
}

// deaf are the clients that have not been seen to run their hooks since they were told.
func (in *input) deaf(told Notice) []string {
	var names []string
	for _, c := range in.Clients {
		switch {
		case c.Unseen:
			names = append(names, fmt.Sprintf("%s of another model", c.Name))
		case !c.Idle || !c.Since.After(told.After):
			names = append(names, c.Name)
		}
	}
	return names
}
