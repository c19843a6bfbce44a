package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files")

// TestADescriptionShowsWhatIsUnderWay compares whole descriptions with testdata/describe/*.golden.
func TestADescriptionShowsWhatIsUnderWay(t *testing.T) {
	at := metav1.NewTime(time.Date(2030, 4, 5, 6, 7, 8, 0, time.UTC))
	rotation := func(change func(*v1alpha1.ProcedureStatus)) []v1alpha1.ProcedureStatus {
		s := v1alpha1.ProcedureStatus{Name: "CA rotation", ID: "50", Phase: "trust", Since: at}
		change(&s)
		return []v1alpha1.ProcedureStatus{s}
	}
	for name, procedures := range map[string][]v1alpha1.ProcedureStatus{
		"no-procedure": nil,
		"rotation": rotation(func(s *v1alpha1.ProcedureStatus) {
			s.Message = "It goes on until members trust both authorities: etcd/1 does not trust both authorities yet."
		}),
		"rotation-waits": rotation(func(s *v1alpha1.ProcedureStatus) {
			s.Message, s.WaitsForPerson = "Members trust both authorities. Give clients that are not related the CA bundle of both, then run: juju run etcd/leader proceed. The way back is: juju run etcd/leader go-back.", true
		}),
		"rotation-back": rotation(func(s *v1alpha1.ProcedureStatus) {
			s.Back, s.Message = true, "It goes on until members trust the old authority alone: etcd/1 does not trust the old authority alone yet."
		}),
	} {
		t.Run(name, func(t *testing.T) {
			var c v1alpha1.EtcdCluster
			c.Name, c.Namespace = "etcd", "admin/prod"
			c.Status = v1alpha1.EtcdClusterStatus{
				Phase: v1alpha1.PhaseProgressing, Message: "Healthy with 1 member", ClusterID: "cdf818194e3a8c32",
				Epoch: &v1alpha1.Epoch{Number: 1, Holder: "us"}, ObservedAt: at, Procedures: procedures,
				Members: []v1alpha1.MemberStatus{{Unit: "etcd/0", ID: "8e9e05c52164694d", Role: "voter", Version: "3.6.4", Healthy: true, Leader: true}},
				Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "AsWanted",
					Message: "Every unit is a healthy voter.", LastTransitionTime: at}},
			}
			var out strings.Builder
			if err := describeCluster(&out, c, nil); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", "describe", name+".golden"), out.String())
		})
	}
}

// TestADescriptionOfAUnitTellsWhatADefragmentationGained: where one was done.
func TestADescriptionOfAUnitTellsWhatADefragmentationGained(t *testing.T) {
	for want, facts := range map[string]*v1alpha1.DefragFacts{
		"Database:    defragmented: 1.0G before, 12M after (task 41)\n": {Stamp: 41, Before: 1 << 30, After: 12 << 20},
		"": {Stamp: 41}, // its database was new
	} {
		var u v1alpha1.EtcdUnit
		u.Status.Facts = &v1alpha1.UnitFacts{Defragmented: facts}
		var out strings.Builder
		if err := describeUnit(&out, u, nil); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "Database:") != (want != "") {
			t.Errorf("%s", out.String())
		}
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
	for line := range strings.Lines(got) {
		if len(line) > tableWidth+1 {
			t.Errorf("wider than a terminal: %q", line)
		}
	}
}
