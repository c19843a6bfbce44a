package planner_test

import (
	"fmt"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/options"
	"jujuetcd.io/pkg/reconcile/planner"
)

var epochA = v1alpha1.Epoch{Number: 3, Holder: "daemon-a"}

// virgin is an application with n units of which all is there that a birth needs; the epoch is
// claimed.
func virgin(n int) observation.Observation {
	o := observation.Observation{
		Now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), JujuAsked: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), ModelName: "demo", ModelUUID: "uuid", Application: "etcd",
		Self: "daemon-a", Claimed: 3, Options: options.Default(), PeerRelationID: 4, LatchRead: true,
		Latch: v1alpha1.Latch{Epoch: &epochA},
		CA:    observation.CertificateAuthority{Related: true, Application: "easyrsa", Bundle: "bundle", ClientCertificate: true},
		Etcd:  etcdops.View{Health: map[string]etcdops.EndpointHealth{}, Err: "nobody answers"},
		History: observation.History{
			Progress: map[etcdops.MemberID]time.Time{}, UnhealthySince: map[string]time.Time{},
			Attempts: map[string]int{}, NotBefore: map[string]time.Time{},
		},
	}
	o.Policy.SetDefaults()
	for i := range n {
		o.Units = append(o.Units, observation.Unit{
			Name: fmt.Sprintf("etcd/%d", i), Number: i, Leader: i == 0, Provisioned: true, FirstSeen: o.Now.Add(-time.Hour),
			Facts: facts(i),
		})
		o.Etcd.Health[url(i)] = etcdops.EndpointHealth{Endpoint: url(i), Fault: etcdops.FaultRefused}
	}
	return o
}

func url(i int) string  { return fmt.Sprintf("https://10.0.0.%d:2379", i+1) }
func peer(i int) string { return fmt.Sprintf("https://10.0.0.%d:2380", i+1) }

func id(i int) etcdops.MemberID { return etcdops.MemberID(0x10 + i) }

func facts(i int) *v1alpha1.UnitFacts {
	a := fmt.Sprintf("10.0.0.%d", i+1)
	return &v1alpha1.UnitFacts{
		Addresses:    v1alpha1.UnitAddresses{Peer: a, PeerBind: a, Client: a, ClientBind: a},
		Certificates: v1alpha1.CertificateFacts{Server: &v1alpha1.LeafFacts{Fingerprint: "leaf"}},
	}
}

// apply lets the units have applied what they should be.
func apply(o *observation.Observation) {
	for i := range o.Units {
		u := &o.Units[i]
		if u.Facts == nil {
			continue
		}
		if u.Facts.Snap == nil {
			u.Facts.Snap = &v1alpha1.SnapFacts{Version: "3.6.16", Channel: "3.6/stable"}
		}
	}
	for i := range o.Units {
		if u := &o.Units[i]; u.Facts != nil {
			spec := planner.Desired(*o, u.Name)
			u.Facts.Applied = &v1alpha1.AppliedFacts{Hash: spec.Hash(), Clients: spec.Clients.Endpoints}
		}
	}
}

// settled is a cluster of n healthy members, all applied; etcd/0 leads in Juju, and its member in
// etcd.
func settled(n int) observation.Observation {
	o := virgin(n)
	o.Latch.ClusterID = clusterID.String()
	o.Latch.Seeds = &v1alpha1.Seeds{Token: "t"}
	o.Etcd = etcdops.View{At: o.Now, Listed: true, ClusterID: clusterID, Health: map[string]etcdops.EndpointHealth{}}
	for i := range n {
		name := fmt.Sprintf("etcd%d", i)
		o.Latch.Seeds.Members = append(o.Latch.Seeds.Members, v1alpha1.Seed{Unit: o.Units[i].Name, Name: name, PeerURL: peer(i)})
		o.Etcd.Members = append(o.Etcd.Members, etcdops.Member{ID: id(i), Name: name, PeerURLs: []string{peer(i)}, ClientURLs: []string{url(i)}})
		o.Etcd.Health[url(i)] = etcdops.EndpointHealth{Endpoint: url(i), Serves: true, Answered: true, ClusterID: clusterID,
			MemberID: id(i), Leader: id(0), RaftIndex: 1000000, AppliedIndex: 1000000}
		o.Units[i].Facts.Member = v1alpha1.MemberFacts{Present: true, Started: true, MemberID: id(i).String(), ClusterID: clusterID.String()}
	}
	o.History.StableSince, o.History.LastChange = o.Now.Add(-time.Hour), o.Now.Add(-time.Hour)
	apply(&o)
	return o
}

// down lets a member be out of reach for so long.
func down(o *observation.Observation, i int, since time.Duration) {
	o.Etcd.Health[url(i)] = etcdops.EndpointHealth{Endpoint: url(i), Fault: etcdops.FaultRefused}
	o.History.UnhealthySince[url(i)] = o.Now.Add(-since)
	o.History.StableSince = time.Time{}
}

// join adds a unit that is ready to join.
func join(o *observation.Observation) {
	i := len(o.Units)
	o.Units = append(o.Units, observation.Unit{Name: fmt.Sprintf("etcd/%d", i), Number: i, Provisioned: true, FirstSeen: o.Now, Facts: facts(i)})
	o.Etcd.Health[url(i)] = etcdops.EndpointHealth{Endpoint: url(i), Fault: etcdops.FaultRefused}
	apply(o)
}

// learn makes the last unit's member a learner that runs, so many entries behind.
func learn(o *observation.Observation, behind uint64) {
	i := len(o.Units) - 1
	o.Etcd.Members = append(o.Etcd.Members, etcdops.Member{ID: id(i), Name: fmt.Sprintf("etcd%d", i), PeerURLs: []string{peer(i)},
		ClientURLs: []string{url(i)}, Learner: true})
	o.Etcd.Health[url(i)] = etcdops.EndpointHealth{Endpoint: url(i), Serves: true, Answered: true, Learner: true, ClusterID: clusterID,
		MemberID: id(i), Leader: id(0), RaftIndex: 1000000, AppliedIndex: 1000000 - behind}
	o.Units[i].Facts.Member = v1alpha1.MemberFacts{Present: true, Started: true, MemberID: id(i).String(), ClusterID: clusterID.String()}
	o.History.LastChange = o.Now.Add(-time.Second)
}

// mute makes the last unit's member one that runs, was added so long ago, and answers nothing.
func mute(o *observation.Observation, added time.Duration) {
	i := len(o.Units) - 1
	o.Etcd.Health[url(i)] = etcdops.EndpointHealth{Endpoint: url(i), Fault: etcdops.FaultUnreachable, Detail: "no answer"}
	o.History.LastChange = o.Now.Add(-added)
}

// leaves lets etcd/2, and all that is dying already, leave: its clients were informed so long ago.
func leaves(o *observation.Observation, ago time.Duration, clients ...observation.Client) {
	o.Units[2].Dying = true
	o.Clients = clients
	o.History.Notices = map[string]observation.Notice{}
	for i, u := range o.Units {
		o.History.Notices[url(i)] = observation.Notice{At: o.Now.Add(-time.Hour), After: o.Now.Add(-time.Hour)}
		if u.Dying {
			o.History.Notices[u.Name] = observation.Notice{At: o.Now.Add(-ago), After: o.Now.Add(-ago)}
		}
	}
	apply(o)
}

// kube is one whose agent's status has changed so long ago.
func kube(o *observation.Observation, ago time.Duration) observation.Client {
	return observation.Client{Name: "kube/0", Idle: true, Since: o.Now.Add(-ago)}
}
