//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jujuetcd.io/test/rig"
)

// lookEvery is how often the databags are looked at: an empty one that stands shorter is met by no
// hook.
const lookEvery = 100 * time.Millisecond

// arbitrary is a consumer that reads one unit's databag of db and no other, played for every unit
// at once: it looks at all databags that its relation shows, and for each that has been filled a
// client calls etcd all the time, with what is in that one alone.
type arbitrary struct {
	w      *world
	dir    string
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	joined  map[string]time.Time     // when the relation has shown a unit first
	empty   map[string]time.Duration // and for how long its databag was empty then
	clients map[string]*dbClient     // of the units in the relation that tell something
	past    map[string]*dbClient     // of those that have left
	emptied []string
	looks   int
}

func (w *world) startArbitrary() *arbitrary {
	w.t.Helper()
	a := &arbitrary{w: w, dir: w.t.TempDir(), joined: map[string]time.Time{}, empty: map[string]time.Duration{},
		clients: map[string]*dbClient{}, past: map[string]*dbClient{}}
	ctx, cancel := context.WithCancel(w.ctx)
	a.cancel = cancel
	a.done.Go(func() {
		for ctx.Err() == nil {
			a.look(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(lookEvery):
			}
		}
	})
	w.t.Cleanup(a.stop)
	return a
}

func (a *arbitrary) stop() {
	a.cancel()
	a.done.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.clients {
		c.stop()
	}
}

// look takes in what the relation shows the consumer now.
func (a *arbitrary) look(ctx context.Context) {
	infos, err := a.w.api.UnitsInfo(ctx, "unit-etcdclient-0")
	if err != nil || len(infos) != 1 {
		return
	}
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.looks++
	shown := map[string]bool{}
	for _, r := range infos[0].RelationData {
		for unit, bag := range r.Units {
			if r.Endpoint == "db" && bag.InScope {
				shown[unit] = true
				a.takeIn(ctx, unit, bag.Data, now)
			}
		}
	}
	for unit, c := range a.clients {
		if !shown[unit] { // its relation has departed: nobody reads it any more
			c.stop()
			a.past[unit] = c
			delete(a.clients, unit)
		}
	}
}

func (a *arbitrary) takeIn(ctx context.Context, unit string, bag map[string]string, now time.Time) {
	first, known := a.joined[unit]
	if !known {
		first = now
		a.joined[unit] = now
	}
	c := a.clients[unit]
	complete := bag["connection_string"] != "" && bag["client_ca"] != "" && bag["client_cert"] != "" && bag["client_key"] != ""
	switch {
	case !complete && c == nil:
		a.empty[unit] = now.Sub(first)
		return
	case !complete:
		a.emptied = append(a.emptied, unit+" at "+now.Format(time.TimeOnly))
		return
	}
	path := filepath.Join(a.dir, strings.ReplaceAll(unit, "/", "-")+".json")
	text, _ := json.Marshal(bag)
	must(a.w.t, os.WriteFile(path+".new", text, 0o600))
	must(a.w.t, os.Rename(path+".new", path))
	if c != nil {
		return
	}
	c = &dbClient{path: path, last: time.Now()}
	must(a.w.t, c.read())
	calling, cancel := context.WithCancel(ctx)
	c.cancel = cancel
	c.done.Go(func() { c.work(calling) })
	a.clients[unit] = c
}

// lap fails the test if a databag was empty again, or a call with one has failed, and says how long
// the new ones were empty at first.
func (a *arbitrary) lap(phase string) {
	a.w.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, unit := range slices.Sorted(maps.Keys(a.joined)) {
		a.w.t.Logf("%s: the databag of %s was empty for %.1f s after the relation had shown it", phase, unit, a.empty[unit].Seconds())
	}
	for _, e := range a.emptied {
		a.w.t.Errorf("%s: the databag of %s was empty again", phase, e)
	}
	all := maps.Clone(a.past)
	maps.Copy(all, a.clients)
	for _, unit := range slices.Sorted(maps.Keys(all)) {
		all[unit].lap(a.w.t, phase+", who reads "+unit)
	}
	a.w.t.Logf("%s: the databags of %d units were looked at %d times", phase, len(a.joined), a.looks)
	a.past, a.emptied, a.joined, a.looks = map[string]*dbClient{}, nil, map[string]time.Time{}, 0
}

// A consumer that reads one arbitrary unit's databag, as some do, is never without an etcd:
// whatever unit it has chosen, from its first word to the end of its part in the relation.
func TestAClientThatReadsOneUnitsDatabagNeverFails(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("1")
	w.relateClient()
	w.await(rig.Healthy("etcd", 1))
	w.await(rig.UnitShows("etcdclient/0", "active", "1 endpoint"))
	w.juju("fault", "hide-departures")
	a := w.startArbitrary()
	for _, step := range []struct {
		phase string
		to    int
		do    func()
	}{
		{"1 -> 3", 3, func() { w.juju("add-unit", "etcd", "-n", "2") }},
		{"3 -> 5", 5, func() { w.juju("add-unit", "etcd", "-n", "2") }},
		{"5 -> 3", 3, func() {
			leader := w.etcdLeader()
			s, err := w.Status(w.ctx)
			must(t, err)
			other := slices.DeleteFunc(s.UnitNames("etcd"), func(u string) bool { return u == leader })[0]
			w.juju("remove-unit", leader, other)
		}},
	} {
		step.do()
		w.await(rig.Healthy("etcd", step.to))
		eventually(w.ctx, t, "every unit in the relation tells of an etcd", func() bool {
			a.mu.Lock()
			defer a.mu.Unlock()
			return len(a.clients) == step.to
		})
		a.lap(step.phase)
	}
}
