//go:build integration

package integration

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/test/rig"
)

// A daemon that takes over where requests are approved by hand has nothing to look at etcd with
// until it is given a certificate. The cluster is healthy all that time, and nobody may read
// anything else: the units keep what they show, and the application says that it is not looked at.
func TestADaemonThatHasNoCertificateYetSaysNothingOfEtcd(t *testing.T) {
	w := begin(t, "--update-status", "5s")
	w.daemon()
	w.deploySigned("3", "approve=manual")
	w.eventually(t, "all is asked for", func() bool { return strings.HasPrefix(w.requests(), "7 outstanding") })
	w.juju("run", "selfsigned/0", "approve")
	w.await(rig.Healthy("etcd", 3))
	must(t, w.StopDaemon())

	texts := w.watchTexts()
	must(t, w.StartOther("b", "jujuetcd", w.password, "admin/demo", "--take-over"))
	w.eventually(t, "the new daemon asks for its own certificate", func() bool { return strings.HasPrefix(w.requests(), "1 outstanding") })
	w.eventually(t, "the application says that it is not looked at", func() bool {
		s, err := w.Status(w.ctx)
		must(t, err)
		return strings.HasPrefix(s.Applications["etcd"].Status.Message, "The jujuetcd controller cannot look at etcd")
	})
	w.juju("run", "selfsigned/0", "approve")
	w.await(rig.Healthy("etcd", 3))
	for _, text := range texts() {
		if strings.Contains(text, "quorum") || strings.Contains(text, "Errored") || strings.Contains(text, "handshake") {
			t.Errorf("a healthy cluster was shown to be ill: %s", text)
		}
	}
}

// What holds up a birth for ever is what the units and the application show, and not that they wait
// for a controller that runs.
func TestWhatHoldsUpABirthIsShownWhereAnOperatorLooks(t *testing.T) {
	w := begin(t, "--update-status", "5s")
	w.daemon()
	w.juju("deploy", filepath.Join(w.Root, "dist/etcd.charm"), "-n", "2", "--config", "port=70000")
	w.juju("integrate", "etcd", "easyrsa")
	const why = "Option port is 70000"
	for _, unit := range []string{"etcd/0", "etcd/1"} {
		w.await(rig.UnitShows(unit, "blocked", why))
	}
	w.eventually(t, "the application shows it", func() bool {
		s, err := w.Status(w.ctx)
		must(t, err)
		return strings.HasPrefix(s.Applications["etcd"].Status.Message, why)
	})
	// update-status comes every 5 s, and repeats it.
	before, since := w.tasks(), time.Now()
	w.eventually(t, "update-status has come twice", func() bool { return time.Since(since) > 11*time.Second })
	for _, unit := range []string{"etcd/0", "etcd/1"} {
		w.await(rig.UnitShows(unit, "blocked", why))
	}
	if now := w.tasks(); now != before {
		t.Errorf("the same words were delivered again: %d deliveries, then %d", before, now)
	}
	w.juju("config", "etcd", "port=2379")
	w.await(rig.Healthy("etcd", 2))
}
