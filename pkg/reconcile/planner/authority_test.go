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
	"jujuetcd.io/pkg/reconcile/planner"
)

// bundleOf is a CA bundle of one certificate, and its fingerprint.
func bundleOf(content string) (bundle, fingerprint string) {
	sum := sha256.Sum256([]byte(content))
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte(content)})), hex.EncodeToString(sum[:])
}

// under lets every unit trust the bundle that the provider offers.
func under(o *planner.Observation, content string) {
	bundle, fingerprint := bundleOf(content)
	o.CA.Bundle = bundle
	for _, u := range o.Units {
		u.Facts.Certificates.CA = []string{fingerprint}
	}
	apply(o)
}

// Units keep the authority that they trust, and the application says what has to be done; nothing is restarted and nobody's status
// is touched but the application's.
func TestAnotherAuthorityIsNotHandedOut(t *testing.T) {
	o := settled(3)
	under(&o, "one")
	if step, acts := planner.Next(o); acts {
		t.Fatalf("a settled cluster is told to %s: %s", step.Kind, step.Reason)
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
		t.Errorf("told to %s: %s", step.Kind, step.Reason)
	}

	// Who has no certificate that the members trust does not join, and is not prepared with a foreign one.
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
		t.Errorf("nothing tells why it does not join: %+v", plan)
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

func TestCertificatesThatEndSoonAreTold(t *testing.T) {
	ends := func(o *planner.Observation, unit int, left time.Duration) {
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
			t.Errorf("an hour later %s is told something else", name)
		}
	}
}

func TestWhatStandsBetweenAUnitAndItsCertificateIsTold(t *testing.T) {
	o := settled(3)
	o.Units[1].Facts.Certificates.Trouble = "lego refuses to sign the server certificate: IP addresses are not allowed."
	unit := planner.Desired(o, "etcd/1").Status.Unit
	if unit.State != "active" || unit.Message != "Healthy with 3 known peers: lego refuses to sign the server certificate: IP addresses are not allowed" {
		t.Errorf("etcd/1 says %+v", unit)
	}
}
