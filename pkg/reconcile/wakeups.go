package reconcile

import (
	"context"
	"sync"

	"k8s.io/client-go/util/workqueue"
)

// wakeups is how a controller's passes are asked for: by the other controller, by probers and by the
// models' watchers. It is safe for concurrent use; the zero value is ready. A key that is added
// before its controller runs is kept until then.
type wakeups[K comparable] struct {
	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[K]
	early []K
}

// bind is a source of controller-runtime: the controller hands its queue over when it starts.
func (w *wakeups[K]) bind(_ context.Context, queue workqueue.TypedRateLimitingInterface[K]) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = queue
	for _, k := range w.early {
		queue.Add(k)
	}
	w.early = nil
	return nil
}

// add asks for a pass. Several before it begins are one.
func (w *wakeups[K]) add(k K) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.queue == nil {
		w.early = append(w.early, k)
		return
	}
	w.queue.Add(k)
}
