package observe_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/memory"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/observe"
	"jujuetcd.io/pkg/reconcile/planner"
	"jujuetcd.io/pkg/reconcile/world"
	"jujuetcd.io/pkg/reconcile/worldtest"
)

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// rig is an observer over fakes, with three healthy units.
type rig struct {
	t        *testing.T
	juju     *worldtest.Juju
	etcd     *worldtest.Etcd
	memory   *memory.Memory
	now      time.Time
	dialled  []world.Credentials
	observer *observe.Observer
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, now: start, memory: memory.New(), etcd: &worldtest.Etcd{View: worldtest.Healthy(start, 3)}}
	r.juju = &worldtest.Juju{Fail: map[string]error{}, Config: map[string]jujuapi.Option{"port": {Type: "int", Value: float64(2379)}}}
	model := &jujuapi.Model{Name: "prod", Owner: "admin", UUID: "uuid", Hash: "h1",
		Applications: map[string]jujuapi.Application{}, Machines: map[string]jujuapi.Machine{}}
	app := jujuapi.Application{Name: "etcd", Charm: "local:etcd-0", Life: jujuapi.Alive, Units: map[string]jujuapi.Unit{},
		Relations: []jujuapi.Relation{
			{ID: 7, Endpoint: "cluster", Peer: true, RemoteApplication: "etcd"},
			{ID: 8, Endpoint: "certificates", RemoteApplication: "easyrsa"},
		}}
	peers := jujuapi.RelationData{RelationID: 7, Endpoint: "cluster", Units: map[string]jujuapi.UnitDatabag{}}
	for i := range 3 {
		name, machine := fmt.Sprintf("etcd/%d", i), fmt.Sprint(i)
		model.Machines[machine] = jujuapi.Machine{ID: machine, Provisioned: true}
		app.Units[name] = jujuapi.Unit{Name: name, Life: jujuapi.Alive, Leader: i == 1, Machine: machine,
			AgentStatus: jujuapi.Status{Current: "idle"}, WorkloadStatus: jujuapi.Status{Current: "active", Message: "Healthy with 3 known peers"},
			OpenedPorts: []string{"2379/tcp"}}
		facts, err := json.Marshal(v1alpha1.UnitFacts{Protocol: 1,
			Addresses: v1alpha1.UnitAddresses{Client: fmt.Sprintf("10.0.0.%d", i+1)}, Member: v1alpha1.MemberFacts{Present: true}})
		if err != nil {
			t.Fatal(err)
		}
		peers.Units[name] = jujuapi.UnitDatabag{InScope: true, Data: map[string]string{"facts": string(facts)}}
	}
	model.Applications["etcd"] = app
	r.juju.Model = model
	for i := range 3 {
		r.juju.Units = append(r.juju.Units, jujuapi.UnitInfo{Name: fmt.Sprintf("etcd/%d", i), RelationData: []jujuapi.RelationData{peers}})
	}
	latch := v1alpha1.Latch{ClusterID: "00000000000000c1", Epoch: &v1alpha1.Epoch{Number: 4, Holder: "me"}}
	if err := r.juju.SetLatch(latch); err != nil {
		t.Fatal(err)
	}
	r.observer = observe.New(observe.Config{Application: "etcd", Self: "me", Juju: r.juju, Memory: r.memory,
		Now:  func() time.Time { return r.now },
		Dial: func(c world.Credentials) (world.Etcd, error) { r.dialled = append(r.dialled, c); return r.etcd, nil }})
	t.Cleanup(r.observer.Close)
	return r
}

func (r *rig) observe(waiting bool) observation.Observation {
	r.t.Helper()
	obs, err := r.observer.Observe(r.t.Context(), waiting)
	if err != nil {
		r.t.Fatal(err)
	}
	return obs
}

func (r *rig) addProvider(bag map[string]string) {
	for i := range r.juju.Units {
		r.juju.Units[i].RelationData = append(r.juju.Units[i].RelationData, jujuapi.RelationData{
			RelationID: 8, Endpoint: "certificates", Units: map[string]jujuapi.UnitDatabag{"easyrsa/0": {InScope: true, Data: bag}}})
	}
}

func TestObserveShowsWhatJujuAndEtcdSay(t *testing.T) {
	r := newRig(t)
	obs := r.observe(false)

	if obs.ModelName != "prod" || obs.PeerRelationID != 7 || !obs.LatchRead || obs.Latch.Epoch.Number != 4 || !obs.CA.Related ||
		obs.CA.Application != "easyrsa" || obs.Options.Port != 2379 || len(obs.Blind) != 0 || !obs.Etcd.Listed {
		t.Errorf("observation = %+v", obs)
	}
	if len(obs.Units) != 3 {
		t.Fatalf("%d units, want 3", len(obs.Units))
	}
	u := obs.Units[1]
	if u.Name != "etcd/1" || u.Number != 1 || !u.Leader || !u.Provisioned || u.Lost || u.Facts == nil || !u.FirstSeen.Equal(start) ||
		!slices.Equal(u.OpenedPorts, []int32{2379}) || u.Shown.Message != "Healthy with 3 known peers" {
		t.Errorf("unit = %+v", u)
	}
}

func TestSettledObservationAsksJujuForTheSnapshotOnly(t *testing.T) {
	r := newRig(t)
	r.observe(false)
	for range 5 {
		r.now = r.now.Add(5 * time.Second)
		r.observe(false)
	}
	for _, name := range []string{"UnitsInfo", "Options", "Tasks"} {
		if n := r.juju.Count(name); n != 1 {
			t.Errorf("%s was called %d times, want once", name, n)
		}
	}
	if n := r.juju.Count("Enqueue"); n != 0 {
		t.Errorf("observing queued %d actions", n)
	}
}

func TestObserveReadsAgainWhenSomethingMayHaveChanged(t *testing.T) {
	tests := []struct {
		name    string
		waiting bool
		change  func(r *rig)
	}{
		{"a step waits", true, func(*rig) {}},
		{"the model's hash changed", false, func(r *rig) { r.juju.Model.Hash = "h2" }},
		{"we changed the world", false, func(r *rig) { r.memory.Touch() }},
		{"a delivery is on its way", false, func(r *rig) { r.memory.Hand(observation.Delivery{Unit: "etcd/0"}, r.now) }},
		{"the resync is due", false, func(r *rig) { r.now = r.now.Add(observe.DefaultResync) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			r.observe(false)
			test.change(r)
			r.observe(test.waiting)
			if n := r.juju.Count("UnitsInfo"); n != 2 {
				t.Errorf("UnitsInfo was called %d times, want 2", n)
			}
		})
	}
}

// While it is under way nothing disruptive is begun beside what may stop or reset a member.
func TestADeliveryIsHarmlessIfItNeitherStopsNorResets(t *testing.T) {
	for _, c := range []struct {
		name string
		spec v1alpha1.EtcdUnitSpec
		want bool
	}{
		{"words and files", v1alpha1.EtcdUnitSpec{}, true},
		{"a start", v1alpha1.EtcdUnitSpec{Service: v1alpha1.ServiceSpec{State: v1alpha1.ServiceRunning}}, true},
		{"a restart", v1alpha1.EtcdUnitSpec{Delivery: v1alpha1.Delivery{AllowRestart: true}}, false},
		{"a defragmentation", v1alpha1.EtcdUnitSpec{Delivery: v1alpha1.Delivery{AllowDefrag: true}}, false},
		{"a halt", v1alpha1.EtcdUnitSpec{Service: v1alpha1.ServiceSpec{State: v1alpha1.ServiceHalted}}, false},
		{"a reset", v1alpha1.EtcdUnitSpec{Delivery: v1alpha1.Delivery{AllowReset: true}}, false},
		{"what others have left", v1alpha1.EtcdUnitSpec{Delivery: v1alpha1.Delivery{Orphans: &v1alpha1.Orphans{}}}, false},
	} {
		r := newRig(t)
		r.memory.Hand(observation.Delivery{Unit: "etcd/0", Spec: c.spec}, start)
		r.memory.Sent(memory.Flight{Task: 14, Delivery: observation.Delivery{Unit: "etcd/1", Spec: c.spec}, Enqueued: start, Deadline: start.Add(time.Minute)})
		for _, u := range r.observe(true).Units[:2] {
			if u.Task == nil || u.Task.Harmless != c.want {
				t.Errorf("%s of %s: %+v, want it to be harmless: %t", c.name, u.Name, u.Task, c.want)
			}
		}
	}
}

func TestWhatCannotBeReadIsBlindNotAbsent(t *testing.T) {
	r := newRig(t)
	r.observe(false)
	r.juju.Fail["UnitsInfo"] = errors.New("connection lost")
	r.juju.Fail["Options"] = errors.New("permission denied")
	obs := r.observe(true)

	if len(obs.Blind) != 2 || !strings.Contains(obs.Blind[0], "databags of etcd") || !strings.Contains(obs.Blind[1], "options of etcd") {
		t.Errorf("blind = %q", obs.Blind)
	}
	if obs.LatchRead {
		t.Error("a latch that was not read counts as read")
	}
	if obs.Units[0].Facts == nil || obs.Latch.Epoch == nil || obs.Options.Port != 2379 {
		t.Error("the last known facts, latch or options were dropped")
	}
}

func TestUnreadableLatchIsNotAnAbsentLatch(t *testing.T) {
	r := newRig(t)
	for i := range r.juju.Units {
		r.juju.Units[i].RelationData[0].ApplicationData = map[string]string{"epoch": "{"}
	}
	obs := r.observe(false)
	if obs.LatchRead || len(obs.Blind) != 1 {
		t.Errorf("LatchRead = %v, blind = %q", obs.LatchRead, obs.Blind)
	}
}

func TestUnreadableFactsAreNamed(t *testing.T) {
	r := newRig(t)
	r.juju.Units[0].RelationData[0].Units["etcd/2"].Data["facts"] = "nonsense"
	obs := r.observe(false)
	if obs.Units[2].Facts != nil || len(obs.Blind) != 1 || !strings.Contains(obs.Blind[0], "etcd/2") {
		t.Errorf("facts = %v, blind = %q", obs.Units[2].Facts, obs.Blind)
	}
}

func TestGoneApplicationIsToldApart(t *testing.T) {
	r := newRig(t)
	delete(r.juju.Model.Applications, "etcd")
	if _, err := r.observer.Observe(t.Context(), false); !errors.Is(err, observe.ErrGone) {
		t.Errorf("error = %v, want ErrGone", err)
	}
	r.juju.Fail["Snapshot"] = errors.New("connection lost")
	if _, err := r.observer.Observe(t.Context(), false); err == nil || errors.Is(err, observe.ErrGone) {
		t.Errorf("error = %v: a model that cannot be read does not lack applications", err)
	}
}

func TestTaskOfAUnitIsOursUntilItsEndIsKnown(t *testing.T) {
	r := newRig(t)
	r.juju.Running = []jujuapi.Task{
		{ID: "12", Unit: "etcd/0", Name: "reconcile", Status: jujuapi.TaskPending}, {ID: "9", Unit: "etcd/0", Name: "reconcile", Status: jujuapi.TaskPending},
		{ID: "14", Unit: "etcd/1", Name: "reconcile", Status: jujuapi.TaskRunning},
	}
	r.memory.Sent(memory.Flight{Task: 14, Delivery: observation.Delivery{Unit: "etcd/1"}, Enqueued: start, Deadline: start.Add(time.Minute)})
	r.memory.Hand(observation.Delivery{Unit: "etcd/2"}, start)
	obs := r.observe(true)

	if got := obs.Units[0].Task; got == nil || got.ID != 9 || got.Ours || got.Running {
		t.Errorf("a foreign task: %+v, want the oldest", got)
	}
	if got := obs.Units[1].Task; got == nil || got.ID != 14 || !got.Ours || !got.Running || !got.Deadline.Equal(start.Add(time.Minute)) {
		t.Errorf("our task: %+v", got)
	}
	if got := obs.Units[2].Task; got == nil || !got.Ours || got.Running {
		t.Errorf("a delivery that was handed and not queued: %+v", got)
	}
	r.juju.Running = nil
	if got := r.observe(true).Units[1].Task; got == nil {
		t.Error("a task that Juju lists no more, and whose end we have not read, was forgotten")
	}
}

// Juju tells by its own clock when a task of another process was queued: by ours, which is a quarter of an
// hour ahead, that was not so long ago.
func TestWhenAForeignTaskWasQueuedIsToldByOurClock(t *testing.T) {
	for ahead, want := range map[time.Duration]time.Duration{15 * time.Minute: 15 * time.Minute, 0: 0, -15 * time.Minute: 0} {
		r := newRig(t)
		r.juju.Model.AskedAt, r.juju.Model.TakenAt = start, start.Add(-ahead)
		queued := start.Add(-ahead - 10*time.Second)
		r.juju.Running = []jujuapi.Task{{ID: "9", Unit: "etcd/0", Name: "reconcile", Status: jujuapi.TaskPending, Enqueued: queued}}
		if got := r.observe(true).Units[0].Task; got == nil || got.Enqueued.Sub(queued) != want {
			t.Errorf("ahead by %s: %+v, queued at %s", ahead, got, queued)
		}
	}
}

func TestHistoryCountsFromWhenThingsBecameSo(t *testing.T) {
	r := newRig(t)
	r.observe(false)
	r.now = start.Add(4 * time.Second)
	if obs := r.observe(false); !obs.History.StableSince.Equal(start) {
		t.Errorf("stable since %v, want %v", obs.History.StableSince, start)
	} else if at := obs.History.ServesSince[worldtest.ClientURL(2)]; !at.Equal(start) {
		t.Errorf("a member serves since %v, want %v", at, start)
	}

	sick := worldtest.Healthy(start, 3)
	h := sick.Health[worldtest.ClientURL(2)]
	h.Serves, h.Fault = false, etcdops.FaultRefused
	sick.Health[worldtest.ClientURL(2)] = h
	r.etcd.View, r.now = sick, start.Add(10*time.Second)
	obs := r.observe(false)
	if !obs.History.StableSince.IsZero() || !obs.History.UnhealthySince[worldtest.ClientURL(2)].Equal(r.now) {
		t.Errorf("a voter is down: %+v", obs.History)
	}
	if _, serves := obs.History.ServesSince[worldtest.ClientURL(2)]; serves {
		t.Error("a member that is down serves")
	}
	kept := obs.History.UnhealthySince

	r.etcd.View, r.now = worldtest.Healthy(start, 3), start.Add(20*time.Second)
	obs = r.observe(false)
	if !obs.History.StableSince.Equal(r.now) || len(obs.History.UnhealthySince) != 0 || !obs.History.NoQuorumSince.IsZero() {
		t.Errorf("healthy again: %+v", obs.History)
	}
	if at := obs.History.ServesSince[worldtest.ClientURL(2)]; !at.Equal(r.now) {
		t.Errorf("a member that was down serves since %v, want %v", at, r.now)
	}
	if len(kept) != 1 {
		t.Error("an earlier observation changed")
	}

	other := worldtest.Healthy(start, 3)
	for url, h := range other.Health {
		h.Leader = 0x11
		other.Health[url] = h
	}
	r.etcd.View, r.now = other, start.Add(30*time.Second)
	if obs = r.observe(false); !obs.History.StableSince.Equal(r.now) {
		t.Error("a new leader does not begin the window anew")
	}
	r.etcd.View, r.now = worldtest.Healthy(start, 2), start.Add(40*time.Second)
	if obs = r.observe(false); !obs.History.LastChange.Equal(r.now) {
		t.Error("a changed member list is not noticed")
	}
}

func TestLearnerProgressIsWhenItsIndexGrew(t *testing.T) {
	r := newRig(t)
	view := func(applied uint64) etcdops.View {
		v := worldtest.Healthy(start, 4)
		v.Members[3].Learner = true
		h := v.Health[worldtest.ClientURL(3)]
		h.Learner, h.AppliedIndex = true, applied
		v.Health[worldtest.ClientURL(3)] = h
		return v
	}
	r.etcd.View = view(10)
	r.observe(false)
	r.now = start.Add(time.Second)
	if obs := r.observe(false); !obs.History.Progress[0x13].Equal(start) {
		t.Errorf("progress = %v, want %v", obs.History.Progress, start)
	}
	r.etcd.View, r.now = view(20), start.Add(2*time.Second)
	if obs := r.observe(false); !obs.History.Progress[0x13].Equal(r.now) {
		t.Errorf("progress = %v, want %v", obs.History.Progress, r.now)
	}
}

// all is a view in which no endpoint serves, all for the same reason.
func all(f etcdops.Fault) etcdops.View {
	v := worldtest.Healthy(start, 3)
	v.Listed = false
	for url, h := range v.Health {
		h.Serves, h.Answered, h.Fault = false, false, f
		v.Health[url] = h
	}
	return v
}

func TestFirewallIsToldApartFromTrouble(t *testing.T) {
	r := newRig(t)
	r.etcd.View = all(etcdops.FaultUnreachable)
	if obs := r.observe(false); !obs.Closed || len(obs.Blind) != 1 {
		t.Errorf("closed = %v, blind = %q", obs.Closed, obs.Blind)
	}
	r.etcd.View = all(etcdops.FaultRefused)
	if obs := r.observe(false); obs.Closed {
		t.Error("refused connections were taken for a firewall")
	}
}

func TestEtcdIsAskedWithoutACertificateToo(t *testing.T) {
	r := newRig(t)
	obs := r.observe(false)
	if len(r.dialled) != 1 || !r.dialled[0].Empty() || obs.CA.ClientCertificate {
		t.Errorf("dialled %v", r.dialled)
	}
	if !slices.Contains(r.etcd.Done(), "Look") {
		t.Error("etcd was not looked at")
	}
}

func TestCredentialsFollowTheRelationAndStayInside(t *testing.T) {
	pair := newPair(t, start.Add(-time.Hour), start.Add(time.Hour))
	r := newRig(t)
	r.addProvider(map[string]string{"ca": "Certificate:\n  text\n" + pair.CA, "client.cert": pair.Cert, "client.key": pair.Key})
	obs := r.observe(true)
	if !obs.CA.ClientCertificate || len(r.dialled) != 1 || r.dialled[0].Key != pair.Key {
		t.Fatalf("client certificate %v, dialled %v", obs.CA.ClientCertificate, r.dialled)
	}
	if obs.CA.Bundle != pair.CA {
		t.Errorf("bundle = %q, want the PEM alone", obs.CA.Bundle)
	}
	if text := fmt.Sprintf("%+v %#v", obs, r.dialled[0]); strings.Contains(text, "PRIVATE KEY") {
		t.Error("a key is in the observation or in printed credentials")
	}
	r.observe(true)
	if len(r.dialled) != 1 {
		t.Error("the same credentials made a new connection")
	}
	r.now = start.Add(2 * time.Hour)
	obs = r.observe(true)
	if obs.CA.ClientCertificate || len(obs.Blind) != 1 || !strings.Contains(obs.Blind[0], "expired") {
		t.Errorf("an expired certificate: %v, blind = %q", obs.CA.ClientCertificate, obs.Blind)
	}
}

func TestObserveEndsWithItsContext(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.observer.Observe(ctx, false); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
}

// The property: what a daemon without a client certificate is turned away from is not seen, and so nobody is ill or gone by it.
func TestWhoIsTurnedAwayHasSeenNothing(t *testing.T) {
	r := newRig(t)
	r.etcd.View = all(etcdops.FaultTLS)
	obs := r.observe(true)
	if obs.Etcd.Listed || len(obs.Etcd.Health) > 0 || obs.Closed || len(obs.History.UnhealthySince) > 0 {
		t.Errorf("health %v, closed %v, history %+v", obs.Etcd.Health, obs.Closed, obs.History.UnhealthySince)
	}
	if step, _ := planner.Next(obs); step.Kind != planner.StepWait || !strings.Contains(step.Reason, "no client certificate") {
		t.Errorf("%s: %s", step.Kind, step.Reason)
	}
}
