package etcdops_test

import (
	"testing"

	"jujuetcd.io/pkg/etcdops"
)

// change returns the view with the health of one member changed.
func change(v etcdops.View, id etcdops.MemberID, f func(*etcdops.EndpointHealth)) etcdops.View {
	health := map[string]etcdops.EndpointHealth{}
	for url, h := range v.Health {
		if m, _ := v.Member(id); len(m.ClientURLs) > 0 && m.ClientURLs[0] == url {
			f(&h)
		}
		health[url] = h
	}
	v.Health = health
	return v
}

func TestUnitWordsAreTheCharmsWithTheReason(t *testing.T) {
	three := world{voters: ups(3, 0)}.view()
	oneDown := world{voters: ups(3, 1)}.view()
	learner := world{voters: ups(2, 0), learners: []bool{true}}.view()
	noLeader := etcdops.View{Err: "no leader", Health: map[string]etcdops.EndpointHealth{
		"https://127.0.0.1:2379": {Answered: true, Fault: etcdops.FaultNoLeader},
		"https://127.0.0.2:2379": {Fault: etcdops.FaultRefused},
	}}
	tls := change(three, 1, func(h *etcdops.EndpointHealth) {
		h.Serves, h.Fault, h.Detail = true, etcdops.FaultTLS, "certificate signed by unknown authority"
	})
	impostor := change(three, 1, func(h *etcdops.EndpointHealth) { h.MemberID = 0xff })
	behind := func(n uint64) etcdops.View {
		return change(learner, 3, func(h *etcdops.EndpointHealth) { h.AppliedIndex -= n })
	}
	unstarted := learner
	unstarted.Members = []etcdops.Member{learner.Members[0], learner.Members[1], {ID: 3, Learner: true, PeerURLs: []string{"https://127.0.0.3:2380"}}}
	unstarted.Health = nil
	one := etcdops.Ref{ID: 1}

	tests := []struct {
		name    string
		view    etcdops.View
		ref     etcdops.Ref
		phase   etcdops.Phase
		state   string
		message string
	}{
		{"healthy, one of one", world{voters: ups(1, 0)}.view(), one, "", etcdops.Active, "Healthy with 1 known peer"},
		{"healthy, one of three", three, one, "", etcdops.Active, "Healthy with 3 known peers"},
		{"found by name", three, etcdops.Ref{Name: "etcd2"}, "", etcdops.Active, "Healthy with 3 known peers"},
		{"found by client URL", three, etcdops.Ref{ClientURL: "https://127.0.0.2:2379"}, "", etcdops.Active, "Healthy with 3 known peers"},
		{"down", oneDown, one, "", etcdops.Blocked, "UnHealthy with 3 known peers: down (connection refused)"},
		{"others are unchanged", oneDown, etcdops.Ref{ID: 2}, "", etcdops.Active, "Healthy with 3 known peers"},
		{"only old connections", tls, one, "", etcdops.Blocked, "UnHealthy with 3 known peers: TLS handshake failed: certificate signed by unknown authority"},
		{"another member in its place", impostor, one, "", etcdops.Blocked, "UnHealthy with 3 known peers: foreign cluster ID: member 00000000000000ff answers instead"},
		{"not in the list", three, etcdops.Ref{ID: 9}, "", etcdops.Blocked, "UnHealthy with 3 known peers: not a member"},
		{"no quorum, it answers", noLeader, etcdops.Ref{ClientURL: "https://127.0.0.1:2379"}, "", etcdops.Blocked, "Errored with 0 known peers: no leader"},
		{"no quorum, it is down", noLeader, etcdops.Ref{ClientURL: "https://127.0.0.2:2379"}, "", etcdops.Blocked, "Errored with 0 known peers: down (connection refused)"},
		{"nothing known", etcdops.View{Err: "no endpoint is known"}, one, "", etcdops.Blocked, "Errored with 0 known peers: no endpoint is known"},
		{"preparing", etcdops.View{}, one, etcdops.PhasePreparing, etcdops.Maintenance, "preparing: snap, certificates and files"},
		{"starting", etcdops.View{}, one, etcdops.PhaseStarting, etcdops.Maintenance, "starting: waiting for a quorum"},
		{"started", three, one, etcdops.PhaseStarting, etcdops.Active, "Healthy with 3 known peers"},
		{"not added", three, etcdops.Ref{Name: "etcd7"}, etcdops.PhaseJoining, etcdops.Maintenance, "joining: not a member yet"},
		{"added", unstarted, etcdops.Ref{ID: 3}, etcdops.PhaseJoining, etcdops.Maintenance, "joining: added, waiting for etcd to start"},
		{"behind", behind(100), etcdops.Ref{ID: 3}, etcdops.PhaseJoining, etcdops.Maintenance, "joining: learner, 100 entries behind"},
		{"one behind", behind(1), etcdops.Ref{ID: 3}, "", etcdops.Maintenance, "joining: learner, 1 entry behind"},
		{"caught up", learner, etcdops.Ref{ID: 3}, etcdops.PhaseJoining, etcdops.Maintenance, "joining: learner, caught up"},
		{"joined", three, one, etcdops.PhaseJoining, etcdops.Active, "Healthy with 3 known peers"},
		{"restarting", oneDown, one, etcdops.PhaseRestarting, etcdops.Maintenance, "restarting: waiting for etcd to serve"},
		{"upgrading", oneDown, one, etcdops.PhaseUpgrading, etcdops.Maintenance, "upgrading: waiting for etcd to serve"},
		{"restarted", three, one, etcdops.PhaseRestarting, etcdops.Active, "Healthy with 3 known peers"},
		{"leaving", three, one, etcdops.PhaseLeaving, etcdops.Maintenance, "leaving: still a member"},
		{"left", three, etcdops.Ref{ID: 9}, etcdops.PhaseLeaving, etcdops.Maintenance, "leaving: no member any more"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, want := etcdops.UnitWords(test.view, test.ref, test.phase), (etcdops.Words{State: test.state, Message: test.message}); got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// TestALearnerIsCountedByItselfOnly: it is no news on the others.
func TestALearnerIsCountedByItselfOnly(t *testing.T) {
	v := world{voters: ups(2, 0), learners: []bool{true}}.view()
	for _, c := range []struct {
		name string
		own  etcdops.Ref
		want int
	}{{"nobody", etcdops.Ref{}, 2}, {"a voter", etcdops.Ref{ID: 1}, 2}, {"the learner", etcdops.Ref{ID: 3}, 3}} {
		if got := len(v.Counted(c.own).Members); got != c.want {
			t.Errorf("%s counts %d members, want %d", c.name, got, c.want)
		}
	}
	if len(v.Members) != 3 {
		t.Error("the view itself has changed")
	}
}

func TestApplicationWordsSayTheToleranceAndTheReason(t *testing.T) {
	units := []string{"etcd/1", "etcd/2", "etcd/3"}
	three := world{voters: ups(3, 0)}.view()
	twoAnswer := etcdops.View{Members: three.Members, Health: map[string]etcdops.EndpointHealth{
		"a": {Answered: true}, "b": {Answered: true}, "c": {},
	}}
	alarmed := change(three, 2, func(h *etcdops.EndpointHealth) { h.Fault, h.Detail = etcdops.FaultAlarm, "NOSPACE" })
	joining := world{voters: ups(2, 0), learners: []bool{true}}.view()
	unstarted := world{voters: ups(2, 0)}.view()
	unstarted.Members = append(unstarted.Members, etcdops.Member{ID: 3, Learner: true, PeerURLs: []string{"https://127.0.0.3:2380"}})

	tests := []struct {
		name    string
		view    etcdops.View
		units   []string
		step    string
		state   string
		message string
	}{
		{"one", world{voters: ups(1, 0)}.view(), units[:1], "", etcdops.Active, "1 member, can lose 0"},
		{"two", world{voters: ups(2, 0)}.view(), units[:2], "", etcdops.Active, "2 members, can lose 0"},
		{"three", three, units, "", etcdops.Active, "3 members, can lose 1"},
		{"five", world{voters: ups(5, 0)}.view(), nil, "", etcdops.Active, "5 members, can lose 2"},
		{"one of three down", world{voters: ups(3, 1)}.view(), units, "", etcdops.Active, "2 of 3 healthy, can lose 0: etcd/1 is down (connection refused)"},
		{"two of five down", world{voters: ups(5, 2)}.view(), nil, "", etcdops.Active,
			"3 of 5 healthy, can lose 0: member etcd1 is down (connection refused); member etcd2 is down (connection refused)"},
		{"alarm", alarmed, units, "", etcdops.Active, "2 of 3 healthy, can lose 1: etcd/2: alarm NOSPACE"},
		{"step", three, units, "restarting etcd/2", etcdops.Active, "3 members, can lose 1: restarting etcd/2"},
		{"step with a fault", world{voters: ups(3, 1)}.view(), units, "restarting etcd/1", etcdops.Active,
			"2 of 3 healthy, can lose 0: etcd/1 is down (connection refused); restarting etcd/1"},
		{"a unit that is no member", world{voters: ups(2, 0)}.view(), units, "", etcdops.Active, "2 members, can lose 0: etcd/3 is not a member"},
		{"a learner", joining, units, "", etcdops.Active, "2 members, can lose 0: etcd/3 is a learner"},
		{"an unstarted learner", unstarted, units, "", etcdops.Active, "2 members, can lose 0: member 0000000000000003 at https://127.0.0.3:2380 has not started"},
		{"a member without a unit", three, units[:2], "", etcdops.Active, "3 members, can lose 1: member etcd3 has no unit"},
		{"no quorum, two of three", twoAnswer, units, "", etcdops.Blocked, "no quorum: 2 of 3 answer"},
		{"no quorum, one of three", etcdops.View{Health: map[string]etcdops.EndpointHealth{"a": {Answered: true}}}, units, "", etcdops.Blocked, "no quorum: 1 of 3 answers"},
		{"nobody answers", etcdops.View{}, units, "", etcdops.Blocked, "no quorum: 0 of 3 answer"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, want := etcdops.ApplicationWords(test.view, test.units, test.step), (etcdops.Words{State: test.state, Message: test.message}); got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestWordsBeforeTheFirstReconcile(t *testing.T) {
	tests := []struct{ got, want etcdops.Words }{
		{etcdops.MissingAuthorityWords(), etcdops.Words{State: "blocked", Message: "Missing relation to certificate authority."}},
		{etcdops.WaitingForControllerWords("admin/prod"),
			etcdops.Words{State: "waiting", Message: "Waiting for the jujuetcd controller (jujuetcd run --model admin/prod)"}},
		{etcdops.WaitingForControllerWords(""),
			etcdops.Words{State: "waiting", Message: "Waiting for the jujuetcd controller (jujuetcd run --model <model>)"}},
		{etcdops.WaitingForCertificateWords("CA", "server certificate"),
			etcdops.Words{State: "waiting", Message: "Waiting for the certificate authority: no CA, no server certificate yet"}},
		{etcdops.InstallingWords(), etcdops.Words{State: "maintenance", Message: "Installing etcd."}},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("got  %+v\nwant %+v", test.got, test.want)
		}
	}
}

func TestTheWorseWordsWinAndHealthHealsByItself(t *testing.T) {
	healthy := etcdops.Words{State: etcdops.Active, Message: "Healthy with 3 known peers"}
	down := etcdops.Words{State: etcdops.Blocked, Message: "UnHealthy with 3 known peers: down (connection refused)"}
	errored := etcdops.Words{State: etcdops.Blocked, Message: "Errored with 0 known peers: no leader"}
	missing := etcdops.MissingAuthorityWords()
	waiting := etcdops.WaitingForControllerWords("m")
	joining := etcdops.Words{State: etcdops.Maintenance, Message: "joining: learner, caught up"}

	for _, test := range []struct{ a, b, want etcdops.Words }{
		{healthy, down, down}, {down, healthy, down}, {healthy, waiting, waiting}, {joining, waiting, joining},
		{joining, down, down}, {missing, down, missing}, {healthy, healthy, healthy},
	} {
		if got := etcdops.Worse(test.a, test.b); got != test.want {
			t.Errorf("Worse(%v, %v) = %v, want %v", test.a, test.b, got, test.want)
		}
	}
	for _, test := range []struct{ last, local, want etcdops.Words }{
		{healthy, down, down},       // falls ill while the controller is away
		{down, healthy, healthy},    // heals while it is away
		{joining, healthy, healthy}, // was promoted, and the controller went away before it said so
		{missing, healthy, missing}, // is not about etcd's health
		{waiting, errored, errored},
	} {
		if got := etcdops.Shown(test.last, test.local); got != test.want {
			t.Errorf("Shown(%v, %v) = %v, want %v", test.last, test.local, got, test.want)
		}
	}
}

// Sentences of a status fit on a line of juju status, whoever's text is in them.
func TestOneLine(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"a sentence.", 20, "a sentence."},
		{"two\nlines \t and\x1b[31m a colour", 60, "two lines and a colour"},
		{"too long a sentence", 10, "too lon…"},
		{"äääääää", 10, "äää…"},
	} {
		if got := etcdops.OneLine(c.text, c.limit); got != c.want || len(got) > c.limit {
			t.Errorf("%q became %q, want %q", c.text, got, c.want)
		}
	}
}
