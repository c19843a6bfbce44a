package model_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/sim/model"
)

// A subordinate comes with its principal's entry into the relation, on its machine, sees it alone, and goes with either.
func TestSubordinateFollowsItsPrincipal(t *testing.T) {
	m := world(t, 2, model.Options{})
	principal := testCharm(t, "name: app\nprovides: {checks: {interface: nrpe, scope: container}, web: {interface: http}}\n", "", "")
	helper := testCharm(t, "name: helper\nsubordinate: true\nrequires: {checks: {interface: nrpe, scope: container}}\n", "", "")
	plain := testCharm(t, "name: plain\nrequires: {checks: {interface: nrpe, scope: container}}\n", "", "")
	for c, n := range map[string]int{"app": 2, "helper": 3, "plain": 1} {
		args := model.DeployArgs{NumUnits: n}
		switch c {
		case "app":
			args.Charm = principal
		case "helper":
			args.Charm = helper
		default:
			args.Charm = plain
		}
		_, err := m.Deploy(args)
		must(t, err)
	}
	start(t, m)
	if units := m.UnitNames("helper"); len(units) > 0 {
		t.Errorf("a subordinate has units of its own: %v", units)
	}
	if _, err := m.AddUnits("helper", 1, nil); err == nil || !strings.Contains(err.Error(), "subordinate") {
		t.Errorf("a unit was added to a subordinate: %v", err)
	}
	if _, err := m.AddRelation("plain:checks", "app:checks"); err == nil || !strings.Contains(err.Error(), "at least one subordinate") {
		t.Errorf("a container relation between principals: %v", err)
	}
	id, err := m.AddRelation("helper:checks", "app:checks")
	must(t, err)
	must(t, m.EnterScope("app/0", id))
	must(t, m.EnterScope("app/1", id))
	must(t, m.EnterScope("app/1", id))
	helpers := m.UnitNames("helper")
	if diff := cmp.Diff([]string{"helper/0", "helper/1"}, helpers); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	for i, h := range helpers {
		must(t, m.AgentUp(h))
		must(t, m.EnterScope(h, id))
		mine, err := m.Unit(h)
		must(t, err)
		its, err := m.Unit([]string{"app/0", "app/1"}[i])
		must(t, err)
		if mine.Machine != its.Machine || mine.Principal != its.Name {
			t.Errorf("%s is on machine %s beside %q, not on %s beside %s", h, mine.Machine, mine.Principal, its.Machine, its.Name)
		}
		sees, err := m.View(h).RelationUnits(id)
		must(t, err)
		seen, err := m.View(its.Name).RelationUnits(id)
		must(t, err)
		if diff := cmp.Diff([][]string{{its.Name}, {h}}, [][]string{sees, seen}); diff != "" {
			t.Errorf("what both see (-want +got):\n%s", diff)
		}
	}
	must(t, m.DestroyUnit("app/1"))
	if u, err := m.Unit("helper/1"); err != nil || u.Life != model.Dying {
		t.Errorf("the subordinate of a dying unit is %s, %v", u.Life, err)
	}
	if s, err := m.Snapshot("app/1"); err != nil || !s.Subordinates {
		t.Errorf("the principal does not wait for its subordinate: %v", err)
	}
	must(t, m.UnitGone("helper/1"))
	if s, err := m.Snapshot("app/1"); err != nil || s.Subordinates {
		t.Errorf("the principal waits for ever: %v", err)
	}
	must(t, m.DestroyRelation("helper:checks", "app:checks", false))
	if u, err := m.Unit("helper/0"); err != nil || u.Life != model.Dying {
		t.Errorf("the subordinate of a dying relation is %s, %v", u.Life, err)
	}
	if u, err := m.Unit("app/0"); err != nil || u.Life != model.Alive {
		t.Errorf("its principal is %s, %v", u.Life, err)
	}
}
