package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/pkg/reconcile"
	"jujuetcd.io/pkg/reconcile/registry"
)

func TestTroubleIsKnownByWhatJujuAnswers(t *testing.T) {
	answer := func(code, message string) error {
		return fmt.Errorf("cannot read the model: %w", &jujuapi.Error{Call: "A.B", Code: code, Message: message})
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{context.Canceled, ""},
		{answer(wire.CodeNotFound, "application \"etcd\" not found"), ""},
		{answer(wire.CodeUpgradeInProgress, "upgrade in progress"), reconcile.TroubleUpgrade},
		{answer("", wire.MessageMigrationProgress), reconcile.TroubleMigration},
		{answer("", wire.MessageMaintenance), reconcile.TroubleMaintenance},
		{answer(wire.CodeTryAgain, "try again"), reconcile.TroubleMaintenance},
		{answer(wire.CodeRedirect, "the model has moved"), reconcile.TroubleMoved},
		{answer(wire.CodeUnauthorized, wire.MessageBadCredentials), reconcile.TroubleCredentials},
		{answer(wire.CodeUnauthorized, wire.MessagePermissionDenied), reconcile.TroubleGrant},
		{answer(wire.CodeModelNotFound, "unknown model"), reconcile.TroubleModelGone},
		{answer(wire.CodeOperationBlocked, "no"), reconcile.TroubleBlocked},
		{context.DeadlineExceeded, reconcile.TroubleSlow},
		{fmt.Errorf("not connected: %w", jujuapi.ErrConnectionLost), reconcile.TroubleCut},
		{errors.New("connection refused"), reconcile.TroubleCut},
	} {
		got, bad := reconcile.TroubleOf(c.err)
		if got.Kind != c.want || bad != (c.want != "") || bad && (got.Message == "" || strings.HasSuffix(got.Message, ".")) {
			t.Errorf("%v: got %q %q, want %q", c.err, got.Kind, got.Message, c.want)
		}
	}
}

func TestTroubleIsShownOnTheClusterAndLoggedOnce(t *testing.T) {
	r := newRig(t, "local:etcd-0", true)
	r.eventually(t, "the cluster is shown", func() bool { return r.phase() == v1alpha1.PhasePending })
	r.fail("Snapshot", &jujuapi.Error{Call: "Client.FullStatus", Code: wire.CodeTryAgain, Message: "try again"})
	r.showsJuju(t, metav1.ConditionFalse, reconcile.TroubleMaintenance)
	r.fail("Snapshot", nil)
	r.showsJuju(t, metav1.ConditionTrue, "AsWanted")
	if n := r.logged("Juju cannot be worked with"); n != 1 {
		t.Errorf("reported %d times", n)
	}
}

// Who may mend it can copy the command.
func TestAGrantThatIsMissingIsToldWithUserAndModel(t *testing.T) {
	r := newRig(t, "local:etcd-0", true)
	r.eventually(t, "the cluster is shown", func() bool { return r.phase() == v1alpha1.PhasePending })
	r.fail("Snapshot", &jujuapi.Error{Call: "Client.FullStatus", Code: wire.CodeUnauthorized, Message: wire.MessagePermissionDenied})
	if got, want := r.showsJuju(t, metav1.ConditionFalse, reconcile.TroubleGrant), "juju grant keeper write admin/prod"; !strings.Contains(got, want) {
		t.Errorf("%q does not say %q", got, want)
	}
}

// TestAGrantThatIsTakenAwayIsNoticedWhereNothingIsChanged: a settled cluster asks for nothing that
// Juju would refuse.
func TestAGrantThatIsTakenAwayIsNoticedWhereNothingIsChanged(t *testing.T) {
	r := newRig(t, "local:etcd-0", true)
	r.eventually(t, "the cluster is shown", func() bool { return r.phase() == v1alpha1.PhasePending })
	r.fail("MayChange", &jujuapi.Error{Call: "Application.SetConfigs", Code: wire.CodeUnauthorized, Message: wire.MessagePermissionDenied})
	if got, want := r.showsJuju(t, metav1.ConditionFalse, reconcile.TroubleGrant), "juju grant keeper write admin/prod"; !strings.Contains(got, want) {
		t.Errorf("%q does not say %q", got, want)
	}
	r.fail("MayChange", &jujuapi.Error{Call: "Application.SetConfigs", Code: wire.CodeOperationBlocked, Message: "no"})
	r.showsJuju(t, metav1.ConditionFalse, reconcile.TroubleBlocked)
	r.fail("MayChange", nil)
	r.showsJuju(t, metav1.ConditionTrue, "AsWanted")
}

// What is told is what Juju says now. A cut connection is met by the calls that were under way; then nobody is let in, and only the
// model is asked for.
func TestTroubleThatAnotherCallHasMetBeforeDoesNotHideWhatTheModelMeetsNow(t *testing.T) {
	r := newRig(t, "local:etcd-0", true)
	r.eventually(t, "the cluster is shown", func() bool { return r.phase() == v1alpha1.PhasePending })
	r.fail("UnitsInfo", fmt.Errorf("cannot call Application.UnitsInfo: %w", jujuapi.ErrConnectionLost))
	r.changeModel("2") // a change in the model has the databags read
	r.showsJuju(t, metav1.ConditionFalse, reconcile.TroubleCut)
	r.fail("Snapshot", fmt.Errorf("not connected to Juju: %w", &jujuapi.Error{Call: "Admin.Login", Message: wire.MessageMaintenance}))
	r.showsJuju(t, metav1.ConditionFalse, reconcile.TroubleMaintenance)
	r.fail("UnitsInfo", nil)
	r.changeModel("3")
	r.fail("Snapshot", nil)
	r.showsJuju(t, metav1.ConditionTrue, "AsWanted")
}

// showsJuju waits until the condition Juju is as wanted, and returns what it says.
func (r *rig) showsJuju(t *testing.T, status metav1.ConditionStatus, reason string) string {
	t.Helper()
	message := ""
	r.eventually(t, fmt.Sprintf("condition Juju is %s %s", status, reason), func() bool {
		clusters, _ := r.objects.Clusters()
		c := meta.FindStatusCondition(clusters[0].Status.Conditions, v1alpha1.ConditionJuju)
		if c == nil || c.Status != status || c.Reason != reason {
			return false
		}
		message = c.Message
		return true
	})
	return message
}

// changeModel gives the model another hash.
func (r *rig) changeModel(hash string) {
	r.juju.Lock()
	defer r.juju.Unlock()
	changed := *r.juju.Model
	changed.Hash = hash
	r.juju.Model = &changed
}

// logged counts the log lines with that text.
func (r *rig) logged(text string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Count(strings.Join(r.log, "\n"), text)
}

func TestAControllerThatIsNotWhereItIsConfiguredToBeIsReportedOnceAndIsNoTrouble(t *testing.T) {
	r := newRig(t, "local:etcd-0", true)
	r.eventually(t, "the cluster is shown", func() bool { return r.phase() == v1alpha1.PhasePending })
	r.showsJuju(t, metav1.ConditionTrue, "AsWanted")
	connected := func(address string, silent ...string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.link = jujuapi.State{Connected: true, Address: address, Silent: silent}
	}
	connected("10.0.0.2:17070", "10.0.0.1:17070 (connection refused)")
	message := r.showsJuju(t, metav1.ConditionTrue, reconcile.ReasonOtherAddress)
	for _, want := range []string{"10.0.0.2:17070", "10.0.0.1:17070 (connection refused)"} {
		if !strings.Contains(message, want) {
			t.Errorf("the condition does not name %s: %s", want, message)
		}
	}
	r.eventually(t, "it is reported as an event", func() bool {
		return slices.ContainsFunc(r.objects.Records(registry.Ref{Model: "admin/prod", Name: "etcd"}), func(n registry.Record) bool {
			return n.Kind == registry.RecordJuju && n.Reason == reconcile.ReasonOtherAddress
		})
	})
	if !r.daemon.Ready() {
		t.Error("the daemon says that it is not ready")
	}
	connected("10.0.0.1:17070")
	r.showsJuju(t, metav1.ConditionTrue, "AsWanted")
	r.eventually(t, "its end is logged", func() bool { return r.logged("Juju answers at a configured address again") == 1 })
	if n := r.logged("Juju answers at no configured address"); n != 1 {
		t.Errorf("reported %d times", n)
	}
}
