package observe_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/observation"
)

var errDead = errors.New("getting unit machine name: unit is dead")

// dies makes Juju answer for etcd/2 as it does between a unit's last hook and its end: an error in
// its place, which does not say of whom it is, and nothing of it in its peers' relation.
func (r *rig) dies(shown jujuapi.Life) {
	for _, u := range r.juju.Units {
		for _, d := range u.RelationData {
			delete(d.Units, "etcd/2")
		}
	}
	r.juju.Units[2] = jujuapi.UnitInfo{Err: errDead}
	leaving := r.juju.Model.Applications["etcd"].Units["etcd/2"]
	leaving.Life = shown
	r.juju.Model.Applications["etcd"].Units["etcd/2"] = leaving
}

func TestADeadUnitBlindsNobody(t *testing.T) {
	for _, shown := range []jujuapi.Life{jujuapi.Dying, jujuapi.Dead} {
		r := newRig(t)
		r.observe(true)
		r.dies(shown)
		obs := r.observe(true)
		if len(obs.Blind) != 0 || !obs.LatchRead || obs.Units[0].Facts == nil || obs.Units[0].Unread {
			t.Errorf("%s: blind %q, latch read %v, the others' facts %v", shown, obs.Blind, obs.LatchRead, obs.Units[0].Facts)
		}
		u := obs.Units[2]
		if !u.Dying || !u.Dead || !u.Unread || u.Facts == nil || !u.Facts.Member.Present {
			t.Errorf("%s: the dead unit is %+v: what is known of it counts for as long as nothing else is", shown, u)
		}
		if obs = r.observe(true); obs.Units[2].Facts == nil {
			t.Errorf("%s: forgotten at the second look", shown)
		}
	}
}

func TestAUnitThatCannotBeReadAndStaysIsABlindSpot(t *testing.T) {
	tests := map[string]func(r *rig){
		"an error in its place": func(r *rig) { r.dies(jujuapi.Alive) },
		"an error with its name": func(r *rig) {
			r.dies(jujuapi.Alive)
			r.juju.Units[2].Name = "etcd/2"
		},
		"a databag that is not shown": func(r *rig) {
			for _, u := range r.juju.Units {
				u.RelationData[0].Units["etcd/2"] = jujuapi.UnitDatabag{InScope: true, Unread: true}
			}
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			before := r.observe(true)
			test(r)
			obs := r.observe(true)
			if len(obs.Blind) != 1 || !strings.Contains(obs.Blind[0], "etcd/2") {
				t.Errorf("blind %q", obs.Blind)
			}
			if obs.Units[2].Facts == nil || obs.Units[2].Dead || !obs.Units[2].Unread {
				t.Errorf("unit %+v", obs.Units[2])
			}
			if !slices.EqualFunc(before.Units[:2], obs.Units[:2], func(a, b observation.Unit) bool { return same(a.Facts, b.Facts) }) {
				t.Error("the facts of the others have changed")
			}
		})
	}
}

func same(a, b *v1alpha1.UnitFacts) bool {
	return a != nil && b != nil && a.Addresses.Client == b.Addresses.Client
}

func TestADeadUnitThatWasNeverReadIsUnknown(t *testing.T) {
	r := newRig(t)
	r.dies(jujuapi.Dead)
	if u := r.observe(true).Units[2]; u.Facts != nil || !u.Unread || !u.Dead {
		t.Errorf("unit %+v", u)
	}
}
