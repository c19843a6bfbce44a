package planner_test

import (
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/planner"
)

const (
	newAddress = "10.0.1.99"
	newPeer    = "https://" + newAddress + ":2380"
	newClient  = "https://" + newAddress + ":2379"
)

// readdress gives the machine of a unit another address: nobody answers at the old one, and its agent has told so. Its
// certificate is good for the new one, and its configuration written.
func readdress(o *planner.Observation, i int) {
	down(o, i, time.Minute)
	o.Etcd.Health[newClient] = etcdops.EndpointHealth{Endpoint: newClient, Serves: true, Answered: true, ClusterID: clusterID,
		MemberID: id(i), Leader: id(0), RaftIndex: 1000000, AppliedIndex: 1000000}
	u := &o.Units[i]
	u.Facts.Addresses = v1alpha1.UnitAddresses{Peer: newAddress, PeerBind: newAddress, Client: newAddress, ClientBind: newAddress}
	u.Facts.Certificates.Server.SANs = []string{newAddress, "127.0.0.1"}
	u.Facts.RestartPending = true
	apply(o)
}

func TestAMemberThatHasMovedIsToldToTheOthersAndThenRestarted(t *testing.T) {
	const wait = planner.StepWait
	for _, c := range []struct {
		name  string
		start planner.Observation
		do    func(*planner.Observation)
		want  want
	}{
		{"it is told", settled(3), func(o *planner.Observation) { readdress(o, 2) },
			want{planner.StepUpdatePeer, "etcd/2", false, newPeer}},
		{"even while a unit waits to join", settled(3), func(o *planner.Observation) { join(o); readdress(o, 2) },
			want{planner.StepUpdatePeer, "etcd/2", false, ""}},
		{"not before it has a certificate for its address", settled(3), func(o *planner.Observation) {
			readdress(o, 2)
			o.Units[2].Facts.Certificates.Server.SANs = []string{"10.0.0.3"}
		}, want{wait, "", false, "certificate is not good for " + newAddress}},
		{"not before its configuration is written", settled(3), func(o *planner.Observation) {
			readdress(o, 2)
			o.Units[2].Facts.Applied.Hash = "old"
			o.Units[2].Task = &planner.Task{ID: 5, Enqueued: o.Now, Harmless: true}
		}, want{wait, "", false, "task 5 is pending"}},
		{"not while another member is down and it does not serve", settled(3), func(o *planner.Observation) {
			readdress(o, 2)
			delete(o.Etcd.Health, newClient)
			down(o, 1, time.Minute)
			apply(o)
		}, want{wait, "", false, "But it stays for now"}},
		{"not while a learner joins", settled(3), func(o *planner.Observation) { join(o); learn(o, 0); readdress(o, 2) },
			want{wait, "", false, ""}},
		{"then it is restarted", settled(3), func(o *planner.Observation) {
			readdress(o, 2)
			o.Etcd.Members[2].PeerURLs = []string{newPeer}
		}, want{planner.StepRestart, "etcd/2", false, ""}},
		{"even while a unit waits to join, it is restarted", settled(3), func(o *planner.Observation) {
			join(o)
			readdress(o, 2)
			o.Etcd.Members[2].PeerURLs = []string{newPeer}
		}, want{planner.StepRestart, "etcd/2", false, ""}},
		{"the only member is restarted first, because it is asked where it says it is", settled(1), func(o *planner.Observation) {
			readdress(o, 0)
		}, want{planner.StepRestart, "etcd/0", false, ""}},
		{"and told then", settled(1), func(o *planner.Observation) {
			readdress(o, 0)
			o.Units[0].Facts.RestartPending = false
			o.Etcd.Members[0].ClientURLs = []string{newClient}
			o.History.StableSince = o.Now.Add(-time.Hour)
			apply(o)
		}, want{planner.StepUpdatePeer, "etcd/0", false, ""}},
		{"one that is gone for good is not told again", settled(3), func(o *planner.Observation) {
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

// The plan for a moved member is both steps, and an end.
func TestThePlanForAMovedMemberIsToTellItAndToRestartIt(t *testing.T) {
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
