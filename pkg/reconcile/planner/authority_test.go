package planner_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// bundleOf is a CA bundle of one certificate, and its fingerprint.
func bundleOf(content string) (bundle, fingerprint string) {
	sum := sha256.Sum256([]byte(content))
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte(content)})), hex.EncodeToString(sum[:])
}

// under lets every unit trust the bundle that the provider offers.
func under(o *observation.Observation, content string) {
	bundle, fingerprint := bundleOf(content)
	o.CA.Bundle = bundle
	for _, u := range o.Units {
		u.Facts.Certificates.CA = []string{fingerprint}
	}
	apply(o)
}

// Units keep the authority that they trust, and the application says what has to be done; nothing
// is restarted and nobody's status is touched but the application's.
func TestAnotherAuthorityIsNotHandedOut(t *testing.T) {
	o := settled(3)
	under(&o, "one")
	if step, acts := planner.Next(o); acts {
		t.Fatalf("a settled cluster is to %s: %s", step.Kind, step.Reason)
	}
	o.CA.Bundle, _ = bundleOf("two")
	for _, u := range o.Units {
		if spec := planner.Desired(o, u.Name); spec.TLS.CABundle != "" {
			t.Errorf("%s is handed the other authority", u.Name)
		}
		if words := planner.Desired(o, u.Name).Status.Unit; words.Message != "Healthy with 3 known peers" {
			t.Errorf("%s says %s", u.Name, words.Message)
		}
	}
	status := planner.Status(o)
	if !strings.Contains(status.Message, "another certificate authority") {
		t.Errorf("the application says %q", status.Message)
	}
	apply(&o)
	if step, acts := planner.Next(o); acts {
		t.Errorf("it is to %s: %s", step.Kind, step.Reason)
	}

	// Who has no certificate that the members trust does not join, and is not prepared with a
	// foreign one.
	join(&o)
	_, two := bundleOf("two")
	newcomer := &o.Units[3]
	newcomer.Facts.Certificates.CA = []string{two}
	for _, step := range planner.Plan(o) {
		if step.Kind == planner.StepAddLearner || step.Kind == planner.StepPrepare {
			t.Errorf("a unit under another authority: %s, %s", step.Kind, step.Reason)
		}
	}
	if plan := planner.Plan(o); len(plan) == 0 || !strings.Contains(plan[len(plan)-1].Reason, "no certificate that the members trust") {
		t.Errorf("nothing says why it does not join: %+v", plan)
	}
}

// What one unit trusts beside the others counts for nobody: a rotation that went back leaves a unit
// that is no member with both authorities, and with a certificate of the new one.
func TestWhatOnlyOneUnitTrustsIsNotHandedOut(t *testing.T) {
	one, oneIs := bundleOf("one")
	two, twoIs := bundleOf("two")
	member := settled(3)
	under(&member, "one")
	member.Units[1].Facts.Certificates.CA = []string{oneIs, twoIs}
	member.CA.Bundle = two
	if got := planner.Desired(member, "etcd/0").TLS.CABundle; got != "" {
		t.Error("an authority that one member trusts of three is handed out")
	}
	member.CA.Bundle = one
	if got := planner.Desired(member, "etcd/0").TLS.CABundle; got != one {
		t.Error("an authority that all members trust is not handed out")
	}
	member.Units[2].Facts.Certificates.CA = nil
	member.CA.Bundle = two
	if got := planner.Desired(member, "etcd/0").TLS.CABundle; got != "" {
		t.Error("a member that does not tell whom it trusts counts as one that trusts everybody")
	}

	for offered, why := range map[string]string{two: "because easyrsa offers another authority", "": "and no authority is related"} {
		o := settled(3)
		under(&o, "one")
		join(&o)
		o.CA.Bundle = offered
		newcomer := &o.Units[3]
		newcomer.Facts.Certificates.CA = []string{oneIs, twoIs}
		apply(&o)
		plan := planner.Plan(o)
		for _, step := range plan {
			if step.Kind == planner.StepAddLearner || step.Kind == planner.StepPrepare {
				t.Errorf("%s: %s, %s", why, step.Kind, step.Reason)
			}
		}
		if len(plan) == 0 || !strings.Contains(plan[len(plan)-1].Reason, "no certificate that the members trust, "+why) {
			t.Errorf("nothing says why it does not join, %s: %+v", why, plan)
		}
		newcomer.Facts.Certificates.CA = []string{oneIs}
		apply(&o)
		if step, _ := planner.Next(o); step.Kind != planner.StepAddLearner {
			t.Errorf("who trusts what the members do does not join: %s %s", step.Kind, step.Reason)
		}
	}
}

func TestABundleWithOneMoreAuthorityIsHandedOut(t *testing.T) {
	o := settled(3)
	under(&o, "one")
	one, _ := bundleOf("one")
	two, _ := bundleOf("two")
	o.CA.Bundle = one + two
	if spec := planner.Desired(o, "etcd/0"); spec.TLS.CABundle != one+two {
		t.Error("an authority that comes beside the one in use is kept from the units")
	}
}

func TestCertificatesThatEndSoonAreReported(t *testing.T) {
	ends := func(o *observation.Observation, unit int, left time.Duration) {
		o.Units[unit].Facts.Certificates.Server = &v1alpha1.LeafFacts{
			Fingerprint: "f", NotBefore: metav1.NewTime(o.Now.Add(left - 365*24*time.Hour)), NotAfter: metav1.NewTime(o.Now.Add(left)),
		}
	}
	o := settled(3)
	ends(&o, 1, 20*24*time.Hour)
	unit := planner.Desired(o, "etcd/1").Status.Unit
	if unit.State != "active" || !strings.HasPrefix(unit.Message, "Healthy with 3 known peers: server certificate expires on ") {
		t.Errorf("etcd/1 says %+v", unit)
	}
	if other := planner.Desired(o, "etcd/2").Status.Unit; other.Message != "Healthy with 3 known peers" {
		t.Errorf("etcd/2 says %+v", other)
	}
	ends(&o, 1, 6*24*time.Hour)
	ends(&o, 2, 5*24*time.Hour)
	app := planner.Desired(o, "etcd/0").Status.Application
	if app == nil || app.State != "blocked" || !strings.Contains(app.Message, "etcd/1: server certificate expires on") ||
		!strings.Contains(app.Message, "(and 1 more)") {
		t.Errorf("the application says %+v", app)
	}
	if unit := planner.Desired(o, "etcd/1").Status.Unit; unit.State != "blocked" {
		t.Errorf("etcd/1 says %+v", unit)
	}
	// The words are the same from look to look: each change of a status costs an action.
	before := hashes(o)
	o.Now = o.Now.Add(time.Hour)
	for name, hash := range hashes(o) {
		if before[name] != hash {
			t.Errorf("an hour later %s is handed something else", name)
		}
	}
}

func TestWhatStandsBetweenAUnitAndItsCertificateIsReported(t *testing.T) {
	o := settled(3)
	o.Units[1].Facts.Certificates.Trouble = "lego refuses to sign the server certificate: IP addresses are not allowed."
	unit := planner.Desired(o, "etcd/1").Status.Unit
	if unit.State != "active" || unit.Message != "Healthy with 3 known peers: lego refuses to sign the server certificate: IP addresses are not allowed" {
		t.Errorf("etcd/1 says %+v", unit)
	}
}

// A provider beside the one in use changes nothing but one sentence, of the application: members
// stay as they are, and a unit joins.
func TestAnAuthorityBesideTheOneInUseIsShownInTheApplicationOnly(t *testing.T) {
	o := settled(3)
	under(&o, "one")
	before := hashes(o)
	o.CA.Unused = []string{"easyrsa/1", "vault"}
	for name, hash := range hashes(o) {
		if name != "etcd/0" && before[name] != hash {
			t.Errorf("%s is handed something else", name)
		}
	}
	app := planner.Desired(o, "etcd/0").Status.Application
	if app == nil || app.State != "active" {
		t.Fatalf("the application says %+v", app)
	}
	for _, want := range []string{"easyrsa/1 has an authority of its own", "juju remove-unit easyrsa/1", "vault is related, too", "juju remove-relation etcd:certificates vault"} {
		if !strings.Contains(app.Message, want) {
			t.Errorf("the application does not say %q: %s", want, app.Message)
		}
	}
	if unit := planner.Desired(o, "etcd/1").Status.Unit; unit.Message != "Healthy with 3 known peers" {
		t.Errorf("etcd/1 says %+v", unit)
	}
}

// What is wrong with a certificate holds up the birth, and a person is told what it is; once,
// though all units have it.
func TestTheBirthWaitsForWhatIsWrongWithCertificates(t *testing.T) {
	const trouble = "easyrsa/0 offers what cannot be used: etcd_0.server.cert lacks clientAuth, which members need among themselves."
	for name, test := range map[string]struct {
		change func(*observation.Observation)
		want   string
		person bool
	}{
		"a leaf that cannot be used": {func(o *observation.Observation) {
			for _, u := range o.Units {
				u.Facts.Certificates.Server, u.Facts.Certificates.Trouble = nil, trouble
			}
		}, "etcd/0: " + strings.TrimSuffix(trouble, ".") + " (and 2 more).", true},
		"nothing yet": {func(o *observation.Observation) { o.Units[1].Facts.Certificates.Server = nil }, "etcd/1 has no server certificate yet.", false},
		"no authority that can be read": {func(o *observation.Observation) {
			o.CA.Bundle = ""
			o.Units[0].Facts.Certificates.Trouble = "easyrsa/0 offers what cannot be used: ca is no PEM."
		}, "etcd/0: easyrsa/0 offers what cannot be used: ca is no PEM.", true},
		"no authority yet": {func(o *observation.Observation) { o.CA.Bundle = "" }, "easyrsa has not given the certificate of its authority yet.", false},
	} {
		t.Run(name, func(t *testing.T) {
			o := virgin(3)
			test.change(&o)
			step, acts := planner.Next(o)
			if acts && step.Kind == planner.StepPrepare {
				t.Fatalf("it is to %s: %s", step.Kind, step.Reason)
			}
			if step.Reason != test.want || step.Person != test.person {
				t.Errorf("waits because %q (a person: %v), want %q", step.Reason, step.Person, test.want)
			}
		})
	}
}

// An authority that ends is reported 30 days ahead, and blocks 7 days ahead, though the
// certificates themselves would last.
func TestAnAuthorityThatEndsSoonIsReported(t *testing.T) {
	for left, state := range map[time.Duration]string{31 * 24 * time.Hour: "", 29 * 24 * time.Hour: "active", 6 * 24 * time.Hour: "blocked"} {
		o := settled(3)
		o.Units[1].Facts.Certificates.Authority = &v1alpha1.LeafFacts{
			Fingerprint: "f", NotBefore: metav1.NewTime(o.Now.Add(left - 5*365*24*time.Hour)), NotAfter: metav1.NewTime(o.Now.Add(left)),
		}
		app := planner.Desired(o, "etcd/0").Status.Application
		said := strings.Contains(app.Message, "etcd/1: certificate authority expires on ")
		if said != (state != "") || said && app.State != state {
			t.Errorf("%s before its end the application says %+v", left, app)
		}
	}
}
