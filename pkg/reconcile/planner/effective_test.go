package planner_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/options"
	"jujuetcd.io/pkg/reconcile/planner"
)

// running is a settled cluster of which each unit has reported what its etcd runs with, and which
// options it has applied.
func running(n int) observation.Observation {
	o := settled(n)
	for i := range o.Units {
		o.Units[i].Facts.Running = &v1alpha1.RunningFacts{PeerURL: peer(i), ClientURL: url(i), HeartbeatIntervalMs: 100, ElectionTimeoutMs: 1000}
		o.Units[i].Facts.Certificates.Server.Key = "RSA"
		o.Units[i].OpenedPorts = []int32{2379}
	}
	apply(&o)
	for i := range o.Units {
		spec := planner.Desired(o, o.Units[i].Name)
		o.Units[i].Facts.Applied.Options = spec.Options
		o.Units[i].Facts.Running = new(spec.ReadAtStart())
	}
	return o
}

// roll carries out what the planner wants until it wants nothing, and returns it as text.
func roll(t *testing.T, o observation.Observation) (observation.Observation, []string) {
	t.Helper()
	var done []string
	for range 60 {
		step, ok := planner.Next(o)
		if !ok {
			return o, done
		}
		if step.Kind == planner.StepWait {
			return o, append(done, "Wait: "+step.Reason)
		}
		done = append(done, string(step.Kind)+" "+step.Target("etcd"))
		o = planner.Predict(o, step)
	}
	t.Fatalf("there is no end: %v", done)
	return o, nil
}

func TestPortsMoveOneAfterTheOtherAndClientsAreInformedBetween(t *testing.T) {
	o := running(3)
	o.Options.Port, o.Options.ManagementPort = 4001, 7001
	end, done := roll(t, o)
	everyone := "UpdateUnits etcd/0, etcd/1, etcd/2"
	want := []string{everyone}
	for _, u := range []string{"etcd/1", "etcd/2", "etcd/0"} {
		want = append(want, "UpdatePeerURL "+u, everyone, "RestartMember "+u, everyone)
	}
	if !slices.Equal(done, want) {
		t.Errorf("done\n%s\nwant\n%s", strings.Join(done, "\n"), strings.Join(want, "\n"))
	}
	s := planner.Desired(end, "etcd/2")
	if !slices.Equal(s.Clients.Endpoints, []string{"https://10.0.0.1:4001", "https://10.0.0.2:4001", "https://10.0.0.3:4001"}) ||
		!slices.Equal(s.OpenPorts, []int32{4001}) {
		t.Errorf("in the end clients are given %v, and %v are open", s.Clients.Endpoints, s.OpenPorts)
	}
}

func TestWhileAPortChangesEveryMemberIsFoundWhereItIs(t *testing.T) {
	o := running(3)
	o.Options.Port = 4001
	s := planner.Desired(o, "etcd/0")
	if !slices.Equal(s.Clients.Endpoints, []string{url(0), url(1), url(2)}) || !slices.Equal(s.OpenPorts, []int32{2379, 4001}) {
		t.Errorf("before a restart clients are given %v, and %v are open", s.Clients.Endpoints, s.OpenPorts)
	}
	if s.Etcd.AdvertiseClientURLs[0] != "https://10.0.0.1:4001" || s.Status.Unit.Message != "Healthy with 3 known peers" {
		t.Errorf("it is to serve at %v, and shows %q", s.Etcd.AdvertiseClientURLs, s.Status.Unit.Message)
	}
	// One that was restarted and is not in the list with its new URL yet is no member that is down.
	o.Units[1].Facts.Running.ClientURL = "https://10.0.0.2:4001"
	h := o.Etcd.Health[url(1)]
	o.Etcd.Health["https://10.0.0.2:4001"] = h
	down(&o, 1, time.Second)
	if got := planner.Desired(o, "etcd/1").Status.Unit.Message; got != "Healthy with 3 known peers" {
		t.Errorf("a member that has just moved shows %q", got)
	}
}

func TestWhoJoinsWhilePortsChangeStaysWhereItWasAdded(t *testing.T) {
	o := running(3)
	join(&o)
	o.Etcd.Members = append(o.Etcd.Members, etcdops.Member{ID: id(3), PeerURLs: []string{peer(3)}, Learner: true})
	o.Options.ManagementPort, o.History.LastChange = 7001, o.Now
	step, _ := planner.Next(o)
	s := planner.Desired(o, "etcd/3")
	if step.Kind != planner.StepStart || s.Etcd.AdvertisePeerURLs[0] != peer(3) || s.Etcd.ListenPeerURLs[0] != "https://0.0.0.0:2380" {
		t.Errorf("%s, with a spec that listens at %v for peers that look at %v", step.Kind, s.Etcd.ListenPeerURLs, s.Etcd.AdvertisePeerURLs)
	}
}

func TestTheNextMemberWaitsUntilClientsKnowWhereTheLastOneIs(t *testing.T) {
	o := running(3)
	o.Options.Port = 4001
	apply(&o)
	for i := range o.Units {
		o.Units[i].Facts.RestartPending = true
	}
	o.Units[2].Facts.Applied.Hash = "old"
	o.Units[2].Lost = true
	expect(t, o, want{planner.StepWait, "", false, "Juju has lost contact with etcd/2"})
	step, _ := planner.Next(o)
	if step.Kind == planner.StepRestart {
		t.Errorf("%s is restarted, and clients of etcd/2 do not know where the others are", step.Unit)
	}
	// A restart that moves nobody does not wait for that.
	o = running(3)
	o.Options.SnapshotCount = 5000
	apply(&o)
	for i := range o.Units {
		o.Units[i].Facts.RestartPending = true
	}
	o.Units[2].Facts.Applied.Hash, o.Units[2].Lost = "old", true
	expect(t, o, want{planner.StepRestart, "etcd/1", false, ""})
}

func TestAThirdMemberComesBeforeOneOfTwoMoves(t *testing.T) {
	o := running(2)
	join(&o)
	o.Options.Port, o.Options.ManagementPort = 4001, 7001
	apply(&o)
	for i := range 2 {
		o.Units[i].Facts.RestartPending = true
	}
	expect(t, o, want{planner.StepAddLearner, "etcd/2", false, ""})
}

func TestOneThatIsHalfMovedIsFinishedBeforeAnotherGoes(t *testing.T) {
	o := running(3)
	o.Options.ManagementPort = 7001
	o.Etcd.Members[1].PeerURLs = []string{"https://10.0.0.2:7001"}
	o.Units[1].Facts.RestartPending = true
	o.Units[2].Dying = true
	apply(&o)
	expect(t, o, want{planner.StepRestart, "etcd/1", false, ""})
}

func TestOptionsThatOnlyALivingClusterRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		do    func(o *observation.Observation)
		fault string
		check func(s v1alpha1.EtcdUnitSpec) bool
	}{
		{"clients' port where peers are", func(o *observation.Observation) { o.Options.Port, o.Options.ManagementPort = 2380, 7001 },
			"Option port is 2380, where members talk", func(s v1alpha1.EtcdUnitSpec) bool { return s.Etcd.AdvertiseClientURLs[0] == url(0) }},
		{"peers' port where clients are", func(o *observation.Observation) { o.Options.Port, o.Options.ManagementPort = 4001, 2379 },
			"Option management_port is 2379, where members serve", func(s v1alpha1.EtcdUnitSpec) bool { return s.Etcd.AdvertisePeerURLs[0] == peer(0) }},
		{"peers' port where a member of another option still serves", func(o *observation.Observation) {
			o.Options.ManagementPort = 4002
			o.Units[1].Facts.Running.ClientURL = "https://10.0.0.2:4002"
		}, "Option management_port is 4002", func(s v1alpha1.EtcdUnitSpec) bool { return s.Etcd.AdvertisePeerURLs[0] == peer(0) }},
		{"metrics where clients are", func(o *observation.Observation) {
			o.Options.Port, o.Options.MetricsURL = 4001, "https://0.0.0.0:2379"
		}, "Option metrics_url", func(s v1alpha1.EtcdUnitSpec) bool { return len(s.Etcd.ListenMetricsURLs) == 0 }},
		{"suites for another key", func(o *observation.Observation) {
			o.Options.CipherSuites = []string{"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"}
		}, "none for the RSA key of etcd/0", func(s v1alpha1.EtcdUnitSpec) bool { return len(s.Etcd.CipherSuites) == 0 }},
		{"suites for the key", func(o *observation.Observation) {
			o.Options.CipherSuites = []string{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}
		}, "", func(s v1alpha1.EtcdUnitSpec) bool { return len(s.Etcd.CipherSuites) == 1 }},
		{"a quota below the database", func(o *observation.Observation) {
			o.Options.QuotaBackendBytes = 200 << 20
			h := o.Etcd.Health[url(1)]
			h.DBSize = 300 << 20
			o.Etcd.Health[url(1)] = h
		}, "the database of etcd1 has more", func(s v1alpha1.EtcdUnitSpec) bool { return s.Etcd.QuotaBackendBytes == 0 }},
		{"a quota above it", func(o *observation.Observation) { o.Options.QuotaBackendBytes = 200 << 20 }, "",
			func(s v1alpha1.EtcdUnitSpec) bool { return s.Etcd.QuotaBackendBytes == 200<<20 }},
		{"a database that has outgrown its quota is no fault of the option", func(o *observation.Observation) {
			o.Options.QuotaBackendBytes = 200 << 20
			for i := range o.Units {
				o.Units[i].Facts.Applied.Options.QuotaBackendBytes = 200 << 20
			}
			h := o.Etcd.Health[url(1)]
			h.DBSize = 300 << 20
			o.Etcd.Health[url(1)] = h
		}, "", func(s v1alpha1.EtcdUnitSpec) bool { return s.Etcd.QuotaBackendBytes == 200<<20 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := running(3)
			c.do(&o)
			s := planner.Desired(o, "etcd/0")
			if !c.check(s) {
				t.Errorf("got %+v", s.Etcd)
			}
			app := s.Status.Application
			if c.fault == "" && app.State != "active" || c.fault != "" && (app.State != "blocked" || !strings.Contains(app.Message, c.fault)) {
				t.Errorf("the application shows %s %q, want %q", app.State, app.Message, c.fault)
			}
		})
	}
}

func TestTheLastGoodOptionsAreThoseThatUnitsHaveApplied(t *testing.T) {
	o := running(3)
	for i := range o.Units {
		o.Units[i].Facts.Applied.Options.SnapshotCount = int64(100 + i)
		o.Units[i].Facts.Applied.Epoch, o.Units[i].Facts.Applied.Action = 3, int64(10-i)
	}
	o.Units[1].Facts.Applied.Epoch = 4
	bad := options.Parse(map[string]any{"snapshot_count": "none", "heartbeat_interval": 120})
	o.Options = bad
	if s := planner.Desired(o, "etcd/0"); s.Etcd.SnapshotCount != 101 || s.Etcd.HeartbeatIntervalMs != 120 {
		t.Errorf("the newest epoch's is 101: %+v", s.Etcd)
	}
	// Without any, a default that nobody chose restarts nobody.
	for i := range o.Units {
		o.Units[i].Facts.Applied.Options = nil
	}
	apply(&o)
	for i := range o.Units {
		o.Units[i].Facts.RestartPending = true
	}
	if step, ok := planner.Next(o); ok && step.Kind == planner.StepRestart {
		t.Errorf("%s is restarted with the default of a faulty option", step.Unit)
	}
}

func TestSeedsStayWithTheOptionsThatTheyWereLatchedWith(t *testing.T) {
	o := virgin(3)
	for i := range o.Units {
		o.Units[i].Facts.Running = nil
	}
	apply(&o)
	for i := range o.Units {
		o.Units[i].Facts.Applied.Options = planner.Desired(o, o.Units[i].Name).Options
	}
	o.Latch.Seeds = &v1alpha1.Seeds{Token: "t"}
	for i := range o.Units {
		o.Latch.Seeds.Members = append(o.Latch.Seeds.Members, v1alpha1.Seed{Unit: o.Units[i].Name, Name: fmt.Sprintf("etcd%d", i), PeerURL: peer(i)})
	}
	o.Options.Port, o.Options.ManagementPort = 4001, 7001
	if s := planner.Desired(o, "etcd/0"); s.Etcd.AdvertisePeerURLs[0] != peer(0) || s.Etcd.AdvertiseClientURLs[0] != url(0) {
		t.Errorf("a seed was latched at %s, and is handed %v", peer(0), s.Etcd.AdvertisePeerURLs)
	}
}

// TestNoElectionTimeoutIsEverShorterThanFiveHeartbeatsOfAnother changes the pair at random, also in
// the middle of a roll, and restarts members in any order: by the planner, and by a crash, which
// makes them take up what is on their disk.
func TestNoElectionTimeoutIsEverShorterThanFiveHeartbeatsOfAnother(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 300 {
		o := running(3)
		rolls := 0
		for range 1 + rng.IntN(3) {
			beat := int32(1 + rng.IntN(2000))
			o.Options.HeartbeatIntervalMs, o.Options.ElectionTimeoutMs = beat, beat*5+int32(rng.IntN(20000))
			restarts := 0
			for range rng.IntN(40) + 1 {
				step, ok := planner.Next(o)
				if !ok {
					break
				}
				if step.Kind == planner.StepWait {
					t.Fatalf("%s", step.Reason)
				}
				if step.Kind == planner.StepRestart {
					restarts++
				}
				o = planner.Predict(o, step)
				for _, a := range o.Units {
					for _, b := range o.Units {
						if r, q := a.Facts.Running, b.Facts.Running; r.ElectionTimeoutMs < 5*q.HeartbeatIntervalMs {
							t.Fatalf("%s waits %d ms for an election, and %s has a heartbeat of %d ms", a.Name, r.ElectionTimeoutMs, b.Name, q.HeartbeatIntervalMs)
						}
					}
				}
			}
			rolls = max(rolls, restarts)
		}
		if rolls > 6 {
			t.Errorf("%d restarts of three members for one change", rolls)
		}
		end, done := roll(t, o)
		for _, u := range end.Units {
			if u.Facts.Running.HeartbeatIntervalMs != o.Options.HeartbeatIntervalMs || u.Facts.Running.ElectionTimeoutMs != o.Options.ElectionTimeoutMs {
				t.Errorf("it does not converge: %+v after %v", u.Facts.Running, done)
			}
		}
	}
}

func TestSeveralOptionsAtOnceAreOneRollAndAChangeBackIsNone(t *testing.T) {
	o := running(3)
	o.Options.SnapshotCount, o.Options.LogLevel, o.Options.QuotaBackendBytes, o.Options.BindToAllInterfaces = 5000, "debug", 8<<30, false
	o.Options.HeartbeatIntervalMs, o.Options.ElectionTimeoutMs = 150, 1500
	_, done := roll(t, o)
	want := "UpdateUnits etcd/0, etcd/1, etcd/2; RestartMember etcd/1; RestartMember etcd/2; RestartMember etcd/0"
	if got := strings.Join(done, "; "); got != want {
		t.Errorf("done %s, want %s", got, want)
	}
	o = running(3)
	o.Options.ExtraSANs = []string{"etcd.example.com"}
	if _, done := roll(t, o); strings.Join(done, "; ") != "UpdateUnits etcd/0, etcd/1, etcd/2" {
		t.Errorf("names in certificates cost %v", done)
	}
}

func TestAPortThatJujuDoesNotOpenIsReported(t *testing.T) {
	o := running(3)
	o.Options.Port = 4001
	o.Units[1].Last = &observation.Result{Outcome: v1alpha1.OutcomeApplied, Ports: []int32{2379, 4001}, At: o.Now.Add(-time.Hour)}
	o.Units[2].Last = &observation.Result{Outcome: v1alpha1.OutcomeFailed, Reason: v1alpha1.ReasonPortInUse,
		Message: "cannot restart etcd: another process listens at 10.0.0.3:4001", At: o.Now.Add(-time.Hour)}
	app := planner.Desired(o, "etcd/0").Status.Application
	for _, want := range []string{"Juju does not open port 4001 for etcd/1", "etcd/2: Cannot restart etcd: another process listens"} {
		if app.State != "blocked" || !strings.Contains(app.Message, want) {
			t.Errorf("the application shows %+v, and not %q", app, want)
		}
	}
}

// TestPortsThatWereShownBeforeADeliveryEndedSayNothing: what Juju shows may be older than the
// result of a task. Reported at once, it would be untrue, and cost an action there and one back.
func TestPortsThatWereShownBeforeADeliveryEndedSayNothing(t *testing.T) {
	const refusal = "Juju does not open port 4001 for etcd/1, because another application on its machine has it open"
	for _, c := range []struct {
		name  string
		asked time.Duration // after the delivery ended
		shown string
		want  bool
	}{
		{"asked before it ended", -time.Second, "3 members, can lose 1", false},
		{"asked since", time.Second, "3 members, can lose 1", true},
		{"asked before it ended, and reported after an earlier one", -time.Second,
			"3 members, can lose 1: " + refusal + "; choose another port, or have that one closed", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := running(3)
			o.Options.Port = 4001
			o.Units[1].Last = &observation.Result{Outcome: v1alpha1.OutcomeApplied, Ports: []int32{2379, 4001}, At: o.Now.Add(-time.Minute)}
			o.JujuAsked = o.Units[1].Last.At.Add(c.asked)
			o.ApplicationStatus = v1alpha1.StatusText{State: "blocked", Message: c.shown}
			if app := planner.Desired(o, "etcd/0").Status.Application; strings.Contains(app.Message, refusal) != c.want {
				t.Errorf("the application shows %q; of the refusal: %t", app.Message, c.want)
			}
		})
	}
}
