//go:build !race

// A thousand histories take ten times as long under the race detector, which the tests of Listen
// serve better.

package jujuapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/charm"
	sim "jujuetcd.io/sim/model"
	"jujuetcd.io/sim/profile"
	"jujuetcd.io/sim/server"
)

const (
	// debounce and debounceMax are what the package promises, resync how long what no feed reports
	// may take.
	debounce    = 300 * time.Millisecond
	debounceMax = 2 * time.Second
	resync      = time.Minute
	// latest is the longest that the feed of a model takes to report.
	latest = 700 * time.Millisecond
	// polled is the longest time between polls while there is no feed.
	polled = 6 * time.Second
)

// past is a model of Juju 3.6 that changes at random, and the one who looks at it: a
// jujuapi.Listener on its feed, which is late at random, merges what happens meanwhile, and breaks
// now and then.
type past struct {
	t      *testing.T
	seed   uint64
	random *rand.Rand
	server *server.Server
	m      *sim.Model
	ref    jujuapi.ModelRef

	mu    sync.Mutex
	late  *rand.Rand
	looks []time.Time
	// prompt and own are when hints of either kind came; downs when the feed broke, ups when it was
	// open (again).
	prompt, own, downs, ups []time.Time
}

// Snapshot reads the model as it is on the wire.
func (h *past) Snapshot(ctx context.Context) (*jujuapi.Model, error) {
	h.mu.Lock()
	h.looks = append(h.looks, time.Now())
	h.mu.Unlock()
	return h.read(ctx)
}

func (h *past) read(ctx context.Context) (*jujuapi.Model, error) {
	raw, fault := h.server.Call(ctx, "admin", h.m.UUID, wire.Request{Type: "Client", Version: 8, Request: "FullStatus", Params: json.RawMessage(`{}`)})
	if fault != nil {
		return nil, errors.New(fault.Message)
	}
	var s wire.FullStatus
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	return jujuapi.NewModel(h.ref, s, time.Now()), nil
}

// Listen implements jujuapi.Listener.
func (h *past) Listen(ctx context.Context, heard func(jujuapi.Hint)) error {
	jujuapi.ListenTo(ctx, func(context.Context) (jujuapi.Feed, error) {
		return &lateFeed{h: h, feed: server.NewFeed(h.m, "c")}, nil
	}, func(hint jujuapi.Hint) {
		h.mu.Lock()
		at := &h.prompt
		if hint.Own {
			at = &h.own
		}
		*at = append(*at, time.Now())
		if open := len(h.ups) > len(h.downs); hint.Push && !open {
			h.ups = append(h.ups, time.Now())
		} else if !hint.Push && open {
			h.downs = append(h.downs, time.Now())
		}
		h.mu.Unlock()
		heard(hint)
	})
	return ctx.Err()
}

type lateFeed struct {
	h    *past
	feed *server.Feed
}

func (f *lateFeed) Next(ctx context.Context) ([]wire.Delta, error) {
	f.h.mu.Lock()
	late, broken := time.Duration(0), f.h.late.IntN(40) == 0
	if f.h.late.IntN(3) == 0 {
		late = time.Duration(f.h.late.Int64N(int64(latest)))
	}
	f.h.mu.Unlock()
	select {
	case <-time.After(late):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if broken {
		return nil, errors.New("shared state watcher was stopped")
	}
	return f.feed.Next(ctx)
}

func (f *lateFeed) Stop(context.Context) error { return nil }

// change is something that happens: what it is, and whether a feed reports it.
type change struct {
	name     string
	reported bool
	do       func(unit string) error
}

func (h *past) changes() []change {
	n := 0
	text := func() string { n++; return fmt.Sprintf("%d", n) }
	return []change{
		{name: "workload status", reported: true, do: func(u string) error { return h.m.SetWorkloadStatus(u, "active", text()) }},
		{name: "application status", reported: true, do: func(u string) error {
			if !h.m.IsLeader(u) {
				return nil
			}
			return h.m.SetApplicationStatus(u, "active", text())
		}},
		{name: "a hook", reported: true, do: func(u string) error {
			if err := h.m.SetAgentStatus(u, "executing", "running config-changed hook"); err != nil {
				return err
			}
			time.Sleep(h.between(100*time.Millisecond, time.Second))
			return h.m.SetAgentStatus(u, "idle", "")
		}},
		{name: "our action", reported: true, do: func(u string) error {
			if err := h.m.SetAgentStatus(u, "executing", "running action reconcile"); err != nil {
				return err
			}
			time.Sleep(h.between(100*time.Millisecond, time.Second))
			return h.m.SetAgentStatus(u, "idle", "")
		}},
		{name: "a machine", reported: true, do: func(string) error {
			ids := h.m.MachineIDs()
			id := ids[h.random.IntN(len(ids))]
			return h.m.MachineStarted(id, sim.MachineFacts{Addresses: []string{"10.0.0." + text()}})
		}},
		{name: "add-unit", reported: true, do: func(string) error {
			if len(h.m.UnitNames("etcd")) > 3 {
				return nil
			}
			_, err := h.m.AddUnits("etcd", 1, nil)
			return err
		}},
		{name: "remove-unit", reported: true, do: func(u string) error {
			if len(h.m.UnitNames("etcd")) < 2 {
				return nil
			}
			return h.m.UnitGone(u)
		}},
		{name: "expose", reported: true, do: func(string) error {
			if h.random.IntN(2) == 0 {
				return h.m.Unexpose("etcd", nil)
			}
			return h.m.Expose("etcd", nil)
		}},
		{name: "ports", reported: true, do: func(u string) error {
			return h.m.Commit(u, sim.Changes{Open: []sim.PortRange{{From: 2000 + h.random.IntN(9), To: 2379, Protocol: "udp"}}})
		}},
		{name: "an agent that is lost", do: func(u string) error { return h.m.AgentGone(u) }},
		{name: "an agent that is back", do: func(u string) error { return h.m.AgentUp(u) }},
		{name: "a relation that is joined", do: func(u string) error {
			return h.m.EnterScope(u, 0)
		}},
	}
}

func (h *past) between(least, most time.Duration) time.Duration {
	return least + time.Duration(h.random.Int64N(int64(most-least)))
}

// moment is a change, and by when it must have been seen.
type moment struct {
	what   string
	at, by time.Time
}

// run lets the model change.
func (h *past) run(events int) []moment {
	var moments []moment
	hash := func() string {
		m, err := h.read(context.Background())
		if err != nil {
			h.t.Fatal(err)
		}
		return m.Hash
	}
	all, before := h.changes(), hash()
	for range events {
		c := all[h.random.IntN(len(all))]
		units := h.m.UnitNames("etcd")
		if err := c.do(units[h.random.IntN(len(units))]); err != nil && !errors.Is(err, sim.ErrPortConflict) {
			h.t.Fatalf("seed %d: %s: %v", h.seed, c.name, err)
		}
		now := time.Now()
		if after := hash(); after != before {
			before = after
			by := now.Add(resync)
			if c.reported {
				by = now.Add(latest + debounceMax)
			}
			moments = append(moments, moment{c.name, now, by})
		}
		time.Sleep(h.between(0, []time.Duration{10 * time.Millisecond, time.Second, 10 * time.Second}[h.random.IntN(3)]))
	}
	time.Sleep(2 * resync)
	synctest.Wait()
	return moments
}

// looked says that there was a look in that time.
func (h *past) looked(from, to time.Time) bool {
	i, _ := slices.BinarySearchFunc(h.looks, from, time.Time.Compare)
	return i < len(h.looks) && !h.looks[i].After(to)
}

// open says that the feed was open all that time.
func (h *past) open(from, to time.Time) bool {
	for i, up := range h.ups {
		down := to.Add(time.Hour)
		if i < len(h.downs) {
			down = h.downs[i]
		}
		if !up.After(from) && down.After(to) {
			return true
		}
	}
	return false
}

func (h *past) check(moments []moment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range moments {
		by := m.by
		if !h.open(m.at, m.by) {
			by = m.by.Add(polled)
		}
		if !h.looked(m.at, by) {
			h.t.Errorf("seed %d: %s at %s was not seen within %s", h.seed, m.what, m.at.Format("04:05.000"), by.Sub(m.at))
		}
	}
	for i, at := range h.prompt {
		if !h.looked(at, at.Add(debounceMax)) {
			h.t.Errorf("seed %d: the hint at %s was not followed within %s", h.seed, at.Format("04:05.000"), debounceMax)
		}
		if silent := i+1 == len(h.prompt) || h.prompt[i+1].Sub(at) > debounce; silent && !h.looked(at, at.Add(debounce)) {
			h.t.Errorf("seed %d: after the hint at %s there was silence, and it was not followed within %s", h.seed, at.Format("04:05.000"), debounce)
		}
	}
	for _, at := range h.own {
		if !h.looked(at, at.Add(debounceMax)) {
			h.t.Errorf("seed %d: our own doing at %s was not followed within %s", h.seed, at.Format("04:05.000"), debounceMax)
		}
	}
	// Each hint costs one look at most, and the resync less than two a minute.
	lasted := h.looks[len(h.looks)-1].Sub(h.looks[0])
	if most := len(h.prompt) + len(h.own) + 2 + int(lasted/(resync*4/5)) + 13*len(h.downs); len(h.looks) > most {
		h.t.Errorf("seed %d: %d looks in %s, after %d and %d hints", h.seed, len(h.looks), lasted, len(h.prompt), len(h.own))
	}
}

// With deltas as hints only, no change of a model is missed, or seen later than is promised: 0.3 s
// after hints have ceased and 2 s after the first; a minute for what no feed reports.
func TestNoChangeIsMissedOrSeenLateInAThousandHistories(t *testing.T) {
	t.Parallel()
	identity, err := server.NewIdentity(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	seen, looks, hints := 0, 0, 0
	for seed := range uint64(1000) {
		synctest.Test(t, func(t *testing.T) {
			h := newPast(t, seed, identity)
			source := jujuapi.NewSource(h)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = source.Run(ctx, func(*jujuapi.Model) {})
			}()
			synctest.Wait()
			moments := h.run(12)
			cancel()
			<-done
			h.check(moments)
			seen, looks, hints = seen+len(moments), looks+len(h.looks), hints+len(h.prompt)+len(h.own)
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%d changes, %d hints, %d looks", seen, hints, looks)
}

func newPast(t *testing.T, seed uint64, identity *server.Identity) *past {
	c := sim.NewController(sim.Options{Profile: profile.V36})
	s, err := server.New(server.Options{Controller: c, Identity: identity})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		_ = s.Close()
	})
	if _, err := c.AddUser("admin", "", "pw"); err != nil {
		t.Fatal(err)
	}
	m, err := c.AddModel("admin", "demo", "")
	if err != nil {
		t.Fatal(err)
	}
	etcd, err := charm.Parse("name: etcd\npeers: {cluster: {interface: etcd}}\n", "", "", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Deploy(sim.DeployArgs{Charm: etcd, NumUnits: 2}); err != nil {
		t.Fatal(err)
	}
	return &past{
		t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 1)), late: rand.New(rand.NewPCG(seed, 2)), server: s, m: m,
		ref: jujuapi.ModelRef{Owner: "admin", Name: "demo", UUID: m.UUID},
	}
}
