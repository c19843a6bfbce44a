package etcdtest

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const (
	writers = 4
	// writePause keeps the writer from using a machine up; a gap is measured as finely as that.
	writePause = 25 * time.Millisecond
	// writeTimeout is when a put is given up: its outcome is unknown then, and the next one may
	// find another member.
	writeTimeout = 500 * time.Millisecond
)

var writerNumber atomic.Int64

// Writer writes to a cluster all the time, each write to a key of its own, and remembers what etcd
// has acknowledged. Its methods may be called from any goroutine.
type Writer struct {
	t      testing.TB
	client *clientv3.Client
	prefix string
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	acked   map[string]string
	times   []time.Time
	unknown int
	began   time.Time
}

// Report is what a writer has seen.
type Report struct {
	Acknowledged int
	// Unknown counts the writes that were given up or failed: they may be there or not.
	Unknown int
	// LongestGap is the longest time in which no write was acknowledged, and GapAt when it began.
	LongestGap time.Duration
	GapAt      time.Time
	Took       time.Duration
}

func (r Report) String() string {
	return fmt.Sprintf("%d writes acknowledged in %s, %d of unknown outcome, longest gap %s",
		r.Acknowledged, r.Took.Round(time.Millisecond), r.Unknown, r.LongestGap.Round(time.Millisecond))
}

// StartWriter starts a writer and waits for its first acknowledged write. It ends with Stop, or
// with the test.
func StartWriter(t testing.TB, config *tls.Config, endpoints []string) *Writer {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, TLS: config, Logger: zap.NewNop()})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	w := &Writer{
		t: t, client: client, cancel: cancel, acked: map[string]string{}, began: time.Now(),
		prefix: fmt.Sprintf("etcdtest/writer/%d/", writerNumber.Add(1)),
	}
	for i := range writers {
		w.done.Go(func() { w.write(ctx, i) })
	}
	t.Cleanup(w.close)
	Eventually(t, startTimeout, "a first write is acknowledged", func(context.Context) bool {
		return w.Acknowledged() > 0
	})
	return w
}

// Prefix is where the writer's keys are.
func (w *Writer) Prefix() string { return w.prefix }

// Acknowledged counts the writes that were acknowledged so far.
func (w *Writer) Acknowledged() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.times)
}

// SetEndpoints tells the writer of other members.
func (w *Writer) SetEndpoints(endpoints ...string) { w.client.SetEndpoints(endpoints...) }

func (w *Writer) write(ctx context.Context, worker int) {
	tick := time.NewTicker(writePause)
	defer tick.Stop()
	for i := 0; ; i++ {
		key, value := fmt.Sprintf("%s%d-%06d", w.prefix, worker, i), fmt.Sprintf("%d.%d", worker, i)
		putCtx, cancel := context.WithTimeout(ctx, writeTimeout)
		_, err := w.client.Put(putCtx, key, value)
		cancel()
		if ctx.Err() != nil {
			return
		}
		w.mu.Lock()
		if err == nil {
			w.acked[key] = value
			w.times = append(w.times, time.Now())
		} else {
			w.unknown++
		}
		w.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Stop ends the writing, and says what was seen. A gap that lasts until now counts.
func (w *Writer) Stop() Report {
	w.cancel()
	w.done.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	r := Report{Acknowledged: len(w.acked), Unknown: w.unknown, Took: time.Since(w.began)}
	times := append(slices.Clone(w.times), time.Now())
	for i := 1; i < len(times); i++ {
		if gap := times[i].Sub(times[i-1]); gap > r.LongestGap {
			r.LongestGap, r.GapAt = gap, times[i-1]
		}
	}
	return r
}

// VerifyNoneLost stops the writer, reads everything back, and fails the test for each acknowledged
// write that is missing or has another value.
func (w *Writer) VerifyNoneLost() Report {
	w.t.Helper()
	report := w.Stop()
	found := map[string]string{}
	Eventually(w.t, startTimeout, "all writes can be read back", func(ctx context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		answer, err := w.client.Get(ctx, w.prefix, clientv3.WithPrefix())
		if err != nil {
			return false
		}
		for _, kv := range answer.Kvs {
			found[string(kv.Key)] = string(kv.Value)
		}
		return true
	})
	lost := 0
	for key, value := range w.acked {
		if found[key] != value {
			if lost++; lost <= 5 {
				w.t.Errorf("acknowledged write %s = %q is %q", key, value, found[key])
			}
		}
	}
	if lost > 0 {
		w.t.Errorf("%d of %d acknowledged writes are lost", lost, len(w.acked))
	}
	return report
}

func (w *Writer) close() {
	w.cancel()
	w.done.Wait()
	_ = w.client.Close()
}
