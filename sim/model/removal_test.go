package model_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/sim/model"
)

// TestADyingApplicationGoesWhateverEndsFirst: two related applications, each removed, by force or
// not, or not removed; then their units go in every order, through their hooks or at once. What
// was removed goes with the last that holds it, and what was not stays.
func TestADyingApplicationGoesWhateverEndsFirst(t *testing.T) {
	for _, removed := range [][]string{{"etcd"}, {"pki"}, {"etcd", "pki"}, {"pki", "etcd"}} {
		for _, order := range [][]string{{"etcd/0", "pki/0"}, {"pki/0", "etcd/0"}} {
			for _, byForce := range [][]string{nil, {"etcd"}, {"pki"}, {"etcd", "pki"}} {
				t.Run(fmt.Sprint(removed, order, byForce), func(t *testing.T) { endsInOrder(t, removed, order, byForce) })
			}
		}
	}
}

func endsInOrder(t *testing.T, removed, order, byForce []string) {
	t.Helper()
	m := world(t, 1, model.Options{})
	_, err := m.Deploy(model.DeployArgs{Charm: testCharm(t, "name: pki\nprovides: {client: {interface: tls-certificates}}", "", ""), NumUnits: 1})
	must(t, err)
	related, err := m.AddRelation("etcd:certificates", "pki:client")
	must(t, err)
	start(t, m)
	for _, name := range removed {
		must(t, m.DestroyApplication(name))
	}
	for _, unit := range order {
		name, _, _ := strings.Cut(unit, "/")
		if slices.Contains(byForce, name) && slices.Contains(removed, name) {
			must(t, m.UnitGone(unit))
			continue
		}
		s, err := m.Snapshot(unit)
		must(t, err)
		for id, r := range s.Relations {
			if r.Life != model.Alive || s.Life != model.Alive {
				must(t, m.LeaveScope(unit, id))
			}
		}
		if slices.Contains(removed, name) {
			must(t, m.UnitDead(unit))
			must(t, m.UnitGone(unit))
		}
	}
	s := m.FullStatus()
	for _, r := range s.Relations {
		if r.ID == related {
			t.Errorf("the relation is left: %+v", r)
		}
	}
	for _, a := range s.Applications {
		if slices.Contains(removed, a.Name) {
			t.Errorf("%s is left, and is %s with %d units", a.Name, a.Life, len(a.Units))
		}
	}
	if len(s.Applications) != 2-len(removed) {
		t.Errorf("%d applications are left, of 2 of which %d were removed", len(s.Applications), len(removed))
	}
}
