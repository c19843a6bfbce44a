package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observe"
)

// prober looks at one cluster's health again and again, and wakes its controller when it sees something else than the controller's last
// pass did: somebody's health or fault, the leader, the member list. What it saw itself before says nothing: while a member comes back
// the pass may have looked a moment later and have seen less, and would not look again for a minute. A look that shows the same costs
// one read on each member, over connections that are kept; the pool makes a fresh one every minute.
type prober struct {
	key   ClusterKey
	every time.Duration
	wake  func()

	ctx  context.Context //nolint:containedctx // of the daemon; a prober lives until it or stop ends
	once sync.Once
	end  context.CancelFunc
	done chan struct{}
}

func newProber(ctx context.Context, key ClusterKey, every time.Duration, wake func()) *prober {
	p := &prober{key: key, every: every, wake: wake, done: make(chan struct{})}
	p.ctx, p.end = context.WithCancel(ctx)
	return p
}

// start begins to probe; it may be called more than once.
func (p *prober) start(o *observe.Observer) {
	p.once.Do(func() { go p.run(o) })
}

// stop ends the probing and waits for it. A prober that was never started is done with, too.
func (p *prober) stop() {
	p.end()
	p.once.Do(func() { close(p.done) })
	<-p.done
}

func (p *prober) run(o *observe.Observer) {
	defer close(p.done)
	ticker := time.NewTicker(p.every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-p.ctx.Done():
			return
		}
		etcd, endpoints := o.Direct(), o.Endpoints()
		if etcd == nil || len(endpoints) == 0 {
			continue
		}
		view := etcd.Look(p.ctx, endpoints)
		if p.ctx.Err() != nil {
			return
		}
		o.Heard(view)
		seen := o.Seen()
		// A look that began before the pass's own is no news, as slow as it was.
		changed := !view.At.Before(seen.At) && digest(view) != digest(seen)
		probesTotal.WithLabelValues(p.key.Model, p.key.Application, fmt.Sprint(changed)).Inc()
		if changed {
			p.wake()
		}
	}
}

// digest is what must not change unnoticed, as text.
func digest(v etcdops.View) string {
	var b strings.Builder
	fmt.Fprintf(&b, "listed %v leader %s\n", v.Listed, v.Leader())
	for _, m := range v.Members {
		fmt.Fprintf(&b, "%s %s learner %v %v\n", m.ID, m.Name, m.Learner, m.ClientURLs)
	}
	for _, url := range slices.Sorted(maps.Keys(v.Health)) {
		h := v.Health[url]
		fmt.Fprintf(&b, "%s serves %v fault %q member %s\n", url, h.Serves, h.Fault, h.MemberID)
	}
	for _, a := range v.Alarms {
		fmt.Fprintf(&b, "alarm %s %s\n", a.Member, a.Kind)
	}
	return b.String()
}
