package planner_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// authority is the PEM of a certificate authority.
func authority(t *testing.T, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// rotatable is a settled cluster whose members trust one authority, while its provider offers
// another.
func rotatable(t *testing.T, n int) (o observation.Observation, before, after string) {
	t.Helper()
	before, after = authority(t, "before"), authority(t, "after")
	o = settled(n)
	o.CA.Bundle = before
	for i := range o.Units {
		f := o.Units[i].Facts
		f.Protocol = v1alpha1.Protocol
		f.Certificates.CA, f.Certificates.OfferedCA = pki.Fingerprints(before), before
	}
	apply(&o)
	offer(&o, before, after)
	return o, before, after
}

// offer lets the provider offer another authority than the one in use.
func offer(o *observation.Observation, before, after string) {
	o.CA.Bundle, o.CA.Application = after, "easyrsa"
	o.CA.Offers = []observation.AuthorityOffer{{Application: "easyrsa", Bundle: after}}
	for i := range o.Units {
		o.Units[i].Facts.Certificates.OfferedCA, o.Units[i].Facts.Certificates.TrustedCA = after, before
	}
}

// ask lets a person have run an action of a unit.
func ask(o *observation.Observation, i int, task int64, kind, subject string) {
	o.Units[i].Facts.Request = &v1alpha1.Request{Task: task, Kind: kind, Subject: subject}
}

// moment is what a person's word is for now.
func moment(t *testing.T, o observation.Observation) string {
	t.Helper()
	entries, err := o.Latch.Entries()
	if err != nil || len(entries) != 1 {
		t.Fatalf("entries %+v, %v", entries, err)
	}
	return entries[0].Moment()
}

// run does what is planned until there is nothing left, or something to wait for, and returns the
// steps.
func run(t *testing.T, o *observation.Observation) []string {
	t.Helper()
	var kinds []string
	for range 64 {
		step, ok := planner.Next(*o)
		if !ok {
			return kinds
		}
		kinds = append(kinds, string(step.Kind)+" "+step.Target("etcd"))
		if step.Kind == planner.StepWait {
			kinds[len(kinds)-1] += ": " + step.Reason
			return kinds
		}
		*o = planner.Predict(*o, step)
	}
	t.Fatalf("no end of it:\n%s", strings.Join(kinds, "\n"))
	return nil
}

func restarts(steps []string) (n int) {
	for _, s := range steps {
		if strings.HasPrefix(s, string(planner.StepRestart)) {
			n++
		}
	}
	return n
}

// TestARollingRestartRestartsEachMemberOnce: the request is seen to once, and the leader comes
// last.
func TestARollingRestartRestartsEachMemberOnce(t *testing.T) {
	o := settled(3)
	for i := range o.Units {
		e := planner.Desired(o, o.Units[i].Name).Etcd
		o.Units[i].Facts.Protocol = v1alpha1.Protocol
		o.Units[i].Facts.Running = &v1alpha1.RunningFacts{PeerURL: e.AdvertisePeerURLs[0], ClientURL: e.AdvertiseClientURLs[0],
			HeartbeatIntervalMs: e.HeartbeatIntervalMs, ElectionTimeoutMs: e.ElectionTimeoutMs}
	}
	apply(&o)
	run(t, &o)
	ask(&o, 1, 41, v1alpha1.ActionRestart, "")
	steps := run(t, &o)
	if restarts(steps) != 3 {
		t.Errorf("steps:\n%s", strings.Join(steps, "\n"))
	}
	if o.Latch.Stamps[v1alpha1.StampRestart] != 41 || o.Latch.Handled["etcd/1"] != 41 {
		t.Errorf("latch %+v", o.Latch)
	}
	if again := run(t, &o); len(again) != 0 {
		t.Errorf("again: %s", again)
	}
}

// TestAnAuthorityIsReplacedInThreePhases: nothing happens before a person asks; each rest ends with
// a person's word for that very phase.
func TestAnAuthorityIsReplacedInThreePhases(t *testing.T) {
	o, before, after := rotatable(t, 3)
	for _, step := range run(t, &o) {
		if strings.HasPrefix(step, string(planner.StepJournal)) {
			t.Fatalf("it begins by itself: %s", step)
		}
	}
	ask(&o, 0, 50, v1alpha1.ActionRotateCA, "")
	steps := run(t, &o)
	if restarts(steps) != 3 || !strings.Contains(steps[len(steps)-1], "waits for you (members trust both authorities)") {
		t.Fatalf("trust:\n%s", strings.Join(steps, "\n"))
	}
	first := moment(t, o)
	for _, u := range o.Units {
		if got := planner.Desired(o, u.Name).TLS; !strings.Contains(got.CABundle, strings.TrimSpace(before)) || !strings.Contains(got.CABundle, strings.TrimSpace(after)) ||
			got.Leaves[0] != pki.Fingerprints(before)[0] || got.Next[0] != pki.Fingerprints(after)[0] {
			t.Errorf("%s is handed %+v", u.Name, got)
		}
	}
	o.CA.Own = pki.Fingerprints(after)
	ask(&o, 0, 51, v1alpha1.ActionProceed, first)
	steps = run(t, &o)
	if restarts(steps) != 0 || !strings.Contains(steps[len(steps)-1], "waits for you (certificates of the new authority are in use)") {
		t.Fatalf("leaves:\n%s", strings.Join(steps, "\n"))
	}
	// A word for a phase that is over moves nothing.
	ask(&o, 1, 52, v1alpha1.ActionProceed, first)
	if steps = run(t, &o); !strings.Contains(steps[len(steps)-1], "certificates of the new authority") || o.Latch.Handled["etcd/1"] != 52 {
		t.Fatalf("an old word:\n%s", strings.Join(steps, "\n"))
	}
	ask(&o, 0, 53, v1alpha1.ActionProceed, moment(t, o))
	steps = run(t, &o)
	if restarts(steps) != 3 || o.Latch.Journal != "" {
		t.Fatalf("forget:\n%s\n%s", strings.Join(steps, "\n"), o.Latch.Journal)
	}
	for _, u := range o.Units {
		if got := u.Facts.Certificates.CA; len(got) != 1 || got[0] != pki.Fingerprints(after)[0] {
			t.Errorf("%s trusts %v", u.Name, got)
		}
	}
}

// TestARotationOfTwoMembersIsNotBegun: neither could be restarted, and no third one could join. The
// application says so, and a third member is what it waits for.
func TestARotationOfTwoMembersIsNotBegun(t *testing.T) {
	const why = "Task 50 of etcd/0 (rotate-ca) waits for a third member"
	o, _, _ := rotatable(t, 2)
	run(t, &o)
	ask(&o, 0, 50, v1alpha1.ActionRotateCA, "")
	steps := run(t, &o)
	if o.Latch.Journal != "" || len(steps) == 0 || !strings.Contains(steps[len(steps)-1], why) {
		t.Errorf("journal %q after:\n%s", o.Latch.Journal, strings.Join(steps, "\n"))
	}
	if got := planner.Desired(o, "etcd/0").Status.Application.Message; !strings.Contains(got, why) {
		t.Errorf("the application says %q", got)
	}
	o, _, _ = rotatable(t, 3)
	ask(&o, 0, 50, v1alpha1.ActionRotateCA, "")
	if got := planner.Desired(o, "etcd/0").Status.Application.Message; strings.Contains(got, "Task 50") {
		t.Errorf("the application of three says %q", got)
	}
}

// TestARequestThatAnOldAgentHoldsUpIsReported: who has run the action looks at juju status.
func TestARequestThatAnOldAgentHoldsUpIsReported(t *testing.T) {
	o, _, _ := rotatable(t, 3)
	run(t, &o)
	o.Units[2].Facts.Protocol = v1alpha1.ProtocolProcedures - 1
	ask(&o, 0, 50, v1alpha1.ActionRestart, "")
	if got := planner.Desired(o, "etcd/0").Status.Application.Message; !strings.Contains(got, "Task 50 of etcd/0 (restart) waits for the agent of etcd/2") {
		t.Errorf("the application says %q", got)
	}
}

// TestAGateIsProvenByEveryMember: what one of them lacks is waited for, also on a person's word,
// and reported by its unit's name.
func TestAGateIsProvenByEveryMember(t *testing.T) {
	for name, c := range map[string]struct {
		phase int // how many rests are behind
		lack  func(o *observation.Observation, before, after string)
		want  string
	}{
		"a member has not proven that it accepts the new authority": {0, func(o *observation.Observation, _, _ string) { o.Units[1].Facts.Certificates.Proof = nil }, "etcd/1"},
		"a member trusts the old one alone": {0, func(o *observation.Observation, before, _ string) {
			o.Units[1].Facts.Certificates.CA = pki.Fingerprints(before)
		}, "etcd/1"},
		"a member is down": {0, func(o *observation.Observation, _, _ string) { down(o, 1, time.Minute) }, "etcd/1"},
		"a member was not restarted": {0, func(o *observation.Observation, _, _ string) {
			o.Units[2].Facts.RestartPending = true
			o.Units[2].Lost = true
		}, "etcd/2"},
		"a member serves no new certificate": {1, func(o *observation.Observation, _, _ string) { o.Units[0].Facts.Certificates.Proof = nil }, "etcd/0"},
		"the controller has none":            {1, func(o *observation.Observation, before, _ string) { o.CA.Own = pki.Fingerprints(before) }, "the controller"},
	} {
		t.Run(name, func(t *testing.T) {
			o, before, after := rotatable(t, 3)
			run(t, &o)
			ask(&o, 0, 50, v1alpha1.ActionRotateCA, "")
			run(t, &o)
			if c.phase == 1 {
				o.CA.Own = pki.Fingerprints(after)
				ask(&o, 0, 51, v1alpha1.ActionProceed, moment(t, o))
				run(t, &o)
			}
			at := moment(t, o)
			ask(&o, 0, 60, v1alpha1.ActionProceed, at)
			c.lack(&o, before, after)
			for range 5 {
				step, ok := planner.Next(o)
				if !ok || step.Kind == planner.StepWait {
					break
				}
				if step.Kind == planner.StepJournal || step.Kind == planner.StepAnswer {
					t.Fatalf("%s: %s", step.Kind, step.Reason)
				}
				o = planner.Predict(o, step)
				c.lack(&o, before, after)
			}
			if got := moment(t, o); got != at || o.Latch.Handled["etcd/0"] == 60 {
				t.Errorf("it is at %s, before at %s", got, at)
			}
			if status := planner.Status(o); len(status.Procedures) != 1 || !strings.Contains(status.Procedures[0].Message, c.want) {
				t.Errorf("nobody hears of %s: %+v", c.want, status.Procedures)
			}
		})
	}
}

// TestARequestIsSeenToOnce: also where two ask at once, and where the same task is still in a
// unit's facts.
func TestARequestIsSeenToOnce(t *testing.T) {
	o, _, _ := rotatable(t, 3)
	run(t, &o)
	ask(&o, 0, 50, v1alpha1.ActionRotateCA, "")
	ask(&o, 2, 49, v1alpha1.ActionRotateCA, "easyrsa")
	run(t, &o)
	entries, err := o.Latch.Entries()
	if err != nil || len(entries) != 1 || entries[0].ID != "49" {
		t.Fatalf("entries %+v, %v: want the one that asked first", entries, err)
	}
	if o.Latch.Handled["etcd/0"] != 50 || o.Latch.Handled["etcd/2"] != 49 {
		t.Errorf("handled %v", o.Latch.Handled)
	}
	ask(&o, 1, 51, v1alpha1.ActionGoBack, moment(t, o))
	run(t, &o)
	if o.Latch.Journal != "" || len(run(t, &o)) > 1 {
		t.Errorf("after going back: %s", o.Latch.Journal)
	}
}

// TestNobodyJoinsWhileMembersLearnToTrustAnotherAuthority: who would join has certificates of the
// new one only. Members go on being restarted beside it, and it joins when such certificates are in
// use. Of two members none can be restarted: there the third comes first.
func TestNobodyJoinsWhileMembersLearnToTrustAnotherAuthority(t *testing.T) {
	joins := func(steps []string) bool {
		return slices.ContainsFunc(steps, func(s string) bool { return strings.HasPrefix(s, string(planner.StepAddLearner)) })
	}
	comes := func(o *observation.Observation, n int, trusted string) {
		join(o)
		o.Units[n].Facts.Protocol = v1alpha1.Protocol
		o.Units[n].Facts.Certificates.CA = pki.Fingerprints(trusted)
	}
	o, before, after := rotatable(t, 3)
	run(t, &o)
	comes(&o, 3, before)
	server := o.Units[3].Facts.Certificates.Server
	o.Units[3].Facts.Certificates.Server = nil // it has only come
	ask(&o, 0, 50, v1alpha1.ActionRotateCA, "")
	for {
		step, ok := planner.Next(o)
		if !ok || step.Kind == planner.StepWait {
			t.Fatalf("it is not begun: %s", step.Reason)
		}
		if o = planner.Predict(o, step); step.Kind == planner.StepJournal {
			break
		}
	}
	o.Units[3].Facts.Certificates.Server = server
	if steps := run(t, &o); joins(steps) || restarts(steps) != 3 {
		t.Errorf("members learn:\n%s", strings.Join(steps, "\n"))
	}
	o.CA.Own = pki.Fingerprints(after)
	ask(&o, 0, 51, v1alpha1.ActionProceed, moment(t, o))
	if steps := run(t, &o); !joins(steps) {
		t.Errorf("it does not join:\n%s", strings.Join(steps, "\n"))
	}

	o, before, _ = rotatable(t, 2)
	run(t, &o)
	comes(&o, 2, before)
	o.Units[2].Facts.Certificates.Server = nil
	ask(&o, 0, 50, v1alpha1.ActionRotateCA, "")
	if steps := run(t, &o); o.Latch.Journal != "" {
		t.Errorf("it is begun with two members:\n%s", strings.Join(steps, "\n"))
	}
}

// TestWhoHasLostItsMemberTellsClientsWhomToTrustMeanwhile: a client may read the databag of a unit that
// is to join anew, and of no other. One that has no bundle yet, and one that publishes nothing, is
// brought up to date as it is prepared.
func TestWhoHasLostItsMemberTellsClientsWhomToTrustMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		lost     func(u *observation.Unit)
		informed bool
	}{
		"it publishes":               {func(*observation.Unit) {}, false},
		"it publishes nothing":       {func(u *observation.Unit) { u.Facts.Applied.Clients = nil }, true},
		"it has no bundle yet":       {func(u *observation.Unit) { u.Facts.Certificates.CA = nil }, true},
		"it is lost to Juju as well": {func(u *observation.Unit) { u.Lost = true }, true},
	} {
		t.Run(name, func(t *testing.T) {
			o, before, _ := rotatable(t, 3)
			run(t, &o)
			ask(&o, 0, 50, v1alpha1.ActionRotateCA, "")
			run(t, &o)
			join(&o)
			u := &o.Units[3]
			u.Facts.Protocol, u.Facts.Certificates.CA = v1alpha1.Protocol, pki.Fingerprints(before)
			u.Facts.Applied.Hash = "before the rotation"
			if o.Latch.Journal == "" || len(u.Facts.Applied.Clients) == 0 {
				t.Fatalf("the journal is %q, and it has applied %+v", o.Latch.Journal, u.Facts.Applied)
			}
			c.lost(u)
			if got := planner.ClientsInformed(o); got != c.informed {
				t.Errorf("informed: %t, want %t", got, c.informed)
			}
		})
	}
}

// TestARotationGoesOnBesideDataOfAMemberThatWasTakenBack: its unit joins anew, which waits for the
// rotation's end.
func TestARotationGoesOnBesideDataOfAMemberThatWasTakenBack(t *testing.T) {
	o, before, _ := rotatable(t, 3)
	run(t, &o)
	ask(&o, 0, 50, v1alpha1.ActionRotateCA, "")
	for o.Latch.Journal == "" {
		step, _ := planner.Next(o)
		o = planner.Predict(o, step)
	}
	join(&o)
	for i := range o.Units[:3] {
		f := o.Units[i].Facts
		f.Certificates.CA, f.RestartPending = pki.Fingerprints(planner.Desired(o, o.Units[i].Name).TLS.CABundle), true
	}
	o.Units[3].Facts.Protocol, o.Units[3].Facts.Certificates.CA = v1alpha1.Protocol, pki.Fingerprints(before)
	o.Units[3].Facts.Member = v1alpha1.MemberFacts{Present: true, Started: true, MemberID: "00000000000000ff", ClusterID: clusterID.String()}
	apply(&o)
	steps := run(t, &o)
	if last := steps[len(steps)-1]; !strings.Contains(last, "waits for you (members trust both authorities)") {
		t.Errorf("it stands still:\n%s", strings.Join(steps, "\n"))
	}
}

// TestTwoThatAreLeftInARotationAreToldWhatToDo: neither may be restarted, and a third does not join
// meanwhile, so to add a unit does not help.
func TestTwoThatAreLeftInARotationAreToldWhatToDo(t *testing.T) {
	o, before, _ := rotatable(t, 3)
	run(t, &o)
	ask(&o, 0, 50, v1alpha1.ActionRotateCA, "")
	run(t, &o)
	o.Units, o.Etcd.Members = o.Units[:2], o.Etcd.Members[:2]
	join(&o)
	o.Units[2].Facts.Protocol, o.Units[2].Facts.Certificates.CA = v1alpha1.Protocol, pki.Fingerprints(before)
	ask(&o, 0, 51, v1alpha1.ActionGoBack, moment(t, o))
	steps := run(t, &o)
	const want = "a restart of one of two members stops the cluster: accept that and run sudo snap restart etcd on both machines"
	if last := steps[len(steps)-1]; !strings.Contains(last, want+".") {
		t.Errorf("it is planned:\n%s", strings.Join(steps, "\n"))
	}
	if app := planner.Desired(o, "etcd/0").Status.Application; app.State != "blocked" || !strings.Contains(app.Message, "etcd/0, etcd/1 wait to be restarted, and "+want) {
		t.Errorf("the application says %+v", app)
	}
}

// TestWhatWaitsForAPersonIsToldFirst: a line of juju status holds no more than so much, and clocks and
// options that are wrong would push it out.
func TestWhatWaitsForAPersonIsToldFirst(t *testing.T) {
	o, _, _ := rotatable(t, 3)
	run(t, &o)
	ask(&o, 0, 50, v1alpha1.ActionRotateCA, "")
	run(t, &o)
	clock(&o, 1, 8*time.Minute)
	const want = "3 members, can lose 1: CA rotation of task 50 waits for you (members trust both authorities): "
	if app := planner.Desired(o, "etcd/0").Status.Application; !strings.HasPrefix(app.Message, want) || !strings.Contains(app.Message, "; The clock of etcd/1") ||
		strings.Count(app.Message, "task 50") != 1 {
		t.Errorf("the application says %+v", app)
	}
}

// TestAUnitIsAskedAgainForItsProof: its next hook may be minutes away; who has just been asked is
// not asked again at once.
func TestAUnitIsAskedAgainForItsProof(t *testing.T) {
	o, _, _ := rotatable(t, 3)
	run(t, &o)
	ask(&o, 0, 50, v1alpha1.ActionRotateCA, "")
	run(t, &o)
	o.Units[1].Facts.Certificates.Proof = nil
	for ago, want := range map[time.Duration]bool{9 * time.Second: false, 10 * time.Second: true} {
		spec := planner.Desired(o, "etcd/1")
		o.Units[1].Last = &observation.Result{Outcome: v1alpha1.OutcomeApplied, Hash: spec.Hash(), At: o.Now.Add(-ago)}
		// What the leader shows of it is reported first.
		o.ApplicationStatus = *planner.Desired(o, "etcd/0").Status.Application
		leader := planner.Desired(o, "etcd/0")
		o.Units[0].Facts.Applied.Hash, o.Units[0].Shown = leader.Hash(), leader.Status.Unit
		step, _ := planner.Next(o)
		if got := step.Kind == planner.StepUpdate && step.Units[0].Unit == "etcd/1"; got != want {
			t.Errorf("asked %s ago: %s %s: %s", ago, step.Kind, step.Target("etcd"), step.Reason)
		}
		if !want && !step.Until.Equal(o.Now.Add(10*time.Second)) {
			t.Errorf("it is looked at again at %s", step.Until)
		}
		if n := len(planner.Plan(o)); n > 20 {
			t.Errorf("asked %s ago: the plan has %d steps", ago, n)
		}
	}
}

// TestARotationThatIsUnderWayIsNotBegunAgain: who asks once more, at a rest, is answered, and the
// journal stays as it is.
func TestARotationThatIsUnderWayIsNotBegunAgain(t *testing.T) {
	o, _, _ := rotatable(t, 3)
	run(t, &o)
	ask(&o, 0, 50, v1alpha1.ActionRotateCA, "")
	run(t, &o)
	journal := o.Latch.Journal
	ask(&o, 1, 60, v1alpha1.ActionRotateCA, "")
	step, _ := planner.Next(o)
	if step.Kind != planner.StepAnswer || !strings.Contains(step.Reason, "changes nothing: CA rotation of task 50 is under way") {
		t.Errorf("%s: %s", step.Kind, step.Reason)
	}
	run(t, &o)
	if o.Latch.Journal != journal || o.Latch.Handled["etcd/1"] != 60 {
		t.Errorf("handled %v, journal %s, before %s", o.Latch.Handled, o.Latch.Journal, journal)
	}
}
