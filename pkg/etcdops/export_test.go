package etcdops

import (
	"context"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Typed and UnknownOutcome are tested against real answers.
var (
	Typed          = typed
	UnknownOutcome = unknownOutcome
)

// ForgetIdle closes a connection once it has been unused for the duration and another one is used.
func ForgetIdle(after time.Duration) Option { return func(p *Pool) { p.idleTimeout = after } }

// Connections counts the kept connections.
func (p *Pool) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// ChangeThrough adds a learner through one endpoint, and calls before when the connection is there.
func (p *Pool) ChangeThrough(ctx context.Context, endpoint string, before func(), peerURL string) error {
	return p.on(ctx, endpoint, p.membershipTimeout, func(ctx context.Context, c *clientv3.Client) error {
		before()
		_, err := c.MemberAddAsLearner(ctx, []string{peerURL})
		return err
	})
}

// OpKinds is how many kinds of ops there are.
func OpKinds() int { return len(kinds) }
