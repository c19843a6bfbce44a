package agent

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/sim/model"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// settled is a unit that has done all there is, in a peer relation with one other.
func settled() (model.Snapshot, *state) {
	snap := model.Snapshot{
		Life: model.Alive, MachineStarted: true, MachineID: "0", CharmURL: "local:a-1", ConfigVersion: 1, Addresses: []string{"127.0.0.10"},
		Relations: map[int]model.RelationSnapshot{0: {ID: 0, Endpoint: "ring", Life: model.Alive, Peer: true, RemoteApplication: "a", InScope: true,
			Members: map[string]int{"a/1": 3}, ApplicationVersion: 2}},
	}
	s := newState()
	s.CharmURL, s.Installed, s.Started, s.Config = snap.CharmURL, true, true, configKey(snap)
	s.Relations[0] = &relation{Endpoint: "ring", RemoteApp: "a", Members: map[string]int{"a/1": 3}, AppVersion: 2}
	s.NextStatus = noon.Add(time.Minute)
	return snap, s
}

func TestNext(t *testing.T) {
	ring := func(k kind, unit string, version int) operation {
		op := operation{Kind: k, Endpoint: "ring", RemoteApp: "a", RemoteUnit: unit, Version: version}
		if k == relationDeparted {
			op.Departing = unit
		}
		return op
	}
	none := operation{}
	for _, c := range []struct {
		name string
		edit func(*model.Snapshot, *state)
		want operation
	}{
		{"settled: nothing", func(*model.Snapshot, *state) {}, none},
		{"no machine: nothing", func(m *model.Snapshot, s *state) { m.MachineStarted, s.Installed = false, false }, none},
		{"update-status when due", func(_ *model.Snapshot, s *state) { s.NextStatus = noon }, operation{Kind: updateStatus}},
		{"another charm", func(m *model.Snapshot, _ *state) { m.CharmURL = "local:a-2" }, operation{Kind: upgradeCharm, CharmURL: "local:a-2"}},
		{"a resource was attached", func(m *model.Snapshot, _ *state) { m.ResourceVersion = 3 }, operation{Kind: upgradeCharm, CharmURL: "local:a-1", Version: 3}},
		{"a task goes before hooks", func(m *model.Snapshot, _ *state) { m.Pending, m.ConfigVersion = []int{7}, 9 }, operation{Kind: runTask}},
		{"leadership goes before a task", func(m *model.Snapshot, _ *state) { m.Pending, m.Leader = []int{7}, true }, operation{Kind: leaderElected}},
		{"a task goes before an upgrade", func(m *model.Snapshot, _ *state) { m.Pending, m.CharmURL = []int{7}, "local:a-2" }, operation{Kind: runTask}},
		{"after a reboot start runs again", func(m *model.Snapshot, s *state) { m.Pending, s.Rebooted = []int{7}, true }, operation{Kind: start}},
		{"a task waits for install", func(m *model.Snapshot, s *state) { m.Pending, s.Installed = []int{7}, false }, operation{Kind: install, CharmURL: "local:a-1"}},
		{"other addresses", func(m *model.Snapshot, _ *state) { m.Addresses = []string{"127.0.0.11"} }, operation{Kind: configChanged, Config: "1 127.0.0.11"}},
		{"other options", func(m *model.Snapshot, _ *state) { m.ConfigVersion = 2 }, operation{Kind: configChanged, Config: "2 127.0.0.10"}},
		{"other options, told twice", func(m *model.Snapshot, _ *state) { m.ConfigTwice, m.ConfigVersion = true, 2 },
			operation{Kind: configChanged, Config: "2 127.0.0.10", Twice: true}},
		{"and once more", func(m *model.Snapshot, s *state) {
			m.ConfigTwice, m.ConfigVersion = true, 2
			s.done(operation{Kind: configChanged, Config: "2 127.0.0.10", Twice: true})
		}, operation{Kind: configChanged, Config: "2 127.0.0.10"}},
		{"and no more", func(m *model.Snapshot, s *state) {
			m.ConfigTwice, m.ConfigVersion = true, 2
			s.done(operation{Kind: configChanged, Config: "2 127.0.0.10"})
		}, none},
		{"a first config-changed is one", func(m *model.Snapshot, s *state) { m.ConfigTwice, s.Config, s.Started = true, "", false },
			operation{Kind: configChanged, Config: "1 127.0.0.10"}},
		{"other addresses are told once", func(m *model.Snapshot, _ *state) { m.ConfigTwice, m.Addresses = true, []string{"127.0.0.11"} },
			operation{Kind: configChanged, Config: "1 127.0.0.11"}},
		{"leadership", func(m *model.Snapshot, _ *state) { m.Leader = true }, operation{Kind: leaderElected}},
		{"storage before install", func(m *model.Snapshot, s *state) {
			m.Storage, s.Installed = []model.Storage{{ID: "data/0", Name: "data"}}, false
		}, operation{Kind: storageAttached, Storage: "data/0", StoreName: "data"}},
		{"a new relation is created first", func(m *model.Snapshot, s *state) { delete(s.Relations, 0); m.Leader = true }, operation{Kind: relationCreated, Endpoint: "ring", RemoteApp: "a", Peer: true}},
		{"a new member joins", func(m *model.Snapshot, _ *state) { m.Relations[0].Members["a/2"] = 1 }, ring(relationJoined, "a/2", 1)},
		{"joined is followed by changed", func(m *model.Snapshot, s *state) {
			m.Relations[0].Members["a/2"], s.Relations[0].Members["a/2"] = 1, unseen
			m.Relations[0].Members["a/9"] = 1
		}, ring(relationChanged, "a/2", 1)},
		{"a databag changed", func(m *model.Snapshot, _ *state) { m.Relations[0].Members["a/1"] = 4 }, ring(relationChanged, "a/1", 4)},
		{"a peer's end that is not told", func(m *model.Snapshot, _ *state) {
			m.SilentDepartures = true
			delete(m.Relations[0].Members, "a/1")
		}, none},
		{"and is told at last", func(m *model.Snapshot, s *state) {
			m.SilentDepartures = true
			delete(m.Relations[0].Members, "a/1")
			s.mend(*m)
		}, ring(relationDeparted, "a/1", 0)},
		{"one of another application is told", func(m *model.Snapshot, _ *state) {
			m.SilentDepartures = true
			r := m.Relations[0]
			r.Peer = false
			delete(r.Members, "a/1")
			m.Relations[0] = r
		}, ring(relationDeparted, "a/1", 0)},
		{"a member departed", func(m *model.Snapshot, _ *state) { delete(m.Relations[0].Members, "a/1") }, ring(relationDeparted, "a/1", 0)},
		{"the application databag changed", func(_ *model.Snapshot, s *state) { s.Relations[0].AppVersion = 1 }, ring(relationChanged, "", 2)},
		{"a leader is not told of its own", func(m *model.Snapshot, s *state) { s.Relations[0].AppVersion, m.Leader, s.Leader = 1, true, true }, none},
		{"or is", func(m *model.Snapshot, s *state) {
			s.Relations[0].AppVersion, m.Leader, s.Leader, m.TellsLeader = 1, true, true, true
		}, ring(relationChanged, "", 2)},
		{"a relation that ends", func(m *model.Snapshot, _ *state) {
			r := m.Relations[0]
			r.Life = model.Dying
			m.Relations[0] = r
		}, ring(relationDeparted, "a/1", 0)},
		{"a relation that ends, alone", func(m *model.Snapshot, s *state) {
			r := m.Relations[0]
			r.Life = model.Dying
			m.Relations[0] = r
			s.Relations[0].Members = nil
		}, ring(relationBroken, "", 0)},
		{"peers do not break", func(m *model.Snapshot, s *state) {
			m.Life, s.Relations[0].Members, s.Relations[0].Peer = model.Dying, nil, true
		}, ring(relationLeft, "", 0)},
		{"joined goes before changed of another", func(m *model.Snapshot, _ *state) { m.Relations[0].Members["a/1"], m.Relations[0].Members["a/2"] = 4, 1 }, ring(relationJoined, "a/2", 1)},
		{"the application's databag goes first", func(m *model.Snapshot, s *state) {
			m.Relations[0].Members["a/2"], s.Relations[0].AppVersion = 1, 1
		}, ring(relationChanged, "", 2)},
		{"a pending changed goes before all", func(m *model.Snapshot, s *state) {
			s.Relations[0].Members["a/1"], s.Relations[0].AppVersion = unseen, 1
		}, ring(relationChanged, "a/1", 3)},
		{"dying: out of relations, departing oneself", func(m *model.Snapshot, _ *state) { m.Life = model.Dying },
			operation{Kind: relationDeparted, Endpoint: "ring", RemoteApp: "a", RemoteUnit: "a/1", Departing: "a/0"}},
		{"dying: then storage", func(m *model.Snapshot, s *state) {
			m.Life, s.Relations, s.Storage = model.Dying, nil, map[string]bool{"data/0": true}
			m.Storage = []model.Storage{{ID: "data/0", Name: "data"}}
		}, operation{Kind: storageDetaching, Storage: "data/0", StoreName: "data"}},
		{"dying: then stop", func(m *model.Snapshot, s *state) { m.Life, s.Relations = model.Dying, nil }, operation{Kind: stop}},
		{"dying: then remove", func(m *model.Snapshot, s *state) { m.Life, s.Relations, s.Stopped = model.Dying, nil, true }, operation{Kind: remove}},
		{"dying: then gone", func(m *model.Snapshot, s *state) { m.Life, s.Removed = model.Dying, true }, operation{Kind: gone}},
		{"dying before install: gone", func(m *model.Snapshot, s *state) { m.Life, s.Installed = model.Dying, false }, operation{Kind: gone}},
		{"a failed hook waits, and so does all else", func(m *model.Snapshot, s *state) {
			s.Failed, s.RetryAt, m.Leader = &operation{Kind: configChanged}, noon.Add(time.Second), true
		}, none},
		{"a failed hook is retried in time", func(_ *model.Snapshot, s *state) { s.Failed, s.RetryAt = &operation{Kind: configChanged}, noon }, operation{Kind: configChanged}},
		{"a failed hook is retried when resolved", func(m *model.Snapshot, s *state) {
			s.Failed, s.RetryAt, m.Resolved = &operation{Kind: stop}, noon.Add(time.Hour), model.ResolveRetry
		}, operation{Kind: stop}},
		{"a failed hook lets tasks pass", func(m *model.Snapshot, s *state) {
			s.Failed, s.RetryAt, m.Pending = &operation{Kind: configChanged}, noon.Add(time.Hour), []int{7}
		}, operation{Kind: runTask}},
	} {
		snap, s := settled()
		c.edit(&snap, s)
		got, found := next("a/0", snap, s, noon)
		if found != (c.want != none) {
			t.Errorf("%s: found is %v, of %+v", c.name, found, got)
		}
		if diff := cmp.Diff(c.want, got); found && diff != "" {
			t.Errorf("%s: -want +got:\n%s", c.name, diff)
		}
	}
}

// TestNextComesToAnEnd does what next says, at birth, in life and at death, and counts.
func TestNextComesToAnEnd(t *testing.T) {
	snap, _ := settled()
	ring := snap.Relations[0]
	ring.ApplicationVersion = 0
	snap.Relations[0], snap.Leader = ring, true
	snap.Storage = []model.Storage{{ID: "data/0", Name: "data"}}
	s := newState()
	s.NextStatus = noon.Add(time.Minute)
	var ran []string
	drive := func() {
		for range 50 {
			op, found := next("a/0", snap, s, noon)
			if !found || op.Kind == gone {
				return
			}
			ran = append(ran, op.hook())
			s.done(op)
		}
		t.Fatalf("no end: %v", ran)
	}
	drive()
	snap.Life = model.Dying
	drive()
	want := []string{"data-storage-attached", "install", "ring-relation-created", "leader-elected", "config-changed", "start", "ring-relation-joined",
		"ring-relation-changed", "ring-relation-departed", "relation-left", "data-storage-detaching", "stop", "remove"}
	if diff := cmp.Diff(want, ran); diff != "" {
		t.Error(diff)
	}
}

func TestRetriesDoubleUpToFiveMinutes(t *testing.T) {
	for attempts, want := range map[int]time.Duration{1: 5 * time.Second, 2: 10 * time.Second, 3: 20 * time.Second, 7: 5 * time.Minute, 100: 5 * time.Minute} {
		if got := retryAfter(attempts); got != want {
			t.Errorf("after %d failures: %v, want %v", attempts, got, want)
		}
	}
}

func TestStateIsReadAsItWasWritten(t *testing.T) {
	_, s := settled()
	s.NextStatus = time.Time{}
	s.Failed, s.Attempts = &operation{Kind: relationJoined, Endpoint: "ring", RemoteUnit: "a/1"}, 2
	path := t.TempDir() + "/agents/state.json"
	if err := s.write(path); err != nil {
		t.Fatal(err)
	}
	got, err := readState(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, got); diff != "" {
		t.Error(diff)
	}
}
