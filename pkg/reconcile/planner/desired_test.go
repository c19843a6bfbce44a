package planner_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

func hashes(o observation.Observation) map[string]string {
	m := map[string]string{}
	for _, u := range o.Units {
		spec := planner.Desired(o, u.Name)
		m[u.Name] = spec.Hash()
	}
	return m
}

// changed are the units whose desired state differs between two observations.
func changed(a, b observation.Observation) string {
	before, after := hashes(a), hashes(b)
	var list []string
	for u, h := range after {
		if before[u] != h {
			list = append(list, u)
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func TestOneUnitsTroubleChangesItsOwnSpecAndTheLeadersOnly(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(o *observation.Observation)
		want string
	}{
		{"a member is down", func(o *observation.Observation) { down(o, 2, time.Second) }, "etcd/0, etcd/2"},
		{"the leader's member is down", func(o *observation.Observation) { down(o, 0, time.Second) }, "etcd/0"},
		{"a member lags", func(o *observation.Observation) {
			h := o.Etcd.Health[url(1)]
			h.Fault, h.Detail = etcdops.FaultLagging, "4711 entries behind"
			o.Etcd.Health[url(1)] = h
		}, "etcd/0, etcd/1"},
		{"its data is lost, too: its member will go, and clients hear of that first",
			func(o *observation.Observation) { down(o, 2, time.Second); o.Units[2].Facts.Member.Present = false }, "etcd/0, etcd/1, etcd/2"},
		{"a unit is added", join, "etcd/0, etcd/3"},
		{"a unit joins", func(o *observation.Observation) { join(o); learn(o, 100) }, "etcd/0, etcd/3"},
		{"time passes", func(o *observation.Observation) { o.Now = o.Now.Add(time.Hour) }, ""},
		{"figures change", func(o *observation.Observation) {
			for u, h := range o.Etcd.Health {
				h.RaftIndex, h.AppliedIndex, h.Revision, h.DBSize, h.RaftTerm = 2000000, 2000000, 9, 99, 7
				o.Etcd.Health[u] = h
			}
		}, ""},
		{"another process claims", func(o *observation.Observation) { o.Claimed = 0 }, ""},
		{"etcd elects another leader", func(o *observation.Observation) {
			for u, h := range o.Etcd.Health {
				h.Leader = id(1)
				o.Etcd.Health[u] = h
			}
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := settled(3)
			after := planner.Clone(before)
			c.do(&after)
			if got := changed(before, after); got != c.want {
				t.Errorf("changed: %q, want %q", got, c.want)
			}
		})
	}
}

func TestALagThatGrowsIsNoNews(t *testing.T) {
	lag := func(detail string) observation.Observation {
		o := settled(3)
		h := o.Etcd.Health[url(1)]
		h.Fault, h.Detail = etcdops.FaultLagging, detail
		o.Etcd.Health[url(1)] = h
		return o
	}
	if got := changed(lag("1001 entries behind"), lag("2002 entries behind")); got != "" {
		t.Errorf("changed: %s", got)
	}
}

func TestDesiredOfAMember(t *testing.T) {
	o := settled(3)
	o.Units[2].Dying = true
	s := planner.Desired(o, "etcd/1")
	if s.Etcd.Initial != nil || s.Service.State != v1alpha1.ServiceRunning || s.Etcd.Name != "etcd1" || s.Etcd.DataDir != v1alpha1.DataDir {
		t.Errorf("etcd: %+v, service %s", s.Etcd, s.Service.State)
	}
	if !slices.Equal(s.OpenPorts, []int32{2379}) || !slices.Equal(s.Clients.Endpoints, []string{url(0), url(1)}) || s.Clients.Version != "3.6.16" {
		t.Errorf("ports %v, clients %+v", s.OpenPorts, s.Clients)
	}
	d := s.Delivery
	if d.Epoch != epochA || d.ExpectMemberID != id(1).String() || d.ExpectClusterID != clusterID.String() || d.AllowRestart || d.AllowReset {
		t.Errorf("delivery: %+v", d)
	}
	if s.Status.Application != nil || s.Status.Unit.Message != "Healthy with 3 known peers" {
		t.Errorf("status: %+v", s.Status)
	}
	if app := planner.Desired(o, "etcd/0").Status.Application; app == nil || app.Message != "3 members, can lose 1" {
		t.Errorf("application: %+v", app)
	}
}

func TestDesiredListensWhereTheOptionsSay(t *testing.T) {
	o := virgin(1)
	o.Units[0].Facts.Addresses = v1alpha1.UnitAddresses{Peer: "fd00::1", PeerBind: "fd00::2", Client: "10.0.0.1", ClientBind: "10.1.0.1"}
	s := planner.Desired(o, "etcd/0").Etcd
	if s.ListenPeerURLs[0] != "https://[::]:2380" || s.ListenClientURLs[0] != "https://0.0.0.0:2379" || s.AdvertisePeerURLs[0] != "https://[fd00::1]:2380" {
		t.Errorf("all interfaces: %+v", s)
	}
	o.Options.BindToAllInterfaces, o.Options.Port, o.Options.ManagementPort = false, 4001, 4002
	s = planner.Desired(o, "etcd/0").Etcd
	if s.ListenPeerURLs[0] != "https://[fd00::2]:4002" || s.ListenClientURLs[0] != "https://10.1.0.1:4001" || s.AdvertiseClientURLs[0] != "https://10.0.0.1:4001" {
		t.Errorf("bound: %+v", s)
	}
}

// TestOptionsReachEtcdsConfigurationUnderTheirOwnNames: what both ClusterOptions and EtcdSpec have
// is handed on. Numbers of 32 bits and lists are not: the pair and the suites are checked against
// the cluster first.
func TestOptionsReachEtcdsConfigurationUnderTheirOwnNames(t *testing.T) {
	o := running(3)
	given, n := reflect.ValueOf(&o.Options).Elem(), 0
	for _, f := range reflect.VisibleFields(reflect.TypeFor[v1alpha1.EtcdSpec]()) {
		switch option := given.FieldByName(f.Name); option.Kind() {
		case reflect.Int64:
			option.SetInt(8 << 30)
		case reflect.String:
			option.SetString("any")
		default:
			continue
		}
		n++
		spec := planner.Desired(o, "etcd/1").Etcd
		got := reflect.ValueOf(spec).FieldByName(f.Name)
		if !got.Equal(given.FieldByName(f.Name)) {
			t.Errorf("%s is %v in the spec", f.Name, got)
		}
	}
	if n < 6 {
		t.Errorf("only %d options were tried", n)
	}
}

func TestAMemberThatWasRemovedIsResetAndNamesWhoIsLeft(t *testing.T) {
	o := settled(3)
	join(&o)
	o.Units[3].Facts.Member = v1alpha1.MemberFacts{Started: true, MemberID: "00000000000000ff", ClusterID: clusterID.String()}
	d := planner.Desired(o, "etcd/3").Delivery
	if !d.AllowReset || !slices.Equal(d.Members, []string{id(0).String(), id(1).String(), id(2).String()}) {
		t.Errorf("delivery: %+v", d)
	}
	expect(t, o, want{planner.StepPrepare, "etcd/3", false, ""})
	o.Units[2].Facts.Member.Present = false
	down(&o, 2, time.Minute)
	for i := range 3 {
		if d := planner.Desired(o, o.Units[i].Name).Delivery; d.AllowReset {
			t.Errorf("%s may be reset", o.Units[i].Name)
		}
	}
}

func TestJoinersInstallWhatTheMembersHave(t *testing.T) {
	o := settled(3)
	for i := range o.Units {
		o.Units[i].Facts.Snap.Channel = "3.5/stable"
	}
	join(&o)
	o.Units[3].Facts.Snap = nil
	o.Options.Channel = "3.6/stable"
	for _, u := range o.Units {
		if got := planner.Desired(o, u.Name).Snap.Channel; got != "3.5/stable" {
			t.Errorf("%s installs %s", u.Name, got)
		}
	}
}
