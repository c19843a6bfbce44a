//go:build integration

package integration

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/test/rig"
)

// everyMinute is a policy with a schedule.
const everyMinute = "apiVersion: jujuetcd.io/v1alpha1\nkind: EtcdCluster\nmetadata:\n  name: etcd\nspec:\n  snapshots:\n    schedule: '* * * * *'\n    keep: 1\n    drill: '* * * * *'\n"

// TestAScheduleTakesSnapshots: the first one at once, one for each minute, as many as are to be kept, beside what
// a person has taken; seen by Juju's verbs, by metrics and by a condition, which tells of the first fault, too.
func TestAScheduleTakesSnapshots(t *testing.T) {
	w := begin(t)
	policies := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	metrics := listener.Addr().String()
	must(t, listener.Close())
	w.daemon("--metrics-address", metrics, "--config-dir", policies)
	w.deploy("1")
	w.await(rig.Healthy("etcd", 1))
	person := w.nested(t, "etcd/0", "snapshot")["snapshot.path"]
	must(t, os.WriteFile(filepath.Join(policies, "etcd.yaml"), []byte(everyMinute), 0o600))
	w.showsCondition(t, v1alpha1.ConditionSnapshots, metav1.ConditionTrue, "")
	first := w.scheduledSnapshot(t, person, "")
	w.awaitSchedule("another one follows", func(c v1alpha1.EtcdCluster) bool {
		return c.Status.Snapshots.Last != nil && c.Status.Snapshots.Last.ID > first.Origin.Tick
	})
	if second := w.scheduledSnapshot(t, person, first.ID); first.Origin.Tick >= second.Origin.Tick {
		t.Errorf("%+v follows %+v", second, first)
	}
	w.awaitSchedule("one was restored for a trial", func(c v1alpha1.EtcdCluster) bool {
		d := c.Status.Drills
		return d != nil && d.Last != nil && d.Last.Unit == "etcd/0" && d.Last.Hashed && d.Last.Tick >= first.Origin.Tick
	})
	w.showsCondition(t, v1alpha1.ConditionDrill, metav1.ConditionTrue, "")
	text := get(t, "http://"+metrics+"/metrics")
	recent := float64(time.Now().Add(-5 * time.Minute).Unix())
	for name, least := range map[string]float64{"snapshot_overdue": 0, "snapshot_last_timestamp_seconds": recent, "snapshot_last_size_bytes": 1,
		"restore_drill_failing": 0, "restore_drill_last_timestamp_seconds": recent} {
		found := regexp.MustCompile(`(?m)^jujuetcd_` + name + `\{application="etcd",model="admin/demo"(?:,source="unit")?\} (\S+)$`).FindStringSubmatch(text)
		if found == nil {
			t.Errorf("no metric %s", name)
			continue
		}
		if value, err := strconv.ParseFloat(found[1], 64); err != nil || value < least || least == 0 && value != 0 {
			t.Errorf("%s is %s", name, found[1])
		}
	}
	// What a person has put in the place of the folder is told, and nothing of it is removed.
	folder := filepath.Join(w.MachineRoot(machineOf(t, w, "etcd/0")), machine.DefaultSnapshots)
	must(t, os.Rename(folder, folder+".away"))
	must(t, os.WriteFile(folder, []byte("a file"), 0o600))
	w.awaitSchedule("it is told that the folder is none", func(c v1alpha1.EtcdCluster) bool {
		i := slices.IndexFunc(c.Status.Conditions, func(c metav1.Condition) bool { return c.Type == v1alpha1.ConditionSnapshots })
		return c.Status.Conditions[i].Reason == "Failing" && strings.Contains(c.Status.Conditions[i].Message, "it is no folder")
	})
	if got, err := os.ReadFile(folder); err != nil || string(got) != "a file" {
		t.Errorf("in its place is %q, %v", got, err)
	}
}

// awaitSchedule waits for what the daemon shows of a schedule, for more than a minute.
func (w *world) awaitSchedule(what string, shown func(v1alpha1.EtcdCluster) bool) {
	w.t.Helper()
	w.await(func(rig.Status) (bool, string) {
		c := w.cluster(w.Socket())
		return c.Status.Snapshots != nil && shown(c), what
	})
}

// scheduledSnapshot is the one of the schedule that is listed, verified, beside a person's; it may be another one than
// that with the ID.
func (w *world) scheduledSnapshot(t *testing.T, person, id string) snapshot.Listed {
	t.Helper()
	var all, scheduled []snapshot.Listed
	must(t, json.Unmarshal([]byte(w.nested(t, "etcd/0", "list-snapshots", "verify=true")["snapshots"]), &all))
	persons := 0
	for _, l := range all {
		switch {
		case !l.Verified:
			t.Fatalf("damaged: %+v", l)
		case l.Path == person:
			persons++
		case strings.HasPrefix(l.ID, "etcd-scheduled-"+l.Origin.ClusterID+"-"+l.Origin.Tick):
			scheduled = append(scheduled, l)
		}
	}
	if persons != 1 || len(scheduled) != 1 || len(all) != 2 {
		t.Fatalf("after %q it lists %+v", id, all)
	}
	return scheduled[0]
}
