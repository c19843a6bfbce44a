package planner_test

import (
	"slices"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

func TestClientsAreInformedWhenEveryUnitThatCanHasPublished(t *testing.T) {
	for name, c := range map[string]struct {
		do       func(o *observation.Observation)
		informed bool
	}{
		"all have applied":                        {func(o *observation.Observation) { apply(o) }, true},
		"nobody has yet":                          {func(*observation.Observation) {}, false},
		"one has not":                             {func(o *observation.Observation) { apply(o); o.Units[1].Facts.Applied = nil }, false},
		"one is lost":                             {func(o *observation.Observation) { apply(o); o.Units[1].Facts.Applied, o.Units[1].Lost = nil, true }, true},
		"one has a task that it may still begin":  {func(o *observation.Observation) { apply(o); busy(o, time.Second) }, false},
		"one has a task that it never got to":     {func(o *observation.Observation) { apply(o); busy(o, v1alpha1.DeliveryTTL) }, true},
		"one has refused and is left alone a bit": {func(o *observation.Observation) { apply(o); refused(o, time.Second) }, true},
		"one has refused and is tried again now":  {func(o *observation.Observation) { apply(o); refused(o, 0) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := settled(3)
			o.Units[2].Dying = true
			c.do(&o)
			if got := planner.ClientsInformed(o); got != c.informed {
				t.Errorf("informed: %t, want %t", got, c.informed)
			}
		})
	}
}

func busy(o *observation.Observation, since time.Duration) {
	o.Units[1].Facts.Applied, o.Units[1].Task = nil, &observation.Task{ID: 5, Harmless: true, Enqueued: o.Now.Add(-since)}
}

func refused(o *observation.Observation, rest time.Duration) {
	o.Units[1].Facts.Applied = nil
	o.Units[1].Last = &observation.Result{Outcome: v1alpha1.OutcomeRefused, NotBefore: o.Now.Add(rest)}
}

// The plan shows the removal behind the notice to clients, and does not end at the time that they
// are given.
func TestPlanGoesOnBehindTheTimeThatClientsAreGiven(t *testing.T) {
	o := settled(3)
	o.Units[2].Dying = true
	o.Clients = []observation.Client{{Name: "kube/0", Idle: true, Since: o.Now.Add(-time.Hour)}}
	var kinds []planner.StepKind
	for _, s := range planner.Plan(o) {
		kinds = append(kinds, s.Kind)
	}
	if len(kinds) < 2 || kinds[0] != planner.StepUpdate || kinds[1] != planner.StepRemove {
		t.Errorf("plan %v", kinds)
	}
}

// movedTo is where the first member of moving serves.
const movedTo = "https://10.0.0.2:4001"

// moving is a cluster of three whose port changes: etcd/1 has moved, and its clients' databags have
// had that for so long.
func moving(t *testing.T, ago time.Duration, clients ...observation.Client) observation.Observation {
	t.Helper()
	o := running(3)
	o.Clients = clients
	o.Options.Port = 4001
	for _, want := range []planner.StepKind{planner.StepUpdate, planner.StepRestart, planner.StepUpdate} {
		step, _ := planner.Next(o)
		if step.Kind != want {
			t.Fatalf("%s %q, want %s", step.Kind, step.Reason, want)
		}
		o = planner.Predict(o, step)
	}
	if len(clients) > 0 {
		o.History.Notices[movedTo] = observation.Notice{At: o.Now.Add(-ago), After: o.Now.Add(-ago)}
	}
	return o
}

func TestClientsHearWhereTheOthersServeBeforeTheNextMemberMoves(t *testing.T) {
	const second = time.Second
	o := running(3)
	busy := kube(&o, 5*second)
	busy.Idle = false
	remote := observation.Client{Name: "remote-1", Unseen: true}
	next := want{planner.StepRestart, "etcd/2", false, ""}
	waits := func(reason string) want { return want{planner.StepWait, "", false, reason} }
	for _, c := range []struct {
		name  string
		start observation.Observation
		do    func(o *observation.Observation)
		want  want
	}{
		{"their databags first", moving(t, 0, kube(&o, second)), func(o *observation.Observation) { delete(o.History.Notices, movedTo) },
			waits("Clients are told that etcd1 serves at " + movedTo)},
		{"then their hooks", moving(t, 10*second, kube(&o, 11*second)), nil,
			waits("Clients have been told that etcd1 serves at " + movedTo + ", and have until 12:00:20 to take it in: kube/0")},
		{"also where those take long", moving(t, 10*second, busy), nil, waits("take it in: kube/0")},
		{"those of other models have their time", moving(t, 29*second, remote), nil, waits("take it in: remote-1 of another model")},
		{"nobody waits longer than they need", moving(t, 10*second, kube(&o, 9*second)), nil, next},
		{"nor than 30 s", moving(t, 30*second, kube(&o, 31*second), remote), nil, next},
		{"nor without clients", moving(t, 0), nil, next},
		{"nor for one that serves nobody", moving(t, 0, kube(&o, time.Minute)), func(o *observation.Observation) {
			down(o, 2, 10*second)
			o.ApplicationStatus = v1alpha1.StatusText{} // Juju shows nothing that is not so any more
			apply(o)
		}, next},
		{"nor for the others to move peers only", running(3), func(o *observation.Observation) {
			o.Clients = []observation.Client{busy}
			o.History.Notices = map[string]observation.Notice{url(0): {At: o.Now.Add(-time.Minute)}, url(2): {At: o.Now}}
			o.Options.ManagementPort = 7001
			apply(o)
			for i := range o.Units {
				o.Units[i].Facts.RestartPending = true
			}
		}, want{planner.StepUpdatePeer, "etcd/1", false, ""}},
		{"one that comes back in its place waits for one of the others", running(3), func(o *observation.Observation) {
			o.Clients = []observation.Client{busy}
			apply(o)
			o.Units[2].Facts.RestartPending = true
			o.History.Notices = map[string]observation.Notice{url(0): {At: o.Now}, url(1): {At: o.Now}, url(2): {At: o.Now.Add(-time.Hour)}}
		}, waits("etcd/2 runs with another configuration than it should. Clients have been told that etcd0 serves at " + url(0) + ", and have until 12:00:30")},
		{"and for no more than one", running(3), func(o *observation.Observation) {
			o.Clients = []observation.Client{busy}
			apply(o)
			o.Units[2].Facts.RestartPending = true
			o.History.Notices = map[string]observation.Notice{url(0): {At: o.Now}, url(1): {At: o.Now.Add(-30 * time.Second)}}
		}, next},
		{"nor for news of the one that moves", running(1), func(o *observation.Observation) {
			o.Clients = []observation.Client{busy}
			o.Options.Port = 4001
			apply(o)
			o.Units[0].Facts.RestartPending = true
		}, want{planner.StepRestart, "etcd/0", false, ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := planner.Clone(c.start)
			if c.do != nil {
				c.do(&o)
			}
			expect(t, o, c.want)
		})
	}
}

// With clients the plan is the same as without: it does not end at the time that they are given.
func TestThePlanOfAPortIsAllThreeMembers(t *testing.T) {
	o := running(3)
	o.Options.Port = 4001
	_, without := roll(t, o)
	o.Clients = []observation.Client{{Name: "remote-1", Unseen: true}}
	for _, url := range planner.News(o) {
		o.History.Notices = map[string]observation.Notice{url: {}}
	}
	_, with := roll(t, o)
	if !slices.Equal(with, without) || len(with) != 7 {
		t.Errorf("with clients %v, without %v", with, without)
	}
}

// A unit that leaves is news for clients from when it is published no more: before, they have taken
// in nothing of it.
func TestWhoLeavesIsNoNewsWhileItIsPublished(t *testing.T) {
	for name, published := range map[string]bool{"the only member": true, "one of three": false} {
		o := settled(3)
		if published {
			o = settled(1)
			join(&o)
		}
		o.Clients = []observation.Client{{Name: "remote-1", Unseen: true}}
		o.Units[0].Dying = true
		serves := planner.Desired(o, "etcd/1").Clients.Endpoints
		if got := slices.Contains(serves, "https://10.0.0.1:2379"); got != published {
			t.Fatalf("%s: published to clients: %v", name, serves)
		}
		if got := slices.Contains(planner.News(o), "etcd/0"); got == published {
			t.Errorf("%s: published %t, and news: %v", name, published, planner.News(o))
		}
	}
}
