package charm_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/machine"
)

// served is a spec that gives clients two members.
func served() v1alpha1.EtcdUnitSpec {
	s := spec()
	s.Clients = v1alpha1.ClientsSpec{
		Endpoints: []string{"https://[fd00::5]:2379", "https://10.0.0.4:2379"},
		Cluster:   []v1alpha1.NamedMember{{Name: "etcd0", PeerURL: "https://10.0.0.4:2380"}, {Name: "etcd1", PeerURL: "https://[fd00::5]:2380"}},
		Version:   "3.6.16",
	}
	return s
}

// related is a bench with a client and a proxy.
func related(t *testing.T) *bench {
	b := newBench(t)
	b.relate(charmtest.NewAuthority(t, "ca"))
	b.juju.Relations["db"], b.juju.Relations["proxy"] = []string{"db:2", "db:5"}, []string{"proxy:3"}
	b.machine.keys = machine.Credentials{CA: "ca", Certificate: "cert", Key: "key"}
	return b
}

func TestEachRelationWithClientsIsAnsweredAndTakenBack(t *testing.T) {
	b := related(t)
	b.reconcile(served())
	db := map[string]string{"client_ca": "ca", "client_cert": "cert", "client_key": "key", "version": "3.6.16",
		"connection_string": "https://10.0.0.4:2379,https://[fd00::5]:2379"}
	proxy := map[string]string{"client_ca": "ca", "client_cert": "cert", "client_key": "key",
		"cluster": "etcd0=https://10.0.0.4:2380,etcd1=https://[fd00::5]:2380"}
	for id, want := range map[string]map[string]string{"db:2": db, "db:5": db, "proxy:3": proxy} {
		if diff := cmp.Diff(want, b.juju.Bags[id+" etcd/0"]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
	}
	b.hook("config-changed")
	if writes := b.juju.Writes(); len(writes) > 0 {
		t.Errorf("what was published is written again: %q", writes)
	}
	// A relation that ends is left alone; the others hear of it when the cluster is not to be
	// reached any more.
	s := served()
	s.Clients = v1alpha1.ClientsSpec{}
	b.reconcile(s)
	for _, id := range []string{"db:2", "db:5", "proxy:3"} {
		if bag := b.juju.Bags[id+" etcd/0"]; len(bag) > 0 {
			t.Errorf("%s still has %v", id, bag)
		}
	}
}

// Units of the old charm gave clients credentials before they were members (LP#2008267), and what
// clients read was written by whichever hook came first. Here a unit's databag is complete or
// empty, and it is empty until the controller says that the unit's member votes.
func TestCharmPainF13CredentialsAreNotPublishedBeforeTheUnitIsAMember(t *testing.T) {
	b := related(t)
	empty := func(when string) {
		t.Helper()
		for _, id := range []string{"db:2", "db:5", "proxy:3"} {
			if bag := b.juju.Bags[id+" etcd/0"]; len(bag) > 0 {
				t.Errorf("%s, %s has %v", when, id, bag)
			}
		}
	}
	for _, hook := range []string{"certificates-relation-changed", "db-relation-joined", "db-relation-changed", "proxy-relation-joined", "cluster-relation-changed"} {
		b.hook(hook)
		empty("in " + hook + " of a fresh unit")
	}
	b.reconcile(spec())
	empty("prepared, and no member")
	b.hook("db-relation-changed")
	empty("in a hook of a unit that is no member")

	b.machine.keys.Key = ""
	b.reconcile(served())
	empty("without the client's key")
	b.machine.keys.Key = "key"
	b.hook("certificates-relation-changed")
	if bag := b.juju.Bags["db:2 etcd/0"]; len(bag) != 5 {
		t.Errorf("a member with all that it takes publishes %v", bag)
	}
}

// Units of the charm before this one find each other's clients' address in the peer databag, and
// nothing else of it.
func TestPeersOfTheOldCharmFindTheClientAddress(t *testing.T) {
	b := related(t)
	peer := func() string { return b.juju.Bags["cluster:0 etcd/0"]["db-ingress-address"] }
	b.juju.Bags["cluster:0 etcd/0"] = map[string]string{"db-ingress-address": "10.0.0.4"}
	b.hook("upgrade-charm")
	if peer() != "10.0.0.4" {
		t.Errorf("what the old charm had written is %q before anything was applied", peer())
	}
	b.reconcile(served())
	if peer() != "10.0.0.4" {
		t.Errorf("a member's address is %q", peer())
	}
	if n := strings.Count(strings.Join(b.juju.Writes(), "\n"), "cluster:0"); n != 1 {
		t.Errorf("the peer databag was written %d times: each runs a hook on every peer", n)
	}
	s := served()
	s.Clients = v1alpha1.ClientsSpec{}
	b.reconcile(s)
	if peer() != "" {
		t.Errorf("the address of a unit that is no member any more is %q", peer())
	}
}

// Juju may say that clients of another model reach a unit at another address: the unit publishes
// it, asks for a certificate that is good for it, and answers that relation alone with such
// addresses. Its own addresses are the same in every hook: in one of that relation Juju answers for
// it if nothing else is asked.
func TestClientsOfAnotherModelAreGivenWhereJujuSaysTheyReachTheUnit(t *testing.T) {
	b := related(t)
	public := `{"bind-addresses":[{"addresses":[{"value":"10.0.0.4"}]}],"ingress-addresses":["198.51.100.4"]}`
	b.juju.Networks["db db:5"] = public
	b.hook("db-relation-changed", "JUJU_RELATION_ID=db:5")
	var facts v1alpha1.UnitFacts
	if err := json.Unmarshal([]byte(b.juju.Bags["cluster:0 etcd/0"]["facts"]), &facts); err != nil {
		t.Fatal(err)
	}
	want := v1alpha1.UnitAddresses{Peer: "10.0.0.4", PeerBind: "10.0.0.4", Client: "10.0.0.4", ClientBind: "10.0.0.4",
		Relations: map[string]string{"db:5": "198.51.100.4"}}
	if diff := cmp.Diff(want, facts.Addresses); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	for _, call := range b.juju.Calls {
		if strings.HasPrefix(call.Line, "network-get") && !strings.Contains(call.Line, " -r ") {
			t.Errorf("what %q answers depends on the hook", call.Line)
		}
	}
	if asked := b.juju.Bags["certificates:1 etcd/0"]["sans"]; !strings.Contains(asked, `"198.51.100.4"`) {
		t.Errorf("asked for a certificate with %s", asked)
	}

	s := served()
	s.Clients.Relations = map[string][]string{"db:5": {"https://198.51.100.5:2379", "https://198.51.100.4:2379"}}
	b.reconcile(s)
	for id, want := range map[string]string{
		"db:2": "https://10.0.0.4:2379,https://[fd00::5]:2379", "db:5": "https://198.51.100.4:2379,https://198.51.100.5:2379",
	} {
		if got := b.juju.Bags[id+" etcd/0"]["connection_string"]; got != want {
			t.Errorf("%s is given %q, not %q", id, got, want)
		}
	}
}

// A consumer may read one unit's databag alone. One that joins publishes those that serve as soon
// as it knows them, though its snap is still being installed; to peers of the old charm it is no
// etcd yet.
func TestAUnitThatJoinsPublishesTheOthersToClients(t *testing.T) {
	b := related(t)
	b.machine.keys.CA = "" // comes to the disk with the snap
	b.machine.outcome = v1alpha1.OutcomeInProgress
	s := served()
	s.TLS.CABundle = "bundle"
	s.Clients.Endpoints = []string{"https://10.0.0.5:2379"}
	b.reconcile(s)
	if bag := b.juju.Bags["db:2 etcd/0"]; bag["connection_string"] != "https://10.0.0.5:2379" || bag["client_ca"] != "bundle" || bag["client_key"] == "" {
		t.Errorf("publishes %v", bag)
	}
	b.machine.outcome = v1alpha1.OutcomeApplied
	b.reconcile(s)
	if address := b.juju.Bags["cluster:0 etcd/0"]["db-ingress-address"]; address != "" {
		t.Errorf("to its peers it is an etcd at %s", address)
	}
}

// A unit that leaves publishes the others until each relation with clients has ended, and never
// nothing.
func TestAUnitThatLeavesPublishesTheOthersToClients(t *testing.T) {
	b := related(t)
	s := served()
	s.Etcd.Name = "etcd0"
	s.Clients.Relations = map[string][]string{"db:5": {"https://198.51.100.4:2379", "https://198.51.100.5:2379"}}
	b.juju.Networks["db db:5"] = `{"bind-addresses":[{"addresses":[{"value":"10.0.0.4"}]}],"ingress-addresses":["198.51.100.4"]}`
	b.reconcile(s)
	published := func(when string, want map[string]string) {
		t.Helper()
		for id, list := range want {
			bag := b.juju.Bags[id+" etcd/0"]
			if got := bag["connection_string"] + bag["cluster"]; got != list || bag["client_key"] == "" {
				t.Errorf("%s, %s is given %q, want %q", when, id, got, list)
			}
		}
	}
	all := map[string]string{"db:2": "https://10.0.0.4:2379,https://[fd00::5]:2379", "db:5": "https://198.51.100.4:2379,https://198.51.100.5:2379"}
	others := map[string]string{"db:2": "https://[fd00::5]:2379", "db:5": "https://198.51.100.5:2379", "proxy:3": "etcd1=https://[fd00::5]:2380"}

	b.juju.Goal = `{"units":{"etcd/0":{"status":"active"}}}`
	b.hook("db-relation-departed", "JUJU_RELATION_ID=db:2", "JUJU_DEPARTING_UNIT=client/0")
	published("a client leaves", all)
	b.hook("cluster-relation-departed", "JUJU_RELATION_ID=cluster:0", "JUJU_DEPARTING_UNIT=etcd/1")
	published("a peer leaves", all)
	b.hook("proxy-relation-broken", "JUJU_RELATION_ID=proxy:9")
	published("a relation ends", all)

	b.juju.Goal = `{"units":{"etcd/0":{"status":"dying"}}}`
	b.hook("db-relation-departed", "JUJU_RELATION_ID=db:2", "JUJU_DEPARTING_UNIT=etcd/0")
	published("it leaves", others)
	b.hook("db-relation-broken", "JUJU_RELATION_ID=db:2")
	published("it has left one relation", map[string]string{"db:5": others["db:5"], "proxy:3": others["proxy:3"]})
	b.juju.Calls = nil
	b.hook("stop")
	if writes := strings.Join(b.juju.Writes(), "\n"); strings.Contains(writes, "relation-set") {
		t.Errorf("the hook stop wrote %s", writes)
	}

	b = related(t)
	s = served()
	s.Clients.Endpoints = []string{"https://10.0.0.4:2379"}
	b.reconcile(s)
	b.hook("db-relation-departed", "JUJU_RELATION_ID=db:2", "JUJU_DEPARTING_UNIT=etcd/0")
	if got := b.juju.Bags["db:2 etcd/0"]["connection_string"]; got != "https://10.0.0.4:2379" {
		t.Errorf("the last of all publishes %q", got)
	}
}

// A unit may hear nothing of a peer's end on Juju 4.0: to its hooks the dead one is in the
// relation, with all that it has written. So nothing is taken from there: who is alive, and where,
// is the controller's word.
func TestNothingIsTakenFromPeersDatabags(t *testing.T) {
	b := related(t)
	b.juju.Leader = true
	b.juju.Members["cluster:0"] = []string{"etcd/1", "etcd/2"}
	b.juju.Bags["cluster:0 etcd/2"] = map[string]string{"db-ingress-address": "10.0.0.6", "facts": `{"protocol":2}`}
	b.juju.Goal = `{"units":{"etcd/0":{"status":"active"}}}`
	b.reconcile(served())
	before := b.juju.Bags["db:2 etcd/0"]["connection_string"]
	var calls []charmtest.Call
	for _, hook := range []string{"cluster-relation-joined", "cluster-relation-changed", "cluster-relation-departed", "db-relation-changed",
		"certificates-relation-changed", "config-changed", "leader-elected", "start", "update-status", "upgrade-charm"} {
		b.hook(hook, "JUJU_RELATION_ID=cluster:0", "JUJU_REMOTE_UNIT=etcd/2")
		calls = append(calls, b.juju.Calls...)
	}
	b.reconcile(served())
	for _, c := range append(calls, b.juju.Calls...) {
		if strings.Contains(c.Line, "relation-list") && strings.Contains(c.Line, "cluster:0") ||
			strings.Contains(c.Line, "relation-get") && strings.Contains(c.Line, "cluster:0") && (strings.Contains(c.Line, "etcd/1") || strings.Contains(c.Line, "etcd/2")) {
			t.Errorf("ran %s", c.Line)
		}
	}
	if after := b.juju.Bags["db:2 etcd/0"]["connection_string"]; after != before {
		t.Errorf("clients are given %s, and were given %s", after, before)
	}
}
