package model_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"jujuetcd.io/sim/model"
)

func TestJujusChangeStreamSlowsDownInQuietAndWakesWithAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := world(t, 1, model.Options{Pace: model.PaceJuju})
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		done := make(chan struct{})
		go func() { m.Stream(ctx); close(done) }()

		latency := func() time.Duration {
			start := time.Now()
			revision := m.Revision()
			must(t, m.SetWorkloadVersion("etcd/0", time.Now().String()))
			if _, err := m.Wait(ctx, revision); err != nil {
				t.Fatal(err)
			}
			return time.Since(start)
		}
		latency()
		if warm := latency(); warm > 100*time.Millisecond {
			t.Errorf("a change was announced after %s in a burst", warm)
		}
		time.Sleep(5*time.Minute + time.Second)
		if cold := latency(); cold < time.Second || cold > 10*time.Second {
			t.Errorf("a change was announced after %s in a long quiet", cold)
		}
		if warm := latency(); warm > 100*time.Millisecond {
			t.Errorf("a change was announced after %s when awake again", warm)
		}
		cancel()
		<-done
	})
}
