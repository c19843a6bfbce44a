package planner_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

const (
	newAddress = "10.0.1.99"
	newPeer    = "https://" + newAddress + ":2380"
	newClient  = "https://" + newAddress + ":2379"
)

// readdress gives the machine of a unit another address: nobody answers at the old one, and its
// agent has reported so. Its certificate is good for the new one, and its configuration written.
func readdress(o *observation.Observation, i int) { readdressTo(o, i, newAddress) }

func readdressTo(o *observation.Observation, i int, address string) {
	down(o, i, time.Minute)
	at := "https://" + address + ":2379"
	o.Etcd.Health[at] = etcdops.EndpointHealth{Endpoint: at, Serves: true, Answered: true, ClusterID: clusterID,
		MemberID: id(i), Leader: id(0), RaftIndex: 1000000, AppliedIndex: 1000000}
	u := &o.Units[i]
	u.Facts.Addresses = v1alpha1.UnitAddresses{Peer: address, PeerBind: address, Client: address, ClientBind: address}
	u.Facts.Certificates.Server.SANs = []string{address, "127.0.0.1"}
	u.Facts.RestartPending = true
	apply(o)
}

// bothMoved lets two of three have moved, all that is needed for it being there.
func bothMoved(o *observation.Observation) {
	readdressTo(o, 1, "10.0.1.98")
	readdressTo(o, 2, newAddress)
}

// stuck lets a member that has moved not answer, though its unit has written all that it should be:
// its delivery is in progress, again and again, and its process, which systemd has started before,
// has read what was there then.
func stuck(o *observation.Observation, i int) {
	u := &o.Units[i]
	delete(o.Etcd.Health, "https://"+u.Facts.Addresses.Client+":2379")
	applyAllBut(o, i)
	u.Facts.Applied = &v1alpha1.AppliedFacts{Hash: "what it was before"}
	u.Task = &observation.Task{ID: 33, Enqueued: o.Now, Running: true, Ours: true, Deadline: o.Now.Add(time.Minute), Harmless: true}
	spec := planner.Desired(*o, u.Name)
	u.Last = &observation.Result{Hash: spec.Hash(), At: o.Now, Outcome: v1alpha1.OutcomeInProgress, Reason: v1alpha1.ReasonStartFailed, Failures: 3}
}

// applyAllBut lets all other units have applied what they should be.
func applyAllBut(o *observation.Observation, i int) {
	applied := o.Units[i].Facts.Applied
	apply(o)
	o.Units[i].Facts.Applied = applied
}

func TestAMemberThatHasMovedIsMadeKnownToTheOthersAndThenRestarted(t *testing.T) {
	const wait = planner.StepWait
	for _, c := range []struct {
		name  string
		start observation.Observation
		do    func(*observation.Observation)
		want  want
	}{
		{"it is made known", settled(3), func(o *observation.Observation) { readdress(o, 2) },
			want{planner.StepUpdatePeer, "etcd/2", false, newPeer}},
		{"even while a unit waits to join", settled(3), func(o *observation.Observation) { join(o); readdress(o, 2) },
			want{planner.StepUpdatePeer, "etcd/2", false, ""}},
		{"not before it has a certificate for its address", settled(3), func(o *observation.Observation) {
			readdress(o, 2)
			o.Units[2].Facts.Certificates.Server.SANs = []string{"10.0.0.3"}
		}, want{wait, "", false, "certificate is not good for " + newAddress}},
		{"not before its configuration is written", settled(3), func(o *observation.Observation) {
			readdress(o, 2)
			o.Units[2].Facts.Applied.Hash = "old"
			o.Units[2].Task = &observation.Task{ID: 5, Enqueued: o.Now, Harmless: true}
		}, want{wait, "", false, "task 5 is pending"}},
		{"not while another member is down and it does not serve", settled(3), func(o *observation.Observation) {
			readdress(o, 2)
			delete(o.Etcd.Health, newClient)
			down(o, 1, time.Minute)
			apply(o)
		}, want{wait, "", false, "But it stays for now"}},
		{"not while a learner joins", settled(3), func(o *observation.Observation) { join(o); learn(o, 0); readdress(o, 2) },
			want{wait, "", false, ""}},
		{"then it is restarted", settled(3), func(o *observation.Observation) {
			readdress(o, 2)
			o.Etcd.Members[2].PeerURLs = []string{newPeer}
		}, want{planner.StepRestart, "etcd/2", false, ""}},
		{"even while a unit waits to join, it is restarted", settled(3), func(o *observation.Observation) {
			join(o)
			readdress(o, 2)
			o.Etcd.Members[2].PeerURLs = []string{newPeer}
		}, want{planner.StepRestart, "etcd/2", false, ""}},
		{"the only member is restarted first, because it is asked where it says it is", settled(1), func(o *observation.Observation) {
			readdress(o, 0)
		}, want{planner.StepRestart, "etcd/0", false, ""}},
		{"and made known then", settled(1), func(o *observation.Observation) {
			readdress(o, 0)
			o.Units[0].Facts.RestartPending = false
			o.Etcd.Members[0].ClientURLs = []string{newClient}
			o.History.StableSince = o.Now.Add(-time.Hour)
			apply(o)
		}, want{planner.StepUpdatePeer, "etcd/0", false, ""}},
		{"of two that have moved one is made known", settled(3), bothMoved, want{planner.StepUpdatePeer, "etcd/1", false, "10.0.1.98"}},
		{"and the other before the first is restarted", settled(3), func(o *observation.Observation) {
			bothMoved(o)
			o.Etcd.Members[1].PeerURLs = []string{"https://10.0.1.98:2380"}
		}, want{planner.StepUpdatePeer, "etcd/2", false, newPeer}},
		{"the first is not restarted while the other waits for a certificate", settled(3), func(o *observation.Observation) {
			bothMoved(o)
			o.Etcd.Members[1].PeerURLs = []string{"https://10.0.1.98:2380"}
			o.Units[2].Facts.Certificates.Server.SANs = []string{"10.0.0.3"}
		}, want{wait, "", false, "certificate is not good for " + newAddress}},
		{"both are restarted when both were made known", settled(3), func(o *observation.Observation) {
			bothMoved(o)
			o.Etcd.Members[1].PeerURLs, o.Etcd.Members[2].PeerURLs = []string{"https://10.0.1.98:2380"}, []string{newPeer}
			apply(o)
		}, want{planner.StepRestart, "etcd/1", false, ""}},
		{"none is made known that does not serve where it is", settled(3), func(o *observation.Observation) {
			bothMoved(o)
			delete(o.Etcd.Health, "https://10.0.1.98:2379")
			delete(o.Etcd.Health, newClient)
		}, want{wait, "", false, "1 of 3 voters serve"}},
		// Two that have moved do not find each other, so that the one that does not lead serves
		// only when the leader knows where it is.
		{"one that cannot be made known yet keeps no other from it", settled(3), func(o *observation.Observation) {
			bothMoved(o)
			stuck(o, 1)
			o.Units[1].Last.Hash = "another spec"
		}, want{planner.StepUpdatePeer, "etcd/2", false, newPeer}},
		{"one that has written where it should be is made known though it does not answer yet", settled(3), func(o *observation.Observation) {
			bothMoved(o)
			o.Etcd.Members[2].PeerURLs = []string{newPeer}
			stuck(o, 1)
		}, want{planner.StepUpdatePeer, "etcd/1", false, "10.0.1.98"}},
		{"but not one that has not written this", settled(3), func(o *observation.Observation) {
			bothMoved(o)
			o.Etcd.Members[2].PeerURLs = []string{newPeer}
			stuck(o, 1)
			o.Units[1].Last.Hash = "another spec"
		}, want{wait, "", false, ""}},
		{"nor one whose delivery has ended before it had", settled(3), func(o *observation.Observation) {
			bothMoved(o)
			o.Etcd.Members[2].PeerURLs = []string{newPeer}
			stuck(o, 1)
			o.Units[1].Last.Reason = v1alpha1.ReasonSnapInProgress
		}, want{wait, "", false, ""}},
		{"one that is gone for good is not made known again", settled(3), func(o *observation.Observation) {
			readdress(o, 2)
			o.Units[2].Dying = true
			apply(o)
		}, want{planner.StepRemove, "etcd/2", false, ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := planner.Clone(c.start)
			c.do(&o)
			expect(t, o, c.want)
		})
	}
}

// TestAllThatHaveMovedAreMadeKnownBeforeOneIsRestarted, also where the others could do without one
// already.
func TestAllThatHaveMovedAreMadeKnownBeforeOneIsRestarted(t *testing.T) {
	o := settled(5)
	bothMoved(&o)
	o.Etcd.Members[1].PeerURLs = []string{"https://10.0.1.98:2380"}
	apply(&o)
	expect(t, o, want{planner.StepUpdatePeer, "etcd/2", false, newPeer})
}

// The plan for a moved member is both steps, and an end.
func TestThePlanForAMovedMemberIsToMakeItKnownAndToRestartIt(t *testing.T) {
	o := settled(3)
	readdress(&o, 2)
	var kinds []string
	for _, s := range planner.Plan(o) {
		kinds = append(kinds, string(s.Kind))
	}
	if got := strings.Join(kinds, " "); !strings.HasPrefix(got, "UpdatePeerURL RestartMember") || strings.Count(got, "RestartMember") != 1 {
		t.Errorf("the plan is %s", got)
	}
}

// The agent asks the guard again before it restarts: it is handed where the other one is that has
// moved, which is in no list yet.
func TestARestartShowsWhereMembersAnswer(t *testing.T) {
	o := settled(3)
	bothMoved(&o)
	o.Etcd.Members[1].PeerURLs, o.Etcd.Members[2].PeerURLs = []string{"https://10.0.1.98:2380"}, []string{newPeer}
	apply(&o)
	step, _ := planner.Next(o)
	if step.Kind != planner.StepRestart || !slices.Contains(step.Units[0].Spec.Delivery.Endpoints, newClient) {
		t.Errorf("%s with %+v", step.Kind, step.Units)
	}
}

// Where all machines have changed their addresses at once, nobody finds anybody, and etcd cannot be
// informed. One that has its old address back is enough: the sentence says so.
func TestMembersThatDoNotFindEachOtherAreAPersonsBusiness(t *testing.T) {
	scatter := func(n int) observation.Observation {
		o := settled(3)
		o.Etcd.Listed, o.Etcd.Members, o.Etcd.Err = false, nil, "no leader"
		for i := range 3 {
			o.Units[i].Facts.Applied = &v1alpha1.AppliedFacts{Hash: "old", Clients: []string{url(0), url(1), url(2)}}
			address := fmt.Sprintf("10.0.0.%d", i+1)
			if i < n {
				address = fmt.Sprintf("10.0.9.%d", i+1)
				o.Units[i].Facts.Addresses = v1alpha1.UnitAddresses{Peer: address, PeerBind: address, Client: address, ClientBind: address}
			}
			at := "https://" + address + ":2379"
			o.Etcd.Health[at] = etcdops.EndpointHealth{Endpoint: at, Answered: true, ClusterID: clusterID, MemberID: id(i), Fault: etcdops.FaultNoLeader}
		}
		apply := func(u *observation.Unit) {
			clients := u.Facts.Applied.Clients
			spec := planner.Desired(o, u.Name)
			u.Facts.Applied = &v1alpha1.AppliedFacts{Hash: spec.Hash(), Clients: clients}
		}
		for i := range o.Units {
			apply(&o.Units[i])
		}
		return o
	}
	const advice = "Give one machine, better more, its old address back (those were 10.0.0.1, 10.0.0.2, 10.0.0.3)"
	expect(t, scatter(3), want{planner.StepWait, "", true, advice})
	for n := range 3 {
		step, ok := planner.Next(scatter(n))
		if !ok || step.Person || strings.Contains(step.Reason, advice) {
			t.Errorf("with %d of 3 moved: %s", n, step.Reason)
		}
	}
	silent := scatter(3)
	delete(silent.Etcd.Health, "https://10.0.9.2:2379")
	if step, _ := planner.Next(silent); step.Person {
		t.Errorf("with one that does not answer: %s", step.Reason)
	}
}

// A member that crashes begins with what is on its disk, and where there is no quorum nobody can be
// informed of it.
func TestThePeersPortIsNotChangedWhileThereIsNoQuorum(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(o *observation.Observation)
		want string
	}{
		{"with a quorum", func(*observation.Observation) {}, "https://10.0.0.2:7001"},
		{"without one", func(o *observation.Observation) { o.Etcd.Listed = false }, peer(1)},
		{"where nobody answers", func(o *observation.Observation) { o.Etcd = etcdops.View{} }, peer(1)},
		{"where it is known already", func(o *observation.Observation) {
			o.Etcd.Listed, o.Etcd.Members[1].PeerURLs = false, []string{"https://10.0.0.2:7001"}
		}, "https://10.0.0.2:7001"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := running(3)
			o.Options.ManagementPort = 7001
			c.do(&o)
			spec := planner.Desired(o, "etcd/1").Etcd
			if got := spec.AdvertisePeerURLs[0]; got != c.want || planner.PortOf(spec.ListenPeerURLs[0]) != planner.PortOf(c.want) {
				t.Errorf("it is to listen at %v, and to say that it is at %s; want %s", spec.ListenPeerURLs, got, c.want)
			}
		})
	}
}

// The peers of a member that runs elsewhere than the list has it are found by it, and do not find
// it: two such need a third one.
func TestNobodyLeavesWithoutWhomTheOthersDoNotFindEachOther(t *testing.T) {
	const elsewhere = "https://10.0.0.9:7002"
	for _, c := range []struct {
		name  string
		moved []int
		want  bool
	}{
		{"all are found", nil, true}, {"one is not", []int{1}, true}, {"both are not", []int{1, 2}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := running(3)
			o.Etcd.Members = slices.Clone(o.Etcd.Members)
			o.Units[0].Dying = true
			for _, i := range c.moved {
				o.Units[i].Facts.Running.PeerURL = elsewhere
				o.Units[i].Lost = true // nobody can mend that now
			}
			apply(&o)
			step, _ := planner.Next(o)
			leaves := step.Kind == planner.StepRemove || step.Kind == planner.StepMoveLeader
			if leaves != c.want || !leaves && !strings.Contains(step.Reason, "do not find each other") {
				t.Errorf("%s: %s", step.Kind, step.Reason)
			}
		})
	}
}

// What is on a member's disk is where it begins after a crash or a loss of power. One at a time is
// made known to peers, and so one disk at a time has a port that they do not know.
func TestThePeersPortChangesOnOneDiskAtATime(t *testing.T) {
	const port = 7001
	newPeer := func(i int) string { return fmt.Sprintf("https://10.0.0.%d:%d", i+1, port) }
	for _, c := range []struct {
		name string
		do   func(o *observation.Observation)
		want string
	}{
		{"the first, which does not lead", func(*observation.Observation) {}, "etcd/1"},
		{"nobody else while it is known and does not run there", func(o *observation.Observation) {
			o.Etcd.Members[1].PeerURLs = []string{newPeer(1)}
			o.Units[1].Facts.RestartPending = true
		}, "etcd/1"},
		{"the next when it runs there", func(o *observation.Observation) {
			o.Etcd.Members[1].PeerURLs = []string{newPeer(1)}
			o.Units[1].Facts.Running.PeerURL = newPeer(1)
		}, "etcd/1 etcd/2"},
		{"not one that cannot be reached", func(o *observation.Observation) { o.Units[1].Lost = true }, "etcd/2"},
		{"not one whose hook has failed", func(o *observation.Observation) { o.Units[1].Failed = true }, "etcd/2"},
		{"one that began there by itself, and nobody else until it is known", func(o *observation.Observation) {
			o.Units[2].Facts.Running.PeerURL = newPeer(2)
		}, "etcd/2"},
		{"the leader last", func(o *observation.Observation) {
			for i := 1; i < 3; i++ {
				o.Etcd.Members[i].PeerURLs = []string{newPeer(i)}
				o.Units[i].Facts.Running.PeerURL = newPeer(i)
			}
		}, "etcd/0 etcd/1 etcd/2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := running(3)
			o.Options.ManagementPort = port
			c.do(&o)
			var written []string
			for _, u := range o.Units {
				if planner.PortOf(planner.Desired(o, u.Name).Etcd.AdvertisePeerURLs[0]) == port {
					written = append(written, u.Name)
				}
			}
			if got := strings.Join(written, " "); got != c.want {
				t.Errorf("the new port is to be on the disks of %q, want %q", got, c.want)
			}
		})
	}
}
