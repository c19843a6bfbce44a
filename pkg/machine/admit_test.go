package machine_test

import (
	"math"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/machine/record"
)

// judged is what a case of TestAdmit may change.
type judged struct {
	spec *v1alpha1.EtcdUnitSpec
	s    machine.Situation
	seen machine.Seen
}

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// applied is a record of an earlier delivery of the daemon.
func (j *judged) applied(action int64) {
	j.seen.Record.Epoch, j.seen.Record.Action = epoch(4, "d"), action
}

// holds is a data directory with a member in it.
func (j *judged) holds(member, cluster string) {
	j.seen.Present, j.seen.Member, j.seen.Cluster, j.seen.DataDir = true, member, cluster, machine.DataDir
}

func (j *judged) initial(state v1alpha1.InitialState) {
	j.spec.Service.State = v1alpha1.ServiceRunning
	j.spec.Etcd.Initial = &v1alpha1.InitialCluster{Token: "token", State: state}
	for _, s := range seeds().Members {
		j.spec.Etcd.Initial.Members = append(j.spec.Etcd.Initial.Members, v1alpha1.NamedMember{Name: s.Name, PeerURL: s.PeerURL})
	}
}

func epoch(n int64, holder string) v1alpha1.Epoch { return v1alpha1.Epoch{Number: n, Holder: holder} }

func TestAdmit(t *testing.T) {
	const mine, other, c1, c2 = "00000000000000a1", "00000000000000b2", "00000000000000c1", "00000000000000c2"
	for _, tt := range []struct {
		name   string
		change func(j *judged)
		want   string // reason, empty: admitted
	}{
		{"first delivery", func(*judged) {}, ""},
		{"for another unit", func(j *judged) { j.spec.Unit = "etcd/1" }, v1alpha1.ReasonOtherUnit},
		{"for another model", func(j *judged) { j.spec.ModelUUID = "other" }, v1alpha1.ReasonOtherUnit},
		{"at the last moment", func(j *judged) { j.spec.Delivery.NotAfter = metav1.NewTime(now) }, ""},
		{"late", func(j *judged) { j.spec.Delivery.NotAfter = metav1.NewTime(now.Add(-time.Second)) }, v1alpha1.ReasonLate},
		{"late, though it is the same task", func(j *judged) {
			j.applied(8)
			j.spec.Delivery.NotAfter = metav1.NewTime(now.Add(-time.Second))
		}, v1alpha1.ReasonLate},
		{"bad", func(j *judged) { j.spec.Etcd.Name = "" }, v1alpha1.ReasonBadSpec},
		{"a line break in a path", func(j *judged) { j.spec.Etcd.DataDir = "/data\n[Service]" }, v1alpha1.ReasonBadSpec},
		{"a line break in a name", func(j *judged) { j.spec.Etcd.Name = "a\rb" }, v1alpha1.ReasonBadSpec},
		{"a command in a URL", func(j *judged) { j.spec.Etcd.AdvertiseClientURLs = []string{"https://$(id):2379"} }, v1alpha1.ReasonBadSpec},

		{"same task again", func(j *judged) { j.applied(8) }, ""},
		{"later task", func(j *judged) { j.applied(7) }, ""},
		{"earlier task", func(j *judged) { j.applied(9) }, v1alpha1.ReasonOlderAction},
		{"earlier task of a newer epoch", func(j *judged) {
			j.applied(9)
			j.spec.Delivery.Epoch = epoch(5, "e")
			j.s.Latch.Epoch = &v1alpha1.Epoch{Number: 5, Holder: "e"}
		}, ""},
		{"epoch older than the latch", func(j *judged) { j.s.Latch.Epoch = &v1alpha1.Epoch{Number: 5, Holder: "e"} }, v1alpha1.ReasonOlderEpoch},
		// Who leads is what the latch says: an epoch that was recorded beyond it leads nobody, and
		// bars nobody.
		{"a recorded epoch above the latch's", func(j *judged) { j.seen.Record.Epoch = epoch(math.MaxInt64, "evil") }, ""},
		{"a recorded epoch above the latch's, of a later task", func(j *judged) {
			j.seen.Record.Epoch, j.seen.Record.Action = epoch(math.MaxInt64, "evil"), 9
		}, v1alpha1.ReasonOlderAction},
		{"a claim after a recorded epoch above the latch's", func(j *judged) {
			j.seen.Record.Epoch = epoch(math.MaxInt64, "evil")
			j.spec.Delivery.Epoch = epoch(5, "e")
			j.spec.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{From: j.s.Latch.Epoch}}
		}, ""},
		{"epoch newer than the latch, without a claim", func(j *judged) { j.spec.Delivery.Epoch = epoch(5, "d") }, v1alpha1.ReasonForeignHolder},
		{"the last epoch of all, without a claim", func(j *judged) { j.spec.Delivery.Epoch = epoch(math.MaxInt64, "evil") }, v1alpha1.ReasonForeignHolder},
		{"epoch newer than the latch, with another request than a claim", func(j *judged) {
			j.spec.Delivery.Epoch = epoch(5, "d")
			j.spec.Latch = &v1alpha1.LatchRequest{ClusterID: c1}
		}, v1alpha1.ReasonForeignHolder},
		{"no latch yet, and no claim", func(j *judged) { j.s.Latch = v1alpha1.Latch{} }, v1alpha1.ReasonForeignHolder},
		{"the first claim", func(j *judged) {
			j.s.Latch.Epoch, j.spec.Delivery.Epoch = nil, epoch(1, "d")
			j.spec.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{}}
		}, ""},
		{"a claim by a small step", func(j *judged) {
			j.spec.Delivery.Epoch = epoch(4+v1alpha1.MaxClaimStep, "e")
			j.spec.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{From: j.s.Latch.Epoch}}
		}, ""},
		{"a claim by a long step", func(j *judged) {
			j.spec.Delivery.Epoch = epoch(5+v1alpha1.MaxClaimStep, "e")
			j.spec.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{From: j.s.Latch.Epoch}}
		}, v1alpha1.ReasonLatchDiffers},
		{"a first claim by a long step", func(j *judged) {
			j.s.Latch.Epoch, j.spec.Delivery.Epoch = nil, epoch(math.MaxInt64, "evil")
			j.spec.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{}}
		}, v1alpha1.ReasonLatchDiffers},
		{"same epoch, another holder than the latch's", func(j *judged) { j.spec.Delivery.Epoch.Holder = "x" }, v1alpha1.ReasonForeignHolder},
		{"same epoch, another holder than what was applied", func(j *judged) {
			j.s.Latch.Epoch = nil
			j.seen.Record.Epoch = epoch(4, "x")
		}, v1alpha1.ReasonForeignHolder},

		{"latch request on another unit than the leader's", func(j *judged) {
			j.spec.Latch, j.s.Leader = &v1alpha1.LatchRequest{ClusterID: c1}, false
		}, v1alpha1.ReasonNotLeader},
		{"latch request", func(j *judged) { j.spec.Latch = &v1alpha1.LatchRequest{ClusterID: c1} }, ""},
		{"latch request against the latch", func(j *judged) {
			j.spec.Latch, j.s.Latch.ClusterID = &v1alpha1.LatchRequest{ClusterID: c1}, c2
		}, v1alpha1.ReasonLatchDiffers},
		{"claim", func(j *judged) {
			j.spec.Delivery.Epoch = epoch(5, "e")
			j.spec.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{From: j.s.Latch.Epoch}}
		}, ""},
		{"claim that was granted already", func(j *judged) {
			j.spec.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{From: &v1alpha1.Epoch{Number: 3, Holder: "c"}}}
		}, ""},
		{"claim from another epoch than the latch's", func(j *judged) {
			j.spec.Delivery.Epoch = epoch(5, "e")
			j.spec.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{From: &v1alpha1.Epoch{Number: 3, Holder: "c"}}}
		}, v1alpha1.ReasonLatchDiffers},
		{"claim of the latch's number by another daemon", func(j *judged) {
			j.spec.Delivery.Epoch = epoch(4, "e")
			j.spec.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{From: j.s.Latch.Epoch}}
		}, v1alpha1.ReasonLatchDiffers},

		{"claim of a number that another daemon's lost claim is recorded with", func(j *judged) {
			j.seen.Record.Epoch, j.seen.Record.Action = epoch(5, "x"), 7
			j.spec.Delivery.Epoch = epoch(5, "e")
			j.spec.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{From: j.s.Latch.Epoch}}
		}, ""},

		{"the expected member", func(j *judged) {
			j.holds(mine, c1)
			j.spec.Delivery.ExpectClusterID, j.spec.Delivery.ExpectMemberID = c1, mine
		}, ""},
		{"another cluster than expected", func(j *judged) {
			j.holds(mine, c1)
			j.spec.Delivery.ExpectClusterID = c2
		}, v1alpha1.ReasonOtherCluster},
		{"another cluster than latched", func(j *judged) {
			j.holds(mine, c1)
			j.s.Latch.ClusterID = c2
		}, v1alpha1.ReasonOtherCluster},
		{"another member than expected", func(j *judged) {
			j.holds(mine, c1)
			j.spec.Delivery.ExpectMemberID = other
		}, v1alpha1.ReasonOtherMember},
		{"data in another place", func(j *judged) {
			j.holds(mine, c1)
			j.seen.DataDir = "/var/snap/etcd/current"
		}, v1alpha1.ReasonBadSpec},

		{"new", func(j *judged) { j.initial(v1alpha1.InitialNew) }, ""},
		{"new again, nothing has come of it", func(j *judged) {
			j.initial(v1alpha1.InitialNew)
			j.seen.Record.Member, j.seen.Mark = record.Member{StartedNew: true, Token: "token"}, "token"
		}, ""},
		{"new again, and its disk was lost before anybody saw the data", func(j *judged) {
			j.initial(v1alpha1.InitialNew)
			j.seen.Record.Member = record.Member{StartedNew: true, Token: "token", MemberID: mine}
		}, v1alpha1.ReasonDataLost},
		{"the same, and the disk has been in another cluster", func(j *judged) {
			j.initial(v1alpha1.InitialNew)
			j.seen.Record.Member, j.seen.Mark = record.Member{StartedNew: true, Token: "token", MemberID: mine}, "older"
		}, v1alpha1.ReasonDataLost},
		{"new again, by an agent that left no mark", func(j *judged) {
			j.initial(v1alpha1.InitialNew)
			j.seen.Record.Member = record.Member{StartedNew: true}
		}, v1alpha1.ReasonDataLost},
		{"new where the member of a cluster was that was given up", func(j *judged) {
			j.initial(v1alpha1.InitialNew)
			j.seen.Record.Member = record.Member{StartedNew: true, Started: true, Token: "older", MemberID: mine}
		}, ""},
		{"the same, begun by an agent that had the token only in its spec", func(j *judged) {
			j.initial(v1alpha1.InitialNew)
			j.seen.Record.Member = record.Member{StartedNew: true, Started: true, MemberID: mine}
			j.seen.Record.Spec = &v1alpha1.EtcdUnitSpec{Etcd: v1alpha1.EtcdSpec{Initial: &v1alpha1.InitialCluster{Token: "older"}}}
		}, ""},
		{"new where the member of a cluster still is that was given up", func(j *judged) {
			j.initial(v1alpha1.InitialNew)
			j.holds(mine, c1)
			j.seen.Record.Member = record.Member{StartedNew: true, Started: true, Token: "older", MemberID: mine}
		}, v1alpha1.ReasonDataPresent},
		{"existing where the member of a cluster was that was given up", func(j *judged) {
			j.initial(v1alpha1.InitialExisting)
			j.seen.Record.Member = record.Member{StartedNew: true, Started: true, Token: "older", MemberID: mine}
		}, ""},
		{"existing where a member was begun whose disk was lost before anybody saw the data", func(j *judged) {
			j.initial(v1alpha1.InitialExisting)
			j.seen.Record.Member = record.Member{StartedNew: true, Token: "token", MemberID: mine}
		}, v1alpha1.ReasonDataLost},
		{"the same, and the cluster has removed the member", func(j *judged) {
			j.initial(v1alpha1.InitialExisting)
			j.seen.Record.Member = record.Member{StartedNew: true, Token: "token", MemberID: mine}
			j.spec.Delivery.AllowReset, j.spec.Delivery.Members = true, []string{other}
		}, ""},
		{"new where data is", func(j *judged) {
			j.initial(v1alpha1.InitialNew)
			j.holds(mine, c1)
		}, v1alpha1.ReasonDataPresent},
		{"new again, data has come of it", func(j *judged) {
			j.initial(v1alpha1.InitialNew)
			j.holds(mine, c1)
			j.seen.Record.Hash = j.spec.Hash()
		}, ""},
		{"new where data was", func(j *judged) {
			j.initial(v1alpha1.InitialNew)
			j.seen.Record.Member = record.Member{Started: true, MemberID: mine}
		}, v1alpha1.ReasonDataLost},
		{"new again where data was", func(j *judged) {
			j.initial(v1alpha1.InitialNew)
			j.seen.Record.Hash = j.spec.Hash()
			j.seen.Record.Member = record.Member{Started: true, MemberID: mine}
		}, v1alpha1.ReasonDataLost},
		{"new in a cluster that is there", func(j *judged) {
			j.initial(v1alpha1.InitialNew)
			j.s.Latch.ClusterID = c1
		}, v1alpha1.ReasonDataLost},
		{"new without latched seeds", func(j *judged) {
			j.initial(v1alpha1.InitialNew)
			j.s.Latch.Seeds = nil
		}, v1alpha1.ReasonNotSeed},
		{"new, latched only by this very delivery", func(j *judged) {
			j.initial(v1alpha1.InitialNew)
			j.s.Latch.Seeds, j.spec.Latch = nil, &v1alpha1.LatchRequest{Seeds: seeds()}
		}, v1alpha1.ReasonNotSeed},
		{"new with another token", func(j *judged) {
			j.initial(v1alpha1.InitialNew)
			j.s.Latch.Seeds.Token = "other"
		}, v1alpha1.ReasonNotSeed},
		{"new with other seeds", func(j *judged) {
			j.initial(v1alpha1.InitialNew)
			j.spec.Etcd.Initial.Members = j.spec.Etcd.Initial.Members[:2]
		}, v1alpha1.ReasonNotSeed},
		{"new, the seeds in another order", func(j *judged) {
			j.initial(v1alpha1.InitialNew)
			m := j.spec.Etcd.Initial.Members
			m[0], m[2] = m[2], m[0]
		}, ""},
		{"existing", func(j *judged) {
			j.initial(v1alpha1.InitialExisting)
			j.s.Latch.ClusterID, j.spec.Delivery.ExpectClusterID = c1, c1
		}, ""},
		{"existing where data is", func(j *judged) {
			j.initial(v1alpha1.InitialExisting)
			j.holds(mine, c1)
		}, v1alpha1.ReasonDataPresent},
		{"existing where the expected member is", func(j *judged) {
			j.initial(v1alpha1.InitialExisting)
			j.holds(mine, c1)
			j.spec.Delivery.ExpectMemberID = mine
		}, ""},
		{"existing where data was", func(j *judged) {
			j.initial(v1alpha1.InitialExisting)
			j.seen.Record.Member = record.Member{Started: true, MemberID: mine}
		}, v1alpha1.ReasonDataLost},

		{"reset of a removed member, then existing", func(j *judged) {
			j.initial(v1alpha1.InitialExisting)
			j.holds(mine, c1)
			j.spec.Delivery.AllowReset, j.spec.Delivery.Members = true, []string{other}
		}, ""},
		{"reset of a removed member whose data is lost", func(j *judged) {
			j.initial(v1alpha1.InitialExisting)
			j.seen.Record.Member = record.Member{Started: true, MemberID: mine}
			j.spec.Delivery.AllowReset, j.spec.Delivery.Members = true, []string{other}
		}, ""},
		{"reset of a member whose data is lost, that is still in the list", func(j *judged) {
			j.initial(v1alpha1.InitialExisting)
			j.seen.Record.Member = record.Member{Started: true, MemberID: mine}
			j.spec.Delivery.AllowReset, j.spec.Delivery.Members = true, []string{other, mine}
		}, v1alpha1.ReasonDataLost},
		{"reset without knowing the members", func(j *judged) { j.spec.Delivery.AllowReset = true }, v1alpha1.ReasonBadSpec},
		{"reset of another cluster's data", func(j *judged) {
			j.holds(mine, c2)
			j.spec.Delivery.ExpectClusterID = c1
			j.spec.Delivery.AllowReset, j.spec.Delivery.Members = true, []string{other}
		}, ""},
	} {
		w := &world{t: t, ca: theCA(t)}
		j := judged{spec: w.prepare(), s: machine.Situation{Action: 8, Leader: true,
			Latch: v1alpha1.Latch{Epoch: &v1alpha1.Epoch{Number: 4, Holder: "d"}, Seeds: seeds()}},
			seen: machine.Seen{Now: now, Unit: "etcd/0", ModelUUID: "uuid", DataDir: machine.DataDir}}
		j.spec.Delivery.Epoch, j.spec.Delivery.NotAfter = epoch(4, "d"), metav1.NewTime(now.Add(time.Minute))
		tt.change(&j)
		got := ""
		r := machine.Admit(j.spec, j.s, j.seen)
		if r != nil {
			got = r.Reason
			if !strings.HasPrefix(r.Message, "cannot ") {
				t.Errorf("%s: %q is no sentence", tt.name, r.Message)
			}
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q: %v", tt.name, got, tt.want, r)
		}
	}
}

func TestValidateNamesAllFaultsOfASpec(t *testing.T) {
	w := &world{t: t, ca: theCA(t)}
	spec := w.prepare()
	spec.Snap = v1alpha1.SnapSpec{Name: "vault", Channel: "a b"}
	spec.Delivery = v1alpha1.Delivery{AllowReset: true}
	spec.Service.State = "Sleeping"
	spec.OpenPorts = []int32{0, 70000}
	spec.TLS.CABundle = "none"
	spec.Etcd.ElectionTimeoutMs = 1
	spec.Etcd.Initial = &v1alpha1.InitialCluster{State: "odd"}
	refusal := machine.Admit(spec, machine.Situation{}, machine.Seen{Unit: "etcd/0", ModelUUID: "uuid"})
	if refusal == nil || refusal.Reason != v1alpha1.ReasonBadSpec {
		t.Fatalf("%+v", refusal)
	}
	for _, field := range []string{"snap.name", "snap.channel", "delivery.epoch", "delivery.notAfter", "delivery.members", "service.state",
		"openPorts: 0", "openPorts: 70000", "tls.caBundle", "etcd.electionTimeoutMs", "etcd.initial.state"} {
		if !strings.Contains(refusal.Message, field) {
			t.Errorf("%s is not named: %s", field, refusal.Message)
		}
	}
}

func TestRefusedDeliveryTouchesNothing(t *testing.T) {
	w := newWorld(t)
	w.apply(w.start(v1alpha1.InitialNew), 5, v1alpha1.OutcomeApplied, "")
	w.calls = nil
	before, reloads := w.files(), w.systemctl()
	for reason, change := range map[string]func(*v1alpha1.EtcdUnitSpec, *machine.Situation){
		v1alpha1.ReasonLate:         func(s *v1alpha1.EtcdUnitSpec, _ *machine.Situation) { s.Delivery.NotAfter = metav1.NewTime(now) },
		v1alpha1.ReasonOlderEpoch:   func(_ *v1alpha1.EtcdUnitSpec, s *machine.Situation) { s.Latch.Epoch.Number = 2 },
		v1alpha1.ReasonOlderAction:  func(_ *v1alpha1.EtcdUnitSpec, s *machine.Situation) { s.Action = 4 },
		v1alpha1.ReasonOtherCluster: func(s *v1alpha1.EtcdUnitSpec, _ *machine.Situation) { s.Delivery.ExpectClusterID = "00000000000000ff" },
		v1alpha1.ReasonOtherMember:  func(s *v1alpha1.EtcdUnitSpec, _ *machine.Situation) { s.Delivery.ExpectMemberID = "00000000000000ff" },
		v1alpha1.ReasonDataPresent: func(s *v1alpha1.EtcdUnitSpec, _ *machine.Situation) {
			s.Etcd.Initial = w.start(v1alpha1.InitialNew).Etcd.Initial
		},
	} {
		spec, s := w.member(), w.situation(6)
		spec.Etcd.ElectionTimeoutMs, spec.Delivery.AllowRestart = 5000, true
		change(spec, &s)
		status := w.machine().Apply(t.Context(), spec, s)
		if status.Outcome != v1alpha1.OutcomeRefused || status.Reason != reason || status.Message == "" || len(status.Changed) != 0 {
			t.Errorf("%s: %+v", reason, status)
		}
		if status.Facts == nil || !status.Facts.Member.Present {
			t.Errorf("%s: the sender is not told what is: %+v", reason, status.Facts)
		}
	}
	if len(w.calls) != 0 || reloads != w.systemctl() {
		t.Errorf("did %v", w.calls)
	}
	after := w.files()
	for path := range before {
		if before[path] != after[path] {
			t.Errorf("%s was touched", path)
		}
	}
	if len(before) != len(after) {
		t.Errorf("%d files before, %d after", len(before), len(after))
	}
}
