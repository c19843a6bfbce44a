package planner_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// silent is a virgin application of new agents of which every unit shows that it waits for the
// controller.
func silent(n int) observation.Observation {
	o := virgin(n)
	for i := range o.Units {
		wait(&o, i)
	}
	o.ApplicationStatus = o.Units[0].Shown
	return o
}

// wait lets the unit's agent be a new one, that shows that it waits for the controller.
func wait(o *observation.Observation, i int) {
	o.Units[i].Facts.Protocol = v1alpha1.Protocol
	o.Units[i].Shown = v1alpha1.StatusText{State: "waiting", Message: "Waiting for the jujuetcd controller (jujuetcd run --model prod)"}
}

// grown is a settled cluster of new agents that show what they should, with a unit that has only
// come.
func grown(n int) observation.Observation {
	o := settled(n)
	join(&o)
	o.Units[n].Facts.Applied = nil
	wait(&o, n)
	for i := range n {
		o.Units[i].Facts.Protocol = v1alpha1.Protocol
	}
	apply(&o)
	o.Units[n].Facts.Applied = nil
	for i := range n {
		o.Units[i].Shown = planner.Desired(o, o.Units[i].Name).Status.Unit
	}
	o.ApplicationStatus = *planner.Desired(o, "etcd/0").Status.Application
	return o
}

// stands lets what holds the cluster up stand for so long.
func stands(o *observation.Observation, since time.Duration) {
	o.History.Held = observation.HeldUp{Reason: planner.Held(*o), Since: o.Now.Add(-since)}
}

// The property: whatever holds back a first delivery is reported, once, in deliveries that touch
// nothing.
func TestTheReasonToWaitIsShown(t *testing.T) {
	for _, c := range []struct {
		name  string
		start observation.Observation
		do    func(o *observation.Observation)
		to    []string // whom words go to
		unit  string   // what is delivered to a unit; empty: nothing of itself
		state string
		app   string // what the leader is to report of the application; empty: nothing
	}{
		{"data of a member that nobody knows", silent(3), func(o *observation.Observation) { o.Units[1].Facts.Member.Present = true },
			[]string{"etcd/0", "etcd/1", "etcd/2"}, "etcd/1 has the data of a member, but nothing is latched", "blocked", "etcd/1 has the data"},
		{"lost data where nothing is latched", silent(3), func(o *observation.Observation) { o.Units[2].Facts.Member.Started = true },
			[]string{"etcd/0", "etcd/1", "etcd/2"}, "A member was started on etcd/2 before, and its data is lost", "blocked", "etcd/2"},
		{"an anonymous etcd", silent(3), func(o *observation.Observation) {
			h := o.Etcd.Health[url(2)]
			h.Answered = true
			o.Etcd.Health[url(2)] = h
		}, []string{"etcd/0", "etcd/1", "etcd/2"}, "Something that is etcd answers at", "blocked", "Something that is etcd"},
		{"an option out of range", silent(3), func(o *observation.Observation) { o.Options.Faults = []string{"Option port is 0; it must be a port."} },
			[]string{"etcd/0", "etcd/1", "etcd/2"}, "Option port is 0; it must be a port.", "blocked", "Option port is 0"},
		{"a pause before the birth", silent(3), func(o *observation.Observation) { o.Policy.Paused = true },
			[]string{"etcd/0", "etcd/1", "etcd/2"}, "The cluster is paused by its policy.", "blocked", "paused"},
		{"another unit's certificate is waited for", silent(3), func(o *observation.Observation) {
			o.Units[2].Facts.Certificates.Server = nil
			o.Units[2].Shown = v1alpha1.StatusText{State: "waiting", Message: "Waiting for the certificate authority: no server certificate yet"}
			stands(o, time.Minute)
		}, []string{"etcd/0", "etcd/1"}, "etcd/2 has no server certificate yet.", "waiting", "etcd/2 has no server certificate yet."},
		{"the controller's own certificate is waited for", silent(1), func(o *observation.Observation) {
			o.CA.ClientCertificate, o.CA.Application = false, "vault"
			stands(o, time.Minute)
		}, []string{"etcd/0"}, "has not given a client certificate", "waiting", "client certificate"},
		{"a reason that has only come", silent(1), func(o *observation.Observation) { o.CA.ClientCertificate = false; stands(o, 5*time.Second) }, nil, "", "", ""},
		{"a reason that takes another's place", silent(1), func(o *observation.Observation) {
			stands(o, time.Hour)
			o.CA.ClientCertificate = false
			o.History.Held.Reason = "etcd/0 has no address yet."
		}, nil, "", "", ""},
		{"a machine that does not come, while a unit waits", silent(2), func(o *observation.Observation) {
			o.Units[1].Provisioned, o.Units[1].Facts = false, nil
			o.Policy.Bootstrap.Grace.Duration = 2 * time.Hour
			stands(o, time.Minute)
		}, []string{"etcd/0"}, "etcd/1 is not provisioned yet.", "waiting", "etcd/1 is not provisioned"},
		{"a unit that publishes nothing", silent(2), func(o *observation.Observation) { o.Units[1].Facts = nil },
			[]string{"etcd/0"}, "etcd/1 is provisioned, but has published no facts", "blocked", "etcd/1"},

		{"it is reported already", silent(3), func(o *observation.Observation) {
			o.Policy.Paused = true
			for i := range o.Units {
				o.Units[i].Shown = v1alpha1.StatusText{State: "blocked", Message: "The cluster is paused by its policy."}
			}
			o.ApplicationStatus = o.Units[0].Shown
		}, nil, "", "", ""},
		{"who does not know such deliveries is not asked", silent(3), func(o *observation.Observation) {
			o.Policy.Paused = true
			o.Units[1].Facts.Protocol = 1
		}, []string{"etcd/0", "etcd/2"}, "paused", "blocked", "paused"},
		{"nothing is reported to a unit while something is on its way to it", silent(2), func(o *observation.Observation) {
			o.Policy.Paused = true
			o.Units[1].Task = &observation.Task{ID: 7, Enqueued: o.Now}
		}, []string{"etcd/0"}, "paused", "blocked", "paused"},
		{"a unit says itself what its authority lacks", silent(1), func(o *observation.Observation) {
			o.CA = observation.CertificateAuthority{}
			o.Units[0].Shown = v1alpha1.StatusText{State: "blocked", Message: "Missing relation to certificate authority."}
			o.ApplicationStatus = o.Units[0].Shown
		}, nil, "", "", ""},
		{"an old word of the application's is put right though the units speak", silent(1), func(o *observation.Observation) {
			o.CA = observation.CertificateAuthority{}
			o.Units[0].Shown = v1alpha1.StatusText{State: "blocked", Message: "Missing relation to certificate authority."}
			o.ApplicationStatus = v1alpha1.StatusText{State: "waiting", Message: "etcd/1 is not provisioned yet."}
		}, []string{"etcd/0"}, "", "", "Missing relation to certificate authority."},
		{"another daemon leads", silent(3), func(o *observation.Observation) {
			o.Policy.Paused = true
			o.Latch.Epoch = &v1alpha1.Epoch{Number: 9, Holder: "daemon-b"}
		}, nil, "", "", ""},
		{"the latch was not read", silent(3), func(o *observation.Observation) { o.LatchRead = false; stands(o, time.Hour) }, nil, "", "", ""},
		{"the application goes", silent(3), func(o *observation.Observation) { o.ApplicationDying = true; stands(o, time.Hour) }, nil, "", "", ""},

		{"a joiner, and a cluster without a quorum", grown(3), func(o *observation.Observation) {
			o.Etcd.Listed, o.Etcd.Err = false, "no leader"
			o.Etcd.Members = nil
			for i := range 3 {
				down(o, i, time.Hour)
			}
			for i := range 3 {
				spec := planner.Desired(*o, o.Units[i].Name)
				o.Units[i].Facts.Applied.Hash, o.Units[i].Shown = spec.Hash(), spec.Status.Unit
			}
			stands(o, time.Minute)
		}, []string{"etcd/3"}, "There is no quorum: no leader", "waiting", ""},
		{"a joiner whose machine could not be prepared shows that itself", grown(3), func(o *observation.Observation) {
			o.Units[3].Last = &observation.Result{Outcome: v1alpha1.OutcomeFailed, Failures: 1, NotBefore: o.Now.Add(time.Minute)}
			stands(o, time.Minute)
		}, nil, "", "", ""},
		{"a joiner of a paused cluster", grown(3), func(o *observation.Observation) { o.Policy.Paused = true },
			[]string{"etcd/0", "etcd/3"}, "paused by its policy", "blocked", "3 members, can lose 1: etcd/3 is not a member; The cluster is paused"},
		{"two clusters", settledAndShown(3), func(o *observation.Observation) { o.Units[2].Facts.Member.ClusterID = "00000000000000bb" },
			[]string{"etcd/0"}, "", "", "Two different clusters are seen"},
		{"a network that is closed", settledAndShown(3), func(o *observation.Observation) {
			o.Closed, o.Etcd.Listed, o.Etcd.Members = true, false, nil
			stands(o, time.Minute)
		},
			[]string{"etcd/0"}, "", "", "The jujuetcd controller cannot reach port 2379 of the units"},
		{"a daemon that has no client certificate yet", settledAndShown(3), func(o *observation.Observation) { doorless(o); stands(o, time.Minute) },
			[]string{"etcd/0"}, "", "", "The jujuetcd controller cannot look at etcd: it has no client certificate yet, which vault gives"},
		{"a daemon that has only begun to wait for its certificate", settledAndShown(3), func(o *observation.Observation) { doorless(o); stands(o, time.Second) }, nil, "", "", ""},
		{"a settled cluster", settledAndShown(3), func(*observation.Observation) {}, nil, "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := planner.Clone(c.start)
			c.do(&o)
			step, _ := planner.Next(o)
			if step.Kind != planner.StepWait && len(c.to) > 0 {
				t.Fatalf("%s: %s", step.Kind, step.Reason)
			}
			var to []string
			for _, d := range step.Words {
				to = append(to, d.Unit)
				touchesNothing(t, d)
				s := d.Spec.Status
				if s.Unit.State != "" && (s.Unit.State != c.state || !strings.Contains(s.Unit.Message, c.unit)) {
					t.Errorf("%s is handed %+v", d.Unit, s.Unit)
				}
				if (d.Unit == "etcd/0" && c.app != "") != (s.Application != nil) || s.Application != nil && !strings.Contains(s.Application.Message, c.app) {
					t.Errorf("%s is to report of the application: %+v", d.Unit, s.Application)
				}
			}
			if !slices.Equal(to, c.to) {
				t.Errorf("words go to %q, want %q; held: %s", to, c.to, step.Reason)
			}
		})
	}
}

// settledAndShown is a settled cluster of new agents of which Juju shows what it should.
func settledAndShown(n int) observation.Observation {
	o := grown(n)
	o.Units = o.Units[:n]
	delete(o.Etcd.Health, url(n))
	for i := range o.Units {
		spec := planner.Desired(o, o.Units[i].Name)
		o.Units[i].Facts.Applied.Hash, o.Units[i].Shown = spec.Hash(), spec.Status.Unit
	}
	o.ApplicationStatus = *planner.Desired(o, "etcd/0").Status.Application
	return o
}

// touchesNothing: words come alone.
func touchesNothing(t *testing.T, d observation.Delivery) {
	t.Helper()
	s := d.Spec
	claims := s.Latch != nil && s.Latch.Seeds == nil && s.Latch.ClusterID == ""
	if !s.Delivery.WordsOnly || s.Service.State != "" || s.Etcd.Name != "" || s.Snap.Name != "" || s.TLS.CABundle != "" || s.OpenPorts != nil ||
		s.Etcd.Initial != nil || s.Delivery.AllowReset || s.Delivery.AllowRestart || s.Latch != nil && !claims {
		t.Errorf("%s is handed words and more: %+v", d.Unit, s)
	}
}

func TestWordsAreDeliveredOnceAndAfterTheClaim(t *testing.T) {
	o := silent(3)
	o.Policy.Paused, o.Claimed, o.Latch.Epoch = true, 0, nil
	step, _ := planner.Next(o)
	if len(step.Words) != 1 || step.Words[0].Unit != "etcd/0" || step.Words[0].Spec.Latch == nil || step.Words[0].Spec.Latch.Claim == nil {
		t.Fatalf("before the claim: %+v", step.Words)
	}
	if e := step.Words[0].Spec.Delivery.Epoch; e.Number != 1 || e.Holder != "daemon-a" {
		t.Errorf("the epoch is %v", e)
	}
	touchesNothing(t, step.Words[0])

	o.Claimed, o.Latch.Epoch = 3, &epochA
	step, _ = planner.Next(o)
	if len(step.Words) != 3 {
		t.Fatalf("%+v", step.Words)
	}
	// Juju does not show it yet, or the unit has seen worse since: it is not argued with.
	for i, d := range step.Words {
		o.Units[i].LastWords = &observation.Result{Hash: d.Spec.Hash(), Outcome: v1alpha1.OutcomeApplied, At: o.Now.Add(-time.Minute)}
	}
	if step, _ = planner.Next(o); len(step.Words) != 0 {
		t.Errorf("delivered again: %+v", step.Words)
	}
	// What was refused is tried again after its pause, and counts by itself.
	o.Units[1].LastWords = &observation.Result{Outcome: v1alpha1.OutcomeRefused, Failures: 2, NotBefore: o.Now.Add(time.Second)}
	if step, _ = planner.Next(o); len(step.Words) != 0 {
		t.Errorf("before its time: %+v", step.Words)
	}
	o.Now = o.Now.Add(time.Second)
	if step, _ = planner.Next(o); len(step.Words) != 1 {
		t.Errorf("%+v", step.Words)
	}
	// The leader cannot be known: then nobody can claim.
	o.Claimed, o.Units[0].Lost = 0, true
	if step, _ = planner.Next(o); len(step.Words) != 0 {
		t.Errorf("without a leader: %+v", step.Words)
	}
}

// A claim is granted where the machine may hold anything, and starts, stops and sets aside nothing
// there.
func TestAClaimDoesNotTouchAMachineOfWhichNobodyKnowsWhatIsOnIt(t *testing.T) {
	for _, c := range []struct {
		name  string
		do    func(o *observation.Observation)
		alone bool
	}{
		{"data, and nothing latched", func(o *observation.Observation) {
			o.Latch.ClusterID, o.Latch.Seeds = "", nil
		}, true},
		{"data of another cluster", func(o *observation.Observation) { o.Units[0].Facts.Member.ClusterID = "00000000000000bb" }, true},
		{"data of who is no member any more", func(o *observation.Observation) { o.Etcd.Members = o.Etcd.Members[1:] }, true},
		{"lost data", func(o *observation.Observation) { o.Units[0].Facts.Member.Present = false }, true},
		{"a member's", func(*observation.Observation) {}, false},
		{"a seed that has begun", func(o *observation.Observation) { o.Latch.ClusterID = "" }, false},
		{"a member's while there is no quorum", func(o *observation.Observation) { o.Etcd.Listed, o.Etcd.Members = false, nil }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := settledAndShown(3)
			o.Latch.Epoch, o.Claimed, o.TakeOver = &v1alpha1.Epoch{Number: 9, Holder: "daemon-b"}, 0, true
			c.do(&o)
			step, _ := planner.Next(o)
			if step.Kind != planner.StepClaim || step.Units[0].Spec.Delivery.WordsOnly != c.alone {
				t.Fatalf("%s, words only: %t (%s)", step.Kind, len(step.Units) > 0 && step.Units[0].Spec.Delivery.WordsOnly, step.Reason)
			}
			if !c.alone {
				return
			}
			touchesNothing(t, step.Units[0])
			o.Units[0].Facts.Protocol = 1
			if step, _ = planner.Next(o); step.Kind != planner.StepWait {
				t.Errorf("an agent that does not know such deliveries is handed %s", step.Kind)
			}
		})
	}
}

// What a unit publishes may be unreadable at any time, also a member's: then that is not seen, and
// nothing else is lost.
func TestFactsThatCannotBeReadEndNobody(t *testing.T) {
	for i := range 3 {
		for name, o := range map[string]observation.Observation{"settled": settled(3), "grown": grown(3), "latched": latched(3), "prepared": prepared(3)} {
			o = planner.Clone(o)
			o.Units[i].Facts = nil
			o.Blind = []string{"cannot read the facts"}
			for _, u := range o.Units {
				planner.Desired(o, u.Name)
			}
			planner.Status(o)
			planner.Due(o)
			planner.News(o)
			planner.ClientsInformed(o)
			if step, ok := planner.Next(o); !ok || step.Disruptive() {
				t.Errorf("%s: %s", name, step.Kind)
			}
		}
	}
}

// doorless lets the daemon be one that its authority has not given a client certificate yet.
func doorless(o *observation.Observation) {
	o.CA.ClientCertificate, o.CA.Application = false, "vault"
	o.Etcd = etcdops.View{At: o.Now, Err: "there is no client certificate to look at etcd with"}
}

// The property: what a daemon cannot see is no fact. One without a client certificate reports
// nothing of etcd, and does nothing but ask.
func TestWhoCannotLookSaysNothingOfEtcd(t *testing.T) {
	o := settledAndShown(3)
	doorless(&o)
	step, ok := planner.Next(o)
	if !ok || step.Kind != planner.StepWait || !strings.Contains(step.Reason, "no client certificate yet, which vault gives") {
		t.Errorf("%s: %s", step.Kind, step.Reason)
	}
	status := planner.Status(o)
	if status.Phase == v1alpha1.PhaseLost || status.Phase == v1alpha1.PhaseDegraded || strings.Contains(status.Message, "quorum") {
		t.Errorf("phase %s: %s", status.Phase, status.Message)
	}
	for _, c := range status.Conditions {
		if c.Type == v1alpha1.ConditionReady && c.Status != "Unknown" {
			t.Errorf("ready is %s: %s", c.Status, c.Message)
		}
	}

	o.CA.ControllerRequests = []string{"request"}
	step, _ = planner.Next(o)
	if step.Kind != planner.StepUpdate || len(step.Units) != 1 || step.Units[0].Unit != "etcd/0" {
		t.Fatalf("%s %s: %s", step.Kind, step.Target("etcd"), step.Reason)
	}
	s := step.Units[0].Spec
	if s.Status.Unit.State != "" || s.Status.Application != nil || s.Etcd.Initial != nil || s.Service.State != v1alpha1.ServiceRunning ||
		s.Delivery.AllowRestart || s.Delivery.AllowReset || len(s.Clients.Members) != 3 {
		t.Errorf("%+v", s)
	}
	apply(&o)
	if step, _ = planner.Next(o); step.Kind != planner.StepWait {
		t.Errorf("the request is handed, and then %s", step.Kind)
	}
}

// The property: an application whose members are gone does not go on saying what the last of them
// said. Its leader has been handed nothing, and is handed nothing but words.
func TestAnApplicationThatHasLostItsMembersSaysSo(t *testing.T) {
	o := settled(3)
	o.ApplicationStatus = v1alpha1.StatusText{State: "active", Message: "3 members, can lose 1"}
	for i := range o.Units {
		o.Units[i].Name, o.Units[i].Number = "etcd/"+string(rune('3'+i)), 3+i
		o.Units[i].Facts.Member, o.Units[i].Facts.Applied, o.Units[i].Facts.Running = v1alpha1.MemberFacts{}, nil, nil
		wait(&o, i)
	}
	o.Etcd = etcdops.View{At: o.Now, Health: map[string]etcdops.EndpointHealth{}, Err: "no endpoint gave a member list"}
	stands(&o, time.Minute)
	step, _ := planner.Next(o)
	i := slices.IndexFunc(step.Words, func(d observation.Delivery) bool { return d.Unit == "etcd/3" })
	if i < 0 || step.Words[i].Spec.Status.Application == nil || !strings.HasPrefix(step.Words[i].Spec.Status.Application.Message, "no quorum") {
		t.Errorf("the leader is handed %+v (%s)", step.Words, step.Reason)
	}
}
