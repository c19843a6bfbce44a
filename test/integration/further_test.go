//go:build integration

package integration

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/test/rig"
)

// TestAFurtherAuthorityIsUsedWithoutAFailedRequest: the provider offers another authority beside the one in use, and certificates of that
// one at once. Each member is restarted once, and shows the new certificate when all of them trust it; three clients connect anew for each
// call throughout.
func TestAFurtherAuthorityIsUsedWithoutAFailedRequest(t *testing.T) {
	onProfiles(t, "4.0", furtherAuthorityIsUsed)
}

func furtherAuthorityIsUsed(t *testing.T, profile string) {
	w := begin(t, "--update-status", "5s", "--profile", profile)
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	clients := w.freshClients()
	_, endpoints := w.client()
	processes := strings.Split(w.processes(t), "; ")
	former := w.shown(t, endpoints[0]).AuthorityKeyId
	w.juju("run", "easyrsa/0", "add-authority")
	w.await(rig.ApplicationShows("etcd", "active", "easyrsa offers a further authority beside the one in use"))
	w.await(rig.All(unsaid("etcd", "further authority"), rig.Healthy("etcd", 3)))
	eventually(w.ctx, t, "every member shows a certificate of the further authority", func() bool {
		return !slices.ContainsFunc(endpoints, func(e string) bool { return bytes.Equal(w.shown(t, e).AuthorityKeyId, former) })
	})
	for i, now := range strings.Split(w.processes(t), "; ") {
		if now == processes[i] {
			t.Errorf("%s was not restarted to trust the further authority", now)
		}
	}
	restarted := w.processes(t)
	for _, c := range clients {
		c.lap(t, "further authority")
	}
	config, endpoints := w.client()
	must(t, rig.ThroughEach(w.ctx, config, endpoints))
	for _, e := range endpoints {
		must(t, rig.LetIn(w.ctx, config, e))
	}
	w.await(rig.Healthy("etcd", 3))
	if now := w.processes(t); now != restarted {
		t.Errorf("restarted again: %s, before %s", now, restarted)
	}
	w.oneMemberEach(t, "etcd0", "etcd1", "etcd2")
}
