//go:build integration

package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/test/rig"
)

// swell has a unit write so many megabytes into its own databag of its only relation at the
// endpoint.
func (w *world) swell(unit, endpoint string, megabytes int) {
	w.t.Helper()
	w.juju("exec", "--unit", unit, "--", fmt.Sprintf(`{ printf '{"junk":"'; head -c %d000000 /dev/zero | tr '\0' x; printf '"}'; } >junk.json
		relation-set -r $(relation-ids %s) --file junk.json; rm junk.json`, megabytes, endpoint))
}

// A unit of an application that is merely related writes 20 MB, and more, into its own databag.
// That is its own trouble: juju status names it, the daemon stays connected, and the clusters of
// the model are led on.
func TestALargeDatabagIsItsWritersTroubleAlone(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("1")
	w.relateClient()
	w.await(rig.Healthy("etcd", 1))
	connections := func() int { return strings.Count(w.Log("jujuetcd"), "connection lost") }
	before := connections()

	w.swell("etcdclient/0", "db", 20)
	w.juju("add-unit", "etcdclient", "-n", "2")
	w.await(rig.ApplicationShows("etcd", "blocked", "The databag of etcdclient/0 in relation db is too large and is not read"))
	w.await(rig.UnitShows("etcdclient/2", "active", ""))
	// Three members' answers have 78 MB of it: more than a message may have had (64 MiB), and few
	// enough for two cores to poll.
	w.swell("etcdclient/1", "db", 3)
	w.swell("etcdclient/2", "db", 3)
	w.await(rig.ApplicationShows("etcd", "blocked", "The databag of etcdclient/2 in relation db is too large and is not read"))

	// The cluster itself, and another one, go on.
	began := time.Now()
	w.juju("add-unit", "etcd", "-n", "2")
	w.juju("deploy", w.Root+"/dist/etcd.charm", "second")
	w.juju("integrate", "second", "easyrsa")
	w.await(rig.Healthy("second", 1))
	w.await(rig.Healthy("etcd", 3))
	t.Logf("3 members and another cluster after %s", time.Since(began))
	if n := connections(); n != before {
		t.Errorf("the daemon has lost its connection %d times", n-before)
	}

	w.juju("remove-relation", "etcd:db", "etcdclient:db")
	w.await(rig.Healthy("etcd", 3))
}

// Any client of etcd can put the lock key without a lease. Nothing is changed while it is there,
// and juju status says why, and what to do.
func TestALockKeyWithoutALeaseIsNamedInTheStatus(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("1")
	w.await(rig.Healthy("etcd", 1))
	config, endpoints := w.client()
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, TLS: config, DialTimeout: 10 * time.Second})
	must(t, err)
	defer client.Close()
	_, err = client.Put(w.ctx, etcdops.LockKey, "\x1b]0;owned\x07x")
	must(t, err)
	w.juju("add-unit", "etcd")
	t.Logf("reported after %s", w.await(rig.ApplicationShows("etcd", "blocked", "has no lease, so it never goes by itself")))
	_, err = client.Delete(w.ctx, etcdops.LockKey)
	must(t, err)
	w.await(rig.Healthy("etcd", 2))
	w.await(rig.ApplicationShows("etcd", "active", "2 members"))
}
