package reconcile

import (
	"context"
	"maps"
	"slices"

	"jujuetcd.io/pkg/jujuapi"
)

// modelWatcher follows one model and wakes the clusters in it. The manager runs it beside the
// controllers.
type modelWatcher struct {
	model    *model
	clusters *clusters
}

// Start implements manager.Runnable.
func (w *modelWatcher) Start(ctx context.Context) error {
	err := w.model.source.Run(ctx, func(snapshot *jujuapi.Model) { w.notice(ctx, snapshot) })
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the daemon ends, which is no fault of this model's
	}
	return err
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
