package machine_test

import (
	"context"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// A snap that was uploaded with the charm is what a machine without a store installs; nobody looks for it once a snap is there.
func TestAnUploadedSnapIsInstalledInsteadOfTheChannels(t *testing.T) {
	w := newWorld(t)
	file := w.path("etcd.snap")
	if err := os.WriteFile(file, []byte("snap"), 0o600); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for action := range 2 {
		s := w.situation(int64(action + 1))
		s.SnapFile = func(context.Context) string { asked++; return file }
		status := w.machine().Apply(t.Context(), w.prepare(), s)
		if status.Outcome != v1alpha1.OutcomeApplied {
			t.Fatalf("%+v", status)
		}
		if first := action == 0; slices.Contains(status.Changed, "snap install etcd.snap") != first {
			t.Errorf("delivery %d changed %v", action+1, status.Changed)
		}
	}
	if diff := cmp.Diff([]string{"install file", "stop"}, w.calls); diff != "" || asked != 1 {
		t.Errorf("asked for the file %d times; %s", asked, diff)
	}
}

func TestWithoutAnUploadedSnapTheChannelsIsInstalled(t *testing.T) {
	w := newWorld(t)
	s := w.situation(1)
	s.SnapFile = func(context.Context) string { return "" }
	if status := w.machine().Apply(t.Context(), w.prepare(), s); status.Outcome != v1alpha1.OutcomeApplied {
		t.Fatalf("%+v", status)
	}
	if diff := cmp.Diff([]string{"install 3.6/stable", "stop"}, w.calls); diff != "" {
		t.Error(diff)
	}
}
