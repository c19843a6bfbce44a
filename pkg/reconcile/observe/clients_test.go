package observe_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// relate gives the application a client, and takes a unit away.
func (r *rig) relate() {
	app := r.juju.Model.Applications["etcd"]
	app.Relations = append(app.Relations, jujuapi.Relation{ID: 9, Endpoint: "db", RemoteApplication: "kube", RemoteEndpoint: "etcd"},
		jujuapi.Relation{ID: 10, Endpoint: "db", RemoteApplication: "remote-77", RemoteEndpoint: "etcd"})
	r.juju.Model.Applications["etcd"] = app
	r.juju.Model.Applications["kube"] = jujuapi.Application{Name: "kube", Life: jujuapi.Alive, Units: map[string]jujuapi.Unit{
		"kube/1": {Name: "kube/1", AgentStatus: jujuapi.Status{Current: "executing", Since: start.Add(-time.Second)}},
		"kube/0": {Name: "kube/0", AgentStatus: jujuapi.Status{Current: "idle", Since: start.Add(-time.Minute)}},
		"kube/3": {Name: "kube/3", AgentStatus: jujuapi.Status{Current: "idle", Since: start.Add(-1999 * time.Millisecond)}},
		"kube/4": {Name: "kube/4", AgentStatus: jujuapi.Status{Current: "idle", Since: start.Add(-2 * time.Second)}},
		"kube/2": {Name: "kube/2", AgentStatus: jujuapi.Status{Current: "allocating", Since: start}},
	}}
	r.juju.Units[0].RelationData = append(r.juju.Units[0].RelationData, jujuapi.RelationData{RelationID: 9, Endpoint: "db"},
		jujuapi.RelationData{RelationID: 11, Endpoint: "db"}, jujuapi.RelationData{RelationID: 12, Endpoint: "proxy"},
		jujuapi.RelationData{RelationID: 13, Endpoint: "prometheus"})
}

func TestObserveShowsClientsAndWhetherTheyCanBeSeen(t *testing.T) {
	r := newRig(t)
	if got := r.observe(false).Clients; len(got) != 0 {
		t.Errorf("clients without a relation: %+v", got)
	}
	r = newRig(t)
	r.juju.Model.TakenAt = start
	r.relate()
	want := []observation.Client{
		{Name: "kube/0", Idle: true, Since: start.Add(-time.Minute)},
		{Name: "kube/1", Since: start.Add(-time.Second)},
		{Name: "kube/3", Since: start.Add(-1999 * time.Millisecond)},
		{Name: "kube/4", Idle: true, Since: start.Add(-2 * time.Second)},
		{Name: "relation 11", Unseen: true},
		{Name: "relation 12", Unseen: true},
		{Name: "remote-77", Unseen: true},
	}
	got := r.observe(false).Clients
	if len(got) != len(want) {
		t.Fatalf("clients %+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("client %+v, want %+v", got[i], want[i])
		}
	}
}

// The notice to clients of a unit that leaves is remembered with the last look of Juju's that did
// not show it yet, by Juju's clock, and what is published later does not begin it anew.
func TestNoticeOfALeavingUnitIsKeptFromWhenEveryUnitHasPublished(t *testing.T) {
	r := newRig(t)
	r.relate()
	juju := start.Add(7 * time.Hour) // its clock is another one
	look := func() observation.Observation {
		r.now, juju = r.now.Add(time.Second), juju.Add(time.Second)
		r.juju.Model.TakenAt = juju
		return r.observe(true)
	}
	if n := look().History.Notices; len(n) != 0 {
		t.Fatalf("notices while nobody leaves: %+v", n)
	}
	app := r.juju.Model.Applications["etcd"]
	leaving := app.Units["etcd/2"]
	leaving.Life = jujuapi.Dying
	app.Units["etcd/2"] = leaving
	if n := look().History.Notices; len(n) != 0 {
		t.Fatalf("notices before anything was published: %+v", n)
	}
	before := juju
	// Nobody applies anything in this rig: agents that are away are what ends the publishing.
	for _, name := range []string{"etcd/0", "etcd/1"} {
		u := app.Units[name]
		u.AgentStatus.Current = "lost"
		app.Units[name] = u
	}
	notice := look().History.Notices["etcd/2"]
	if !notice.At.Equal(r.now) || !notice.After.Equal(before) {
		t.Errorf("noticed %+v, want at %s, after %s", notice, r.now, before)
	}
	for _, name := range []string{"etcd/0", "etcd/1"} {
		u := app.Units[name]
		u.AgentStatus.Current = "idle"
		app.Units[name] = u
	}
	if again := look().History.Notices["etcd/2"]; again != notice {
		t.Errorf("noticed anew: %+v", again)
	}
	delete(app.Units, "etcd/2")
	if n, known := look().History.Notices["etcd/2"]; known {
		t.Errorf("notice of a unit that is gone: %+v", n)
	}
}

// A unit that could not be reached may be the one whose databag a client reads: what it publishes when
// it is back is news to that client, once.
func TestWhatAUnitPublishesWhenItIsBackIsNews(t *testing.T) {
	r := newRig(t)
	r.relate()
	app := r.juju.Model.Applications["etcd"]
	look := func() observation.Observation {
		r.now = r.now.Add(time.Second)
		r.juju.Model.TakenAt = r.now.Add(7 * time.Hour)
		return r.observe(true)
	}
	if n := look().History.Notices; len(n) != 0 {
		t.Fatalf("notices before anything was published: %+v", n)
	}
	for name, u := range app.Units { // nobody applies anything in this rig
		u.AgentStatus.Current = "lost"
		app.Units[name] = u
	}
	first := look().History.Notices
	if again := look(); len(first) == 0 || !maps.Equal(again.History.Notices, first) {
		t.Fatalf("noticed anew while nothing has changed: %v, then %v", first, again.History.Notices)
	}
	bag := r.juju.Units[0].RelationData[0].Units["etcd/0"]
	var facts v1alpha1.UnitFacts
	if err := json.Unmarshal([]byte(bag.Data["facts"]), &facts); err != nil {
		t.Fatal(err)
	}
	spec := planner.Desired(look(), "etcd/0")
	facts.Applied = &v1alpha1.AppliedFacts{Hash: spec.Hash()}
	text, err := json.Marshal(facts)
	if err != nil {
		t.Fatal(err)
	}
	bag.Data["facts"] = string(text)
	back := look()
	for url, n := range back.History.Notices {
		if !n.At.Equal(r.now) || !n.After.Equal(r.juju.Model.TakenAt) {
			t.Errorf("%s is noticed at %s, after %s, and etcd/0 was back at %s, by Juju's clock %s", url, n.At, n.After, r.now, r.juju.Model.TakenAt)
		}
	}
	if again := look().History.Notices; !maps.Equal(again, back.History.Notices) {
		t.Errorf("noticed anew for no other unit: %v, then %v", back.History.Notices, again)
	}
}

// Where each member serves is news of its own: one that moves does not make what is known of the
// others new, nor does a look at which nobody lists the members.
func TestNoticesOfWhereMembersServeLastUntilOneMoves(t *testing.T) {
	r := newRig(t)
	r.relate()
	app := r.juju.Model.Applications["etcd"]
	for name, u := range app.Units { // nobody applies anything in this rig
		u.AgentStatus.Current = "lost"
		app.Units[name] = u
	}
	at := func(i, port int) string { return fmt.Sprintf("https://10.0.0.%d:%d", i, port) }
	look := func(want ...string) map[string]observation.Notice {
		t.Helper()
		r.now = r.now.Add(time.Second)
		notices := r.observe(true).History.Notices
		if got := slices.Sorted(maps.Keys(notices)); !slices.Equal(got, want) {
			t.Errorf("notices of %v, want %v", got, want)
		}
		return notices
	}
	first := look(at(1, 2379), at(2, 2379), at(3, 2379))
	listed := r.etcd.View
	r.etcd.View = etcdops.View{At: r.now, Err: "no leader"}
	if again := look(at(1, 2379), at(2, 2379), at(3, 2379)); !maps.Equal(again, first) {
		t.Errorf("noticed anew for want of a list: %v, then %v", first, again)
	}
	listed.Members[1].ClientURLs = []string{at(2, 4001)}
	health := listed.Health[at(2, 2379)]
	health.Endpoint = at(2, 4001)
	listed.Health[health.Endpoint] = health
	r.etcd.View = listed
	moved := look(at(1, 2379), at(2, 4001), at(3, 2379))
	if moved[at(1, 2379)] != first[at(1, 2379)] || !moved[at(2, 4001)].At.Equal(r.now) {
		t.Errorf("notices %v, before %v", moved, first)
	}
}

// What a daemon finds published when it begins may have been written a moment before: no time that
// Juju shows proves that it is older, and clients have all the time for it.
func TestWhatIsReportedWhenADaemonBeginsIsNews(t *testing.T) {
	r := newRig(t)
	r.relate()
	app := r.juju.Model.Applications["etcd"]
	for name, u := range app.Units { // nobody applies anything in this rig
		u.AgentStatus = jujuapi.Status{Current: "lost", Since: start.Add(-time.Hour)}
		app.Units[name] = u
	}
	r.juju.Model.TakenAt = start.Add(7 * time.Hour)
	for range 3 {
		for url, n := range r.observe(true).History.Notices {
			if !n.At.Equal(start) || !n.After.Equal(r.juju.Model.TakenAt) {
				t.Errorf("%s is noticed at %s, after %s; the daemon began at %s, which is %s for Juju", url, n.At, n.After, start, r.juju.Model.TakenAt)
			}
		}
	}
}
