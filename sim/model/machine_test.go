package model_test

import (
	"testing"

	"jujuetcd.io/sim/model"
)

func TestAMachineGoesWithItsUnitsOrNotAtAll(t *testing.T) {
	for _, tc := range []struct {
		name   string
		id     string
		force  bool
		code   model.Code
		error  string
		gone   bool // from the list at once
		lonely bool // etcd/1 has gone with it
	}{
		{"one with a unit", "1", false, model.HasAssignedUnits, `machine 1 has unit "etcd/1" assigned`, false, false},
		{"one with a unit, by force", "1", true, "", "", false, true},
		{"one that was never made", "2", false, "", "", true, false},
		{"an empty one", "3", false, "", "", false, false},
		{"none", "9", false, model.NotFound, "machine 9 not found", true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := world(t, 2, model.Options{})
			for _, want := range []string{"2", "3"} {
				if id := m.AddMachine(""); id != want {
					t.Fatalf("the machine is %s, want %s", id, want)
				}
			}
			for _, id := range []string{"0", "1", "3"} {
				must(t, m.MachineStarted(id, model.MachineFacts{}))
			}
			err := m.DestroyMachine(tc.id, tc.force)
			if model.CodeOf(err) != tc.code || (err != nil) != (tc.error != "") || err != nil && err.Error() != tc.error {
				t.Errorf("got %v, want %s %s", err, tc.code, tc.error)
			}
			seen, gone := m.Machine(tc.id)
			if model.IsNotFound(gone) != tc.gone {
				t.Errorf("it is %+v, %v", seen, gone)
			}
			if dying := gone == nil && seen.Life == model.Dying; dying != (tc.error == "" && !tc.gone) {
				t.Errorf("it is %s", seen.Life)
			}
			if _, err := m.Unit("etcd/1"); model.IsNotFound(err) != tc.lonely {
				t.Errorf("its unit: %v", err)
			}
			if tc.error != "" || tc.gone {
				return
			}
			if _, err := m.AddUnits("etcd", 1, []model.Placement{model.Placement(tc.id)}); err == nil {
				t.Error("a unit was placed on a machine that goes")
			}
		})
	}
}

func TestAnAddedMachineGoesWithItsLastUnit(t *testing.T) {
	m := world(t, 1, model.Options{})
	id := m.AddMachine("")
	must(t, m.MachineStarted(id, model.MachineFacts{}))
	units, err := m.AddUnits("etcd", 1, []model.Placement{model.Placement(id)})
	must(t, err)
	must(t, m.DestroyUnit(units[0])) // its agent never was there
	if mc, err := m.Machine(id); err != nil || mc.Life != model.Dying {
		t.Errorf("the machine is %+v, %v", mc, err)
	}
}
