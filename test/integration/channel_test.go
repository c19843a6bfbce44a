//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/rig"
)

// A snap store need not have the channel that is asked for, not even the default one: the status says where it has etcd and what to do,
// and when the option is set, the cluster is born.
func TestAChannelThatTheStoreLacksIsToldWithThoseThatItHas(t *testing.T) {
	w := begin(t)
	w.deploy("1")
	w.juju("config", "etcd", "channel=3.9/stable")
	w.daemon()
	w.await(rig.ApplicationShows("etcd", "blocked", "cannot install snap etcd from channel 3.9/stable: no snap revision on specified channel, "+
		"but in 3.6/stable; set the option channel to one that has etcd"))
	w.juju("config", "etcd", "channel=3.6/stable")
	w.await(rig.Healthy("etcd", 1))
}

// Nor need it have the default channel: with auto, a cluster is born from the newest that there is, all members from the same.
func TestAutoTakesTheNewestChannelThatTheStoreHas(t *testing.T) {
	w := begin(t)
	store := filepath.Join(w.Dir, "store", "etcd")
	must(t, os.Rename(filepath.Join(store, "3.6"), filepath.Join(store, "3.4")))
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	text, err := w.Jujuetcd(w.ctx, "get", "units", "--socket", w.Socket(), "-o", "json")
	must(t, err)
	var units []v1alpha1.EtcdUnit
	must(t, json.Unmarshal([]byte(text), &units))
	if len(units) != 3 {
		t.Errorf("%d units are there", len(units))
	}
	for _, u := range units {
		if f := u.Status.Facts; f == nil || f.Snap == nil || f.Snap.Channel != "3.4/stable" || u.Spec.Snap.Channel != "3.4/stable" {
			t.Errorf("%s should have the channel %s, and tells of %+v", u.Name, u.Spec.Snap.Channel, f)
		}
	}
}
