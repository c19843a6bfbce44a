//go:build integration

package integration

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/netns"
	"jujuetcd.io/sim/server"
	"jujuetcd.io/test/rig"
)

const exposePolicy = `apiVersion: jujuetcd.io/v1alpha1
kind: EtcdCluster
metadata:
  name: etcd
spec:
  network:
    exposeTo: [auto]
`

// A closed network opens to the daemon when a policy allows that, and to nobody else; what a person
// has exposed stays. Where Juju refuses the exposure, that is reported, the units are worked
// through all the same, and it is made when it can be.
func TestAClosedNetworkOpensWhereThePolicyAllowsIt(t *testing.T) {
	runBeside(t)
	w := begin(t)
	network, err := w.NewClosedNetwork(w.ctx, "admin/demo")
	if errors.Is(err, netns.ErrNotRoot) {
		t.Skipf("THIS TEST DID NOT RUN: %v", err)
	}
	must(t, err)
	t.Cleanup(network.Close)
	policies := t.TempDir()
	must(t, network.StartDaemon(w.Rig, "jujuetcd", w.password, "admin/demo", "--config-dir", policies))
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	w.juju("expose", "etcd", "--endpoints", "db", "--to-cidrs", "192.0.2.0/24")
	began := time.Now()
	w.juju("add-unit", "etcd")
	w.await(rig.Healthy("etcd", 4))
	closed := time.Since(began)
	if text := w.condition("etcd", v1alpha1.ConditionReachable); !strings.Contains(text, "False") {
		t.Fatalf("without a policy: %s", text)
	}
	w.exposedTo("192.0.2.0/24")

	began = time.Now()
	must(t, os.WriteFile(filepath.Join(policies, "etcd.yaml"), []byte(exposePolicy), 0o600))
	w.awaitReachable("True")
	opened := time.Since(began)
	w.exposedTo("127.0.0.1/32", "192.0.2.0/24")
	began = time.Now()
	w.juju("add-unit", "etcd")
	w.await(rig.Healthy("etcd", 5))
	direct := time.Since(began)

	// Somebody takes it all back, and forbids all changes.
	w.juju("unexpose", "etcd")
	w.blockChanges("SwitchBlockOn")
	w.awaitReachable("False", "could not be exposed to 127.0.0.1/32", "juju enable-command all")
	w.await(rig.Healthy("etcd", 5))
	w.exposedTo()
	w.blockChanges("SwitchBlockOff")
	began = time.Now()
	w.awaitReachable("True")
	w.exposedTo("127.0.0.1/32")
	t.Logf("3 -> 4 units in a closed network %.1f s; from the policy to direct access %.1f s; 4 -> 5 units with it %.1f s; "+
		"from the end of a refusal to direct access %.1f s", closed.Seconds(), opened.Seconds(), direct.Seconds(), time.Since(began).Seconds())
}

// exposedTo fails the test unless the endpoint db, and no other, is exposed to these CIDRs.
func (w *world) exposedTo(want ...string) {
	w.t.Helper()
	model, err := w.api.FullStatus(w.ctx, w.api.Model)
	must(w.t, err)
	exposures := model.Applications["etcd"].Exposures
	if got := exposures["db"].CIDRs; !slices.Equal(got, want) || len(exposures) > 1 {
		w.t.Errorf("exposed: %v, not endpoint db to %v", exposures, want)
	}
}

// awaitReachable waits until the condition Reachable has the status, and these texts in its
// message.
func (w *world) awaitReachable(status string, texts ...string) {
	w.t.Helper()
	last := ""
	defer func() {
		if w.t.Failed() {
			w.t.Logf("the condition at last: %s", last)
		}
	}()
	eventually(w.ctx, w.t, "the condition Reachable is "+status, func() bool {
		last = w.condition("etcd", v1alpha1.ConditionReachable)
		return strings.HasPrefix(last, status) && !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(last, text) })
	})
}

// blockChanges does what juju disable-command all and enable-command all do.
func (w *world) blockChanges(method string) {
	w.t.Helper()
	var result wire.ErrorResult
	must(w.t, w.api.Call(w.ctx, "Block", 2, method, server.SwitchBlock{Type: "BlockChange"}, &result))
	if result.Error != nil {
		w.t.Fatal(result.Error)
	}
}
