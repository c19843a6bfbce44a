//go:build integration

package integration

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/test/rig"
)

const (
	restsAfterTrust  = "waits for you (members trust both authorities)"
	restsAfterLeaves = "waits for you (certificates of the new authority are in use)"
)

// freshClients are three clients of db that connect anew for each call.
func (w *world) freshClients() []*dbClient {
	w.t.Helper()
	w.juju("deploy", filepath.Join(w.Root, "dist/etcdclient.charm"), "-n", "3")
	w.juju("integrate", "etcd:db", "etcdclient:db")
	var all []*dbClient
	for _, unit := range []string{"etcdclient/0", "etcdclient/1", "etcdclient/2"} {
		w.await(rig.UnitShows(unit, "active", "endpoint"))
		c := w.startDBClientAt(w.dbFile(unit, "db"))
		c.mu.Lock()
		c.fresh = true
		c.mu.Unlock()
		all = append(all, c)
	}
	return all
}

// rotate replaces the authority, and returns what its clients used before.
func (w *world) rotate(t *testing.T, clients []*dbClient, provider ...string) *tls.Config {
	t.Helper()
	before, _ := w.client()
	lap := func(phase string) {
		for _, c := range clients {
			c.lap(t, phase)
		}
	}
	processes := w.processes(t)
	w.juju(append([]string{"run", "etcd/0", "rotate-ca"}, provider...)...)
	w.await(rig.ApplicationShows("etcd", "active", restsAfterTrust))
	lap("trust")
	trusting := w.processes(t)
	if trusting == processes {
		t.Error("nobody was restarted to trust the new authority")
	}
	w.juju("run", "etcd/1", "proceed")
	w.await(rig.ApplicationShows("etcd", "active", restsAfterLeaves))
	lap("leaves")
	if now := w.processes(t); now != trusting {
		t.Errorf("restarted for new leaves: %s, before %s", now, trusting)
	}
	w.juju("run", "etcd/2", "proceed")
	w.await(rig.All(unsaid("etcd", "CA rotation"), rig.Healthy("etcd", 3)))
	lap("forget")
	return before
}

// TestAnAuthorityIsRenewedWithoutAFailedRequest: the provider has made itself a new one. Three clients connect anew for each call
// throughout; afterwards nobody gets in with what was good before.
func TestAnAuthorityIsRenewedWithoutAFailedRequest(t *testing.T) {
	onProfiles(t, "3.6", authorityIsRenewed)
}

func authorityIsRenewed(t *testing.T, profile string) {
	w := begin(t, "--update-status", "5s", "--profile", profile)
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	clients := w.freshClients()
	w.juju("run", "easyrsa/0", "renew-authority")
	w.await(rig.ApplicationShows("etcd", "blocked", "easyrsa offers another certificate authority than the one in use"))
	before := w.rotate(t, clients)
	config, endpoints := w.client()
	must(t, rig.ThroughEach(w.ctx, config, endpoints))
	formerCertificate, formerAuthority := config.Clone(), config.Clone()
	formerCertificate.Certificates = before.Certificates
	formerAuthority.RootCAs = before.RootCAs
	for _, e := range endpoints {
		must(t, rig.LetIn(w.ctx, config, e))
		if err := rig.LetIn(w.ctx, formerCertificate, e); !strings.Contains(fmt.Sprint(err), "remote error: tls:") {
			t.Errorf("%s does not refuse a certificate of the former authority: %v", e, err)
		}
		if err := rig.LetIn(w.ctx, formerAuthority, e); !errors.As(err, new(x509.UnknownAuthorityError)) {
			t.Errorf("%s shows one of the former authority: %v", e, err)
		}
	}
	w.oneMemberEach(t, "etcd0", "etcd1", "etcd2")
}

// TestAnotherProviderTakesThePlaceOfTheFirstWithoutAFailedRequest: the second one signs requests, and is asked for only by name.
func TestAnotherProviderTakesThePlaceOfTheFirstWithoutAFailedRequest(t *testing.T) {
	onProfiles(t, "4.0", providerTakesThePlace)
}

func providerTakesThePlace(t *testing.T, profile string) {
	w := begin(t, "--update-status", "5s", "--profile", profile)
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	clients := w.freshClients()
	_, endpoints := w.client()
	issuer := w.shown(t, endpoints[0]).Issuer.CommonName
	w.juju("deploy", filepath.Join(w.Root, "dist/vault.charm"))
	w.juju("integrate", "etcd:certificates", "vault:certificates")
	w.await(rig.ApplicationShows("etcd", "active", "rotate-ca provider=vault"))
	w.rotate(t, clients, "provider=vault")
	config, endpoints := w.client()
	must(t, rig.ThroughEach(w.ctx, config, endpoints))
	for _, e := range endpoints {
		if by := w.shown(t, e).Issuer.CommonName; by == issuer {
			t.Errorf("%s shows a certificate of the former provider, %s", e, by)
		}
	}
	w.juju("remove-relation", "etcd:certificates", "easyrsa:client")
	w.await(rig.All(unsaid("etcd", "not used"), rig.Healthy("etcd", 3)))
	w.oneMemberEach(t, "etcd0", "etcd1", "etcd2")
}

// TestARotationGoesBackFromBothOfItsRests: a person who has changed his mind gets back what was there before, again without a failed call.
func TestARotationGoesBackFromBothOfItsRests(t *testing.T) {
	w := begin(t, "--update-status", "5s")
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute) // two rotations, and the ways back
	t.Cleanup(cancel)
	w.ctx = ctx
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	clients := w.freshClients()
	_, endpoints := w.client()
	issuer := w.shown(t, endpoints[0]).Issuer.CommonName
	w.juju("deploy", filepath.Join(w.Root, "dist/vault.charm"))
	w.juju("integrate", "etcd:certificates", "vault:certificates")
	w.await(rig.ApplicationShows("etcd", "active", "rotate-ca provider=vault"))
	for _, proceeds := range []bool{false, true} {
		w.juju("run", "etcd/0", "rotate-ca", "provider=vault")
		w.await(rig.ApplicationShows("etcd", "active", restsAfterTrust))
		if proceeds {
			w.juju("run", "etcd/1", "proceed")
			w.await(rig.ApplicationShows("etcd", "active", restsAfterLeaves))
		}
		w.juju("run", "etcd/2", "go-back")
		w.await(rig.All(unsaid("etcd", "CA rotation"), rig.Healthy("etcd", 3)))
		for _, c := range clients {
			c.lap(t, "back")
		}
		for _, e := range endpoints {
			if by := w.shown(t, e).Issuer.CommonName; by != issuer {
				t.Errorf("%s shows a certificate of %s, not of %s", e, by, issuer)
			}
		}
	}
	w.oneMemberEach(t, "etcd0", "etcd1", "etcd2")
}
