package etcdops_test

import (
	"testing"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/test/etcdtest"
)

func BenchmarkLook(b *testing.B) {
	cluster := etcdtest.Start(b, etcdtest.Options{Members: 3})
	pool := newPool(b, cluster.TLS())
	for b.Loop() {
		if v := pool.Look(b.Context(), cluster.Endpoints()); len(v.HealthyVoters()) != 3 {
			b.Fatalf("not healthy: %+v", v)
		}
	}
}

func BenchmarkGuards(b *testing.B) {
	v := world{voters: ups(5, 0)}.view()
	for b.Loop() {
		if etcdops.CanAdd(v) != nil || etcdops.CanStop(v, 3) != nil {
			b.Fatal("guards refuse")
		}
	}
}
