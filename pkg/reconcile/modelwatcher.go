package reconcile

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/pause"
)

// modelWatcher follows one model and wakes the clusters in it. The manager runs it beside the
// controllers.
type modelWatcher struct {
	model    *model
	clusters *clusters
	// grantEvery is the time between two questions whether the model may be changed.
	grantEvery time.Duration
}

// Start implements manager.Runnable.
func (w *modelWatcher) Start(ctx context.Context) error {
	var asking sync.WaitGroup
	defer asking.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	asking.Go(func() { w.askForGrant(ctx) })
	err := w.model.source.Run(ctx, func(snapshot *jujuapi.Model) { w.notice(ctx, snapshot) })
	if ctx.Err() != nil {
		return nil // the daemon ends, which is no fault of this model's
	}
	return err
}

// mayBeAsked is a model that can be asked whether it may be changed.
type mayBeAsked interface {
	MayChange(ctx context.Context) error
}

// refusedEvery is the same where it was refused: that it is over is to be seen within seconds.
const refusedEvery = 5 * time.Second

// askForGrant asks now and then: where nothing is to be changed nobody would notice that it would be
// refused, until it matters.
func (w *modelWatcher) askForGrant(ctx context.Context) {
	juju, may := w.model.Juju.(mayBeAsked)
	if !may {
		return
	}
	for wait := w.grantEvery; pause.For(ctx, wait) == nil; {
		err := juju.MayChange(ctx)
		if wait = w.grantEvery; err != nil {
			wait = min(wait, refusedEvery)
		}
		w.model.count(ctx, callChange, err)
	}
}

// notice takes in a snapshot that differs from the one before.
func (w *modelWatcher) notice(ctx context.Context, snapshot *jujuapi.Model) {
	w.model.measure()
	for _, name := range slices.Sorted(maps.Keys(snapshot.Applications)) {
		if mayRunOurCharm(snapshot.Applications[name]) {
			w.clusters.ensure(ctx, w.model, name)
		}
	}
	// Clusters whose application has gone are woken, too: their pass notices.
	for _, c := range w.clusters.of(w.model.Name()) {
		w.clusters.wakeups.add(c.key)
	}
}
