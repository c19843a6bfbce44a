//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/test/etcdtest"
)

// informer keeps a copy of what is below a prefix, as a Kubernetes API server does: it lists, and watches
// from there on; a watch that breaks goes on where it was, and only one that is told that its revision
// was compacted has it list again. Whatever becomes of the cluster, it must never see an older
// revision than it has seen, and nothing must keep it from what is written later.
type informer struct {
	client *clientv3.Client
	prefix string

	mu       sync.Mutex
	have     map[string]string
	revision int64
	listed   int
	faults   []string
}

// inform starts one, which ends with the test.
func inform(ctx context.Context, t *testing.T, client *clientv3.Client, prefix string) *informer {
	t.Helper()
	i := &informer{client: client, prefix: prefix}
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-over
	})
	go func() {
		defer close(over)
		for listed := false; ctx.Err() == nil; {
			if !listed {
				listed = i.list(ctx)
			}
			if listed {
				listed = !i.watch(ctx)
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond): // whoever answers with an error is not asked at once again
			}
		}
	}()
	return i
}

// list says whether it has an answer.
func (i *informer) list(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	got, err := i.client.Get(ctx, i.prefix, clientv3.WithPrefix())
	if err != nil {
		return false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.see("a list", got.Header.Revision)
	i.listed++
	i.have = map[string]string{}
	for _, kv := range got.Kvs {
		i.have[string(kv.Key)] = string(kv.Value)
	}
	return true
}

// watch says whether its revision was compacted.
func (i *informer) watch(ctx context.Context) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	i.mu.Lock()
	from := i.revision + 1
	i.mu.Unlock()
	for answer := range i.client.Watch(clientv3.WithRequireLeader(ctx), i.prefix, clientv3.WithPrefix(), clientv3.WithRev(from)) {
		if err := answer.Err(); err != nil {
			return errors.Is(err, rpctypes.ErrCompacted)
		}
		i.mu.Lock()
		for _, e := range answer.Events {
			i.see("the event of "+string(e.Kv.Key), e.Kv.ModRevision)
			if i.have[string(e.Kv.Key)] = string(e.Kv.Value); e.Type == clientv3.EventTypeDelete {
				delete(i.have, string(e.Kv.Key))
			}
		}
		i.mu.Unlock()
	}
	return false
}

// see notes a revision, which must not be older than the last.
func (i *informer) see(what string, revision int64) {
	if revision < i.revision {
		i.faults = append(i.faults, fmt.Sprintf("%s is of revision %d, after %d", what, revision, i.revision))
	}
	i.revision = max(i.revision, revision)
}

// knows waits until the informer has exactly these keys, having listed as often as that at least.
func (i *informer) knows(t *testing.T, listed int, want ...string) {
	t.Helper()
	slices.Sort(want)
	var have []string
	etcdtest.Eventually(t, time.Minute, fmt.Sprintf("the informer knows %q", want), func(context.Context) bool {
		i.mu.Lock()
		defer i.mu.Unlock()
		have = have[:0]
		for key, value := range i.have {
			have = append(have, key+"="+value)
		}
		slices.Sort(have)
		return slices.Equal(have, want)
	})
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.listed < listed {
		t.Errorf("the informer has listed %d times, and should have %d", i.listed, listed)
	}
	for _, fault := range i.faults {
		t.Error("the informer has seen what is older: " + fault)
	}
}
