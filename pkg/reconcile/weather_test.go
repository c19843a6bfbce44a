package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/pkg/reconcile"
)

func TestTroubleIsToldByWhatJujuAnswers(t *testing.T) {
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
	fail := func(err error) {
		r.juju.Lock()
		defer r.juju.Unlock()
		r.juju.Fail["Snapshot"] = err
	}
	fail(&jujuapi.Error{Call: "Client.FullStatus", Code: wire.CodeTryAgain, Message: "try again"})
	shown := func(want string) func() bool {
		return func() bool {
			clusters, _ := r.objects.Clusters()
			for _, c := range clusters[0].Status.Conditions {
				if c.Type == v1alpha1.ConditionJuju {
					return c.Reason == want
				}
			}
			return false
		}
	}
	r.eventually(t, "the trouble is shown", shown(reconcile.TroubleMaintenance))
	fail(nil)
	r.eventually(t, "it is over", shown("AsWanted"))
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := strings.Count(strings.Join(r.log, "\n"), "Juju cannot be worked with"); n != 1 {
		t.Errorf("told %d times", n)
	}
}
