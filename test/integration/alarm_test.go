//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// TestAnAlarmThatDoesNotHoldAnyMoreGoesByItself: a database that has met its quota takes no write,
// and takes them again once etcd runs with a larger one; nobody disarms anything by hand.
func TestAnAlarmThatDoesNotHoldAnyMoreGoesByItself(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("1")
	w.juju("config", "etcd", "quota_backend_bytes=100MiB")
	w.await(rig.Healthy("etcd", 1))
	w.hasEffect(t, optionChange{name: "the smallest quota", effect: measures("etcd_server_quota_backend_bytes 1.048576e+08")})
	w.settledOptions(t)

	config, endpoints := w.serving()
	client, err := rig.Connect(config, endpoints...)
	must(t, err)
	defer client.Close()
	value := strings.Repeat("x", 1<<20)
	began := time.Now()
	written := 0
	for ; err == nil && written < 200; written++ {
		_, err = client.Put(w.ctx, fmt.Sprint("fill/", written), value)
	}
	if !errors.Is(err, rpctypes.ErrNoSpace) {
		t.Fatalf("after %d MiB: %v", written, err)
	}
	t.Logf("full after %d writes of 1 MiB in %.0f s", written, time.Since(began).Seconds())
	w.await(rig.UnitShows("etcd/0", "blocked", "UnHealthy with 1 known peer: alarm NOSPACE"))

	w.juju("config", "etcd", "quota_backend_bytes=200MiB")
	w.hasEffect(t, optionChange{name: "a larger quota is written", effect: configured("quota-backend-bytes: 209715200")})
	if _, err := client.Put(w.ctx, "key", "value"); err == nil {
		t.Error("a write while etcd runs with the old quota")
	}
	// The daemon restarts no member without the lock, which nobody can take while etcd refuses
	// writes.
	w.juju("fault", "kill", "etcd/0")
	began = time.Now()
	etcdtest.Eventually(t, time.Minute, "writes are accepted", func(ctx context.Context) bool {
		_, err := client.Put(ctx, "key", "value")
		return err == nil
	})
	t.Logf("writes again %.0f s after etcd was restarted", time.Since(began).Seconds())
	w.await(rig.Healthy("etcd", 1))
}
