//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/etcd/etcdbin"
	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// A snap store need not have the channel that is asked for, not even the default one: the status
// says where it has etcd and what to do, and when the option is set, the cluster is born.
func TestAChannelThatTheStoreLacksIsReportedWithThoseThatItHas(t *testing.T) {
	w := begin(t)
	w.deploy("1")
	w.juju("config", "etcd", "channel=3.9/stable")
	w.daemon()
	w.await(rig.ApplicationShows("etcd", "blocked", "cannot install snap etcd from channel 3.9/stable: no snap revision on specified channel, "+
		"but in 3.6/stable; set the option channel to one that has etcd"))
	w.juju("config", "etcd", "channel=3.6/stable")
	w.await(rig.Healthy("etcd", 1))
}

// Nor need it have the default channel: with auto, a cluster is born from the newest that there is,
// all members from the same, and who joins later takes that one, too, even if the store has the
// default by then.
func TestAutoTakesTheNewestChannelThatTheStoreHas(t *testing.T) {
	w := begin(t)
	programs, err := etcdbin.Dir(w.ctx, "3.5")
	must(t, err)
	must(t, w.Store("3.5/stable", programs, filepath.Base(programs)))
	must(t, w.Store("3.4/stable", programs, "3.4.99"))
	store := filepath.Join(w.Dir, "store", "etcd")
	must(t, os.Rename(filepath.Join(store, "3.6"), filepath.Join(w.Dir, "3.6")))
	w.daemon()
	w.deploy("3")
	w.await(neverAsksForAChannel(t, rig.Healthy("etcd", 3)))
	writer := w.write()
	must(t, os.Rename(filepath.Join(w.Dir, "3.6"), filepath.Join(store, "3.6")))
	w.juju("add-unit", "etcd")
	w.await(rig.Healthy("etcd", 4))
	s, err := w.Status(w.ctx)
	must(t, err)
	w.juju("remove-unit", s.Leader("etcd"))
	w.await(rig.Healthy("etcd", 3))
	t.Log(writer.VerifyNoneLost())
	var units []v1alpha1.EtcdUnit
	etcdtest.Eventually(t, time.Minute, "the daemon has seen who went", func(context.Context) bool {
		text, err := w.Jujuetcd(w.ctx, "get", "units", "--socket", w.Socket(), "-o", "json")
		must(t, err)
		units = nil
		must(t, json.Unmarshal([]byte(text), &units))
		return len(units) == 3
	})
	for _, u := range units {
		if f := u.Status.Facts; f == nil || f.Snap == nil || f.Snap.Channel != "3.5/stable" || f.Snap.Version != filepath.Base(programs) || u.Spec.Snap.Channel != "3.5/stable" {
			t.Errorf("%s should have the channel %s, and tells of %+v", u.Name, u.Spec.Snap.Channel, f)
		}
	}
}

// neverAsksForAChannel is the condition, and fails the test once anything tells a person to set the option channel meanwhile.
func neverAsksForAChannel(t *testing.T, c rig.Condition) rig.Condition {
	return func(s rig.Status) (bool, string) {
		lines := []string{s.Applications["etcd"].Status.Message}
		for _, unit := range s.UnitNames("etcd") {
			lines = append(lines, s.Unit(unit).Workload.Message)
		}
		if i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "set the option channel") }); i >= 0 {
			t.Errorf("shown while the next channel is tried: %s", lines[i])
		}
		return c(s)
	}
}
