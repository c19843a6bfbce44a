package rig

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Writer writes to a cluster all the time, each write to a key of its own, and remembers what etcd has acknowledged. Its
// methods may be called from any goroutine. The caller ends it with Stop.
type Writer struct {
	client *clientv3.Client
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	acked   []string
	last    time.Time
	gap     time.Duration
	unknown int
}

// Where a Writer's keys are, how long it waits between two writes, and when it gives one up: its outcome is unknown then.
const (
	writerPrefix  = "jujuetcd-demo/writer/"
	writerPause   = 25 * time.Millisecond
	writerTimeout = 500 * time.Millisecond
	writers       = 4
)

// StartWriter starts a writer on the endpoints.
func StartWriter(ctx context.Context, config *tls.Config, endpoints []string) (*Writer, error) {
	client, err := Connect(config, endpoints...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &Writer{client: client, cancel: cancel, last: time.Now()}
	for i := range writers {
		w.done.Go(func() { w.write(ctx, i) })
	}
	return w, nil
}

// SetEndpoints tells the writer of other members, as a relation would tell a client.
func (w *Writer) SetEndpoints(endpoints []string) { w.client.SetEndpoints(endpoints...) }

func (w *Writer) write(ctx context.Context, worker int) {
	tick := time.NewTicker(writerPause)
	defer tick.Stop()
	for i := 0; ; i++ {
		key := fmt.Sprintf("%s%d/%06d", writerPrefix, worker, i)
		one, cancel := context.WithTimeout(ctx, writerTimeout)
		_, err := w.client.Put(one, key, key)
		cancel()
		if ctx.Err() != nil {
			return
		}
		w.note(key, err)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (w *Writer) note(key string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.unknown++
		return
	}
	w.acked = append(w.acked, key)
	w.gap = max(w.gap, time.Since(w.last))
	w.last = time.Now()
}

// Lap returns the longest time without an acknowledged write since the last lap, or since the start.
func (w *Writer) Lap() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	gap := max(w.gap, time.Since(w.last))
	w.gap = 0
	return gap
}

// Stop ends the writing, reads everything back, and says how many writes were acknowledged. It is an error if one of them is
// lost. Only the first call does this.
func (w *Writer) Stop(ctx context.Context) (acknowledged int, err error) {
	w.cancel()
	w.done.Wait()
	defer w.client.Close()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	answer, err := w.client.Get(ctx, writerPrefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		return len(w.acked), fmt.Errorf("cannot read the writes back: %w", err)
	}
	found := map[string]bool{}
	for _, kv := range answer.Kvs {
		found[string(kv.Key)] = true
	}
	lost := 0
	for _, key := range w.acked {
		if !found[key] {
			lost++
		}
	}
	if lost > 0 {
		return len(w.acked), fmt.Errorf("%d of %d acknowledged writes are lost", lost, len(w.acked))
	}
	return len(w.acked), nil
}
