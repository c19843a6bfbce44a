package machine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/machine/record"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/test/etcdtest"
)

func healthy(up ...etcdops.MemberID) etcdops.View {
	v := etcdops.View{Listed: true, Health: map[string]etcdops.EndpointHealth{}}
	for _, id := range []etcdops.MemberID{ownMember, 0xb2, 0xb3} {
		url := "https://" + id.String()
		v.Members = append(v.Members, etcdops.Member{ID: id, Name: "n" + id.String(), ClientURLs: []string{url}, PeerURLs: []string{url}})
		serves := slices.Contains(up, id)
		h := etcdops.EndpointHealth{Endpoint: url, MemberID: id, ClusterID: ownCluster, Leader: ownMember, Answered: serves, Serves: serves}
		if !serves {
			h.Fault = etcdops.FaultRefused
		}
		v.Health[url] = h
	}
	return v
}

func TestRestartIsAllowedGuardedAndLocked(t *testing.T) {
	w := newWorld(t)
	w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
	w.calls = nil
	slow := w.member()
	slow.Etcd.ElectionTimeoutMs = 5000
	status := w.apply(slow, 2, v1alpha1.OutcomeApplied, "")
	if !status.RestartPending || !status.Facts.RestartPending || len(w.calls) != 0 {
		t.Fatalf("without permission: %+v, did %v", status, w.calls)
	}
	slow.Delivery.AllowRestart = true
	w.view = healthy(ownMember, 0xb2)
	w.apply(slow, 3, v1alpha1.OutcomeFailed, v1alpha1.ReasonQuorumGuard)
	w.view = etcdops.View{}
	w.apply(slow, 4, v1alpha1.OutcomeFailed, v1alpha1.ReasonQuorumGuard)
	w.locked = true
	w.view = healthy(ownMember, 0xb2, 0xb3)
	status = w.apply(slow, 5, v1alpha1.OutcomeFailed, v1alpha1.ReasonQuorumGuard)
	if !strings.Contains(status.Message, "etcd/9 holds the lock") {
		t.Errorf("message: %s", status.Message)
	}
	w.locked = false
	if slices.Contains(w.calls, "restart") {
		t.Fatalf("restarted against the guard: %v", w.calls)
	}
	w.calls = nil
	pid := w.pid
	status = w.apply(slow, 6, v1alpha1.OutcomeApplied, "")
	if diff := cmp.Diff([]string{"look locked=true", "restart"}, w.calls); diff != "" || w.pid == pid || w.locked {
		t.Errorf("%s, locked %v", diff, w.locked)
	}
	if status.RestartPending || status.Facts.RestartPending {
		t.Errorf("still pending: %+v", status)
	}
	w.calls = nil
	w.apply(slow, 7, v1alpha1.OutcomeApplied, "")
	if len(w.calls) != 0 {
		t.Errorf("restarted twice: %v", w.calls)
	}
}

// An agent that is stopped between its look under the lock and the restart does not stop etcd when
// it goes on: the lock is somebody else's by then. So too when the lease still runs, but not for as
// long as a restart may take that outlives its agent.
func TestRestartIsNotBegunByAnAgentThatWasStopped(t *testing.T) {
	for _, test := range []struct {
		name     string
		stopped  time.Duration
		restarts bool
	}{
		{"for a moment", time.Second, true},
		{"until too little of the lease was left", 30 * time.Second, false},
		{"until the lease was over", time.Hour, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
			w.view = healthy(ownMember, 0xb2, 0xb3)
			w.calls, w.stopped = nil, test.stopped
			slow := w.member()
			slow.Etcd.ElectionTimeoutMs = 5000
			slow.Delivery.AllowRestart = true
			if test.restarts {
				w.apply(slow, 2, v1alpha1.OutcomeApplied, "")
			} else {
				status := w.apply(slow, 2, v1alpha1.OutcomeFailed, v1alpha1.ReasonQuorumGuard)
				if !status.RestartPending || !strings.Contains(status.Message, "cannot restart etcd: the time of the lock's lease is over") {
					t.Errorf("%+v", status)
				}
			}
			if got := slices.Contains(w.calls, "restart"); got != test.restarts || w.locked {
				t.Errorf("restarted %t, want %t; the lock is held: %t", got, test.restarts, w.locked)
			}
		})
	}
}

func TestRestartHappensOnceWhereverItIsKilled(t *testing.T) {
	for effect := 1; ; effect++ {
		w := newWorld(t)
		w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
		w.view = healthy(ownMember, 0xb2, 0xb3)
		w.calls = nil
		slow := w.member()
		slow.Etcd.ElectionTimeoutMs = 5000
		slow.Delivery.AllowRestart = true
		ended := w.applyUntil(slow, 2, effect)
		status := w.apply(slow, 2, v1alpha1.OutcomeApplied, "")
		restarts := len(slices.DeleteFunc(slices.Clone(w.calls), func(c string) bool { return c != "restart" }))
		if restarts != 1 || status.RestartPending || status.Facts.RestartPending {
			t.Errorf("killed after effect %d: %d restarts, %+v", effect, restarts, status)
		}
		if ended {
			return
		}
	}
}

func TestRestartBySystemdTakesUpTheNewConfiguration(t *testing.T) {
	w := newWorld(t)
	w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
	slow := w.member()
	slow.Etcd.ElectionTimeoutMs = 5000
	w.apply(slow, 2, v1alpha1.OutcomeApplied, "")
	w.mu.Lock()
	w.startEtcd() // it crashed, and is back
	w.show()
	w.mu.Unlock()
	if status := w.apply(slow, 3, v1alpha1.OutcomeApplied, ""); status.RestartPending || status.Facts.RestartPending {
		t.Errorf("a restart is pending that has happened: %+v", status)
	}
}

func TestACrashedMemberIsLeftToSystemd(t *testing.T) {
	w := newWorld(t)
	w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
	w.apply(w.member(), 2, v1alpha1.OutcomeApplied, "")
	w.mu.Lock()
	w.running, w.crashes = false, true
	w.show()
	before := len(w.calls)
	w.mu.Unlock()
	shown := w.member()
	shown.Status.Unit = v1alpha1.StatusText{State: "blocked", Message: "UnHealthy with 3 known peers: down (connection refused)"}
	w.apply(shown, 3, v1alpha1.OutcomeApplied, "")
	if calls := w.calls[before:]; len(calls) > 0 {
		t.Errorf("a member in its 10 s was meddled with: %v", calls)
	}
}

func TestNewAuthorityIsARestartAndNewLeafIsNone(t *testing.T) {
	w := newWorld(t)
	w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
	w.leaf = w.ca.Issue(t, "etcd-0", "10.0.0.1")
	status := w.apply(w.member(), 2, v1alpha1.OutcomeApplied, "")
	if status.RestartPending || !slices.Contains(status.Changed, "/var/snap/etcd/common/server.crt") {
		t.Errorf("new leaf: %+v", status)
	}
	spec := w.member()
	spec.TLS.CABundle += string(etcdtest.NewCA(t).PEM)
	if status = w.apply(spec, 3, v1alpha1.OutcomeApplied, ""); !status.RestartPending {
		t.Errorf("new authority: %+v", status)
	}
	spec.TLS.CABundle = string(etcdtest.NewCA(t).PEM)
	before := w.read("var/snap/etcd/common/ca.crt")
	w.apply(spec, 4, v1alpha1.OutcomeFailed, v1alpha1.ReasonNoCertificate)
	if w.read("var/snap/etcd/common/ca.crt") != before {
		t.Error("the authority of the leaf in use was forgotten")
	}
}

// TestFactsTellWhomTheProcessTrusts: it is what it read when it was started, whatever is on disk
// since, also where its start was recorded by an agent that did not record that.
func TestFactsTellWhomTheProcessTrusts(t *testing.T) {
	further := string(etcdtest.NewCA(t).PEM)
	for name, older := range map[string]bool{"recorded": false, "recorded by an agent of before": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first := w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "").Facts.Certificates.CA
			if older {
				w.forgetAuthorities()
			}
			trusts := func(what string, status v1alpha1.EtcdUnitStatus, disk, process []string) {
				t.Helper()
				if f := status.Facts; !slices.Equal(f.Certificates.CA, disk) || f.Running == nil || !slices.Equal(f.Running.CA, process) {
					t.Errorf("%s: on disk %v, and the process has read %+v, not %v and %v", what, f.Certificates.CA, f.Running, disk, process)
				}
			}
			trusts("at first", w.apply(w.member(), 2, v1alpha1.OutcomeApplied, ""), first, first)
			if older {
				w.forgetAuthorities()
			}
			spec := w.member()
			spec.TLS.CABundle += further
			both := append(slices.Clone(first), pki.Fingerprints(further)...)
			trusts("one more", w.apply(spec, 3, v1alpha1.OutcomeApplied, ""), both, first)
			if older {
				w.forgetAuthorities()
				trusts("one more, handed out by an agent of before", w.apply(spec, 3, v1alpha1.OutcomeApplied, ""), both, nil)
				first = nil
			}
			left := w.member()
			left.TLS.CABundle = "" // as it is
			trusts("and nothing handed out", w.apply(left, 4, v1alpha1.OutcomeApplied, ""), both, first)
			w.mu.Lock()
			w.startEtcd()
			w.show()
			w.mu.Unlock()
			trusts("after a restart", w.apply(left, 5, v1alpha1.OutcomeApplied, ""), both, both)
		})
	}
}

// forgetAuthorities takes from the record what an agent of before would not have written.
func (w *world) forgetAuthorities() {
	w.t.Helper()
	store := record.Store{Path: w.path("var/lib/jujuetcd/etcd-0/applied.json"), Disk: &durable.Disk{}}
	r, err := store.Load()
	if err != nil {
		w.t.Fatal(err)
	}
	r.Config.Reads.CA, r.Process.Read.CA = nil, nil
	if _, err := store.Save(r); err != nil {
		w.t.Fatal(err)
	}
}
