package v1alpha1

import (
	"os"
	"regexp"
	"testing"
)

// Who adds an action to the charm says whether it disturbs: without a row it holds everything back.
func TestEachActionOfTheCharmIsKnownToDisturbOrNot(t *testing.T) {
	text, err := os.ReadFile("../../../deploy/charm/actions.yaml")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllSubmatch(text, -1) {
		names[string(found[1])] = true
	}
	if !names[ActionReconcile] || len(names) < 3 {
		t.Fatalf("found %v", names)
	}
	delete(names, ActionReconcile)
	for name := range names {
		if _, known := disturbs[name]; !known {
			t.Errorf("the action %s has no row in the table of what disturbs", name)
		}
	}
	for name := range disturbs {
		if !names[name] {
			t.Errorf("the charm has no action %s", name)
		}
	}
	for action, want := range map[string]bool{ActionHealth: false, ActionBeginAnew: false, "restore": true, "juju-exec": true, "": true} {
		if got := Disturbs(action); got != want {
			t.Errorf("%q disturbs: %t, want %t", action, got, want)
		}
	}
}
