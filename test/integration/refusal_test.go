//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/rig"
)

// A reconcile that is delivered hours late, one of an older epoch, of a foreign daemon, and ones that expect another member
// or cluster are refused by the unit, and nothing is touched: no file, no databag, no process.
func TestAStaleReconcileIsRefusedAndTouchesNothing(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("1")
	w.await(rig.Healthy("etcd", 1))
	must(t, w.StopDaemon())

	reconciles, err := w.api.Reconciles(w.ctx)
	must(t, err)
	good := reconciles[len(reconciles)-1].Spec
	good.Delivery.NotAfter = metav1.NewTime(time.Now().Add(10 * time.Minute))
	// Another daemon takes over, so that there is an older epoch.
	former := good.Delivery.Epoch
	good.Delivery.Epoch = v1alpha1.Epoch{Number: former.Number + 1, Holder: "another-daemon"}
	good.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{From: &former}}
	if claimed := w.reconcile(t, "etcd/0", good); claimed.Outcome != v1alpha1.OutcomeApplied {
		t.Fatalf("the claim is %s: %s", claimed.Outcome, claimed.Message)
	}
	good.Latch = nil
	// Each of them would change the configuration if it were applied.
	good.Etcd.HeartbeatIntervalMs = 150
	good.Delivery.AllowRestart = true

	for _, test := range []struct {
		name, reason string
		spoil        func(*v1alpha1.EtcdUnitSpec)
	}{
		{"hours late", v1alpha1.ReasonLate, func(s *v1alpha1.EtcdUnitSpec) {
			s.Delivery.NotAfter = metav1.NewTime(time.Now().Add(-3 * time.Hour))
		}},
		{"older epoch", v1alpha1.ReasonOlderEpoch, func(s *v1alpha1.EtcdUnitSpec) { s.Delivery.Epoch = former }},
		{"foreign holder", v1alpha1.ReasonForeignHolder, func(s *v1alpha1.EtcdUnitSpec) { s.Delivery.Epoch.Holder = "somebody-else" }},
		{"other member", v1alpha1.ReasonOtherMember, func(s *v1alpha1.EtcdUnitSpec) { s.Delivery.ExpectMemberID = "00000000000000aa" }},
		{"other cluster", v1alpha1.ReasonOtherCluster, func(s *v1alpha1.EtcdUnitSpec) { s.Delivery.ExpectClusterID = "00000000000000bb" }},
		{"other unit", v1alpha1.ReasonOtherUnit, func(s *v1alpha1.EtcdUnitSpec) { s.Unit = "etcd/7" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			spec := *good.DeepCopy()
			test.spoil(&spec)
			before := w.touchable("etcd/0")
			result := w.reconcile(t, "etcd/0", spec)
			if result.Outcome != v1alpha1.OutcomeRefused || result.Reason != test.reason {
				t.Errorf("outcome %s, reason %s (%s), not Refused, %s", result.Outcome, result.Reason, result.Message, test.reason)
			}
			if after := w.touchable("etcd/0"); after != before {
				t.Errorf("something was touched:\nbefore %s\nafter  %s", before, after)
			}
		})
	}
	t.Run("the same delivery, good, is applied", func(t *testing.T) {
		before := w.touchable("etcd/0")
		if result := w.reconcile(t, "etcd/0", good); result.Outcome != v1alpha1.OutcomeApplied {
			t.Errorf("outcome %s, reason %s: %s", result.Outcome, result.Reason, result.Message)
		}
		if after := w.touchable("etcd/0"); after == before {
			t.Error("nothing was touched: the refusals above prove nothing")
		}
	})
}

// reconcile hands the spec to the unit as a daemon would, and waits for the end.
func (w *world) reconcile(t *testing.T, unit string, spec v1alpha1.EtcdUnitSpec) v1alpha1.EtcdUnitStatus {
	t.Helper()
	text, err := json.Marshal(spec)
	must(t, err)
	task, err := w.api.Enqueue(w.ctx, unit, "reconcile", map[string]any{"desired": string(text)})
	must(t, err)
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	for {
		tasks, err := w.api.Conn.Tasks(ctx, task.ID)
		must(t, err)
		if tasks[0].Status.Final() {
			var status v1alpha1.EtcdUnitStatus
			text, _ := tasks[0].Output["status"].(string)
			if err := json.Unmarshal([]byte(text), &status); err != nil {
				t.Fatalf("the task is %s (%s), and its result cannot be read: %v", tasks[0].Status, tasks[0].Message, err)
			}
			return status
		}
		select {
		case <-ctx.Done():
			t.Fatalf("task %s is still %s", task.ID, tasks[0].Status)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// touchable is all that a reconcile could change on the unit: what the agent writes on the machine, by time and size, and
// the unit's databags, status and ports.
func (w *world) touchable(unit string) string {
	w.t.Helper()
	s, err := w.Status(w.ctx)
	must(w.t, err)
	units, app, err := w.api.Databags(w.ctx, "etcd")
	must(w.t, err)
	state := map[string]any{
		"files": w.agentFiles(s.Unit(unit).Machine), "databag": units[unit], "latch": app,
		"status": s.Unit(unit).Workload.String(), "ports": s.Unit(unit).OpenPorts,
	}
	text, err := json.Marshal(state)
	must(w.t, err)
	return string(text)
}

// agentFiles are the files of the machine that an agent writes, with when they were written: all but what etcd, snapd, the
// logs and Juju's own agent write.
func (w *world) agentFiles(machine string) map[string]string {
	w.t.Helper()
	files := map[string]string{}
	root := w.MachineRoot(machine)
	for _, dir := range []string{"var/snap/etcd/common", "var/lib/jujuetcd", "etc"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name := strings.TrimPrefix(path, root+"/")
			if d.IsDir() && name == "var/snap/etcd/common/data" {
				return filepath.SkipDir
			}
			if !d.Type().IsRegular() {
				return nil
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			files[name] = info.ModTime().Format(time.RFC3339Nano)
			return nil
		})
		must(w.t, err)
	}
	if len(files) < 5 {
		w.t.Fatalf("only %v are found below %s: this looks in the wrong place", files, root)
	}
	return files
}
