package etcdops

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// settleInterval is how often a change is looked for in the members' own answers.
const settleInterval = 50 * time.Millisecond

// again looks at the cluster of the view once more, through the members and endpoints that are in it.
func (p *Pool) again(ctx context.Context, v View) (View, error) {
	endpoints := v.ClientURLs()
	for url := range v.Health {
		if !slices.Contains(endpoints, url) {
			endpoints = append(endpoints, url)
		}
	}
	fresh := p.Look(ctx, endpoints)
	switch {
	case !fresh.Listed:
		return fresh, fmt.Errorf("%w (%s)", ErrUnlisted, fresh.Err)
	case v.ClusterID != 0 && fresh.ClusterID != v.ClusterID:
		return fresh, fmt.Errorf("%w: %s instead of %s", ErrOtherCluster, fresh.ClusterID, v.ClusterID)
	}
	return fresh, nil
}

// change asks one healthy voter, another than avoid if there is one, to change the members. It asks only once: a second
// voter could carry out what the first one already did.
func (p *Pool) change(ctx context.Context, v View, avoid MemberID, f func(context.Context, *clientv3.Client) error) error {
	order := p.order(v, avoid)
	if len(order) == 0 {
		return ErrUnhealthy
	}
	return p.act(ctx, order[0], f)
}

// act sends a change to one endpoint. Nothing is sent for a holder of the lock who was stopped since he was last asked.
func (p *Pool) act(ctx context.Context, endpoint string, f func(context.Context, *clientv3.Client) error) error {
	return p.on(ctx, endpoint, p.membershipTimeout, func(ctx context.Context, c *clientv3.Client) error {
		if err := Fenced(ctx); err != nil {
			return err
		}
		return f(ctx, c)
	})
}

// order is whom to ask: the leader first, which saves a hop and knows best who is connected, then the other voters that
// serve. The member to avoid comes last.
func (p *Pool) order(v View, avoid MemberID) []string {
	leader := v.Leader()
	members := v.VotingMembers()
	rank := func(m Member) int {
		switch m.ID {
		case avoid:
			return 2
		case leader:
			return 0
		}
		return 1
	}
	slices.SortStableFunc(members, func(a, b Member) int { return rank(a) - rank(b) })
	var urls []string
	for _, m := range members {
		urls = append(urls, v.HealthOf(m).Endpoint)
	}
	return urls
}

// relist lists the members after a change, whatever became of the caller's deadline: the outcome has to be known.
func (p *Pool) relist(ctx context.Context, v View, avoid MemberID) (View, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.membershipTimeout)
	defer cancel()
	var errs []error
	for _, url := range p.order(v, avoid) {
		// On 3.4 a list is only as new as the member: the read before it brings it up to date.
		err := p.on(ctx, url, p.healthTimeout, func(ctx context.Context, c *clientv3.Client) error {
			return read(ctx, c, false)
		})
		if err == nil {
			var list memberList
			if list, err = p.list(ctx, url, true); err == nil {
				return View{At: time.Now(), Listed: true, Members: list.members, ClusterID: list.cluster}, nil
			}
		}
		errs = append(errs, err)
	}
	return View{}, errors.Join(errs...)
}

// settled waits, at most a membership timeout, until the check of each endpoint is as the change should make it.
func (p *Pool) settled(ctx context.Context, act string, endpoints []string, done func(EndpointHealth) bool) error {
	ctx, cancel := context.WithTimeout(ctx, p.membershipTimeout)
	defer cancel()
	tick := time.NewTicker(settleInterval)
	defer tick.Stop()
	for {
		var missing []string
		for h := range p.checkAll(ctx, endpoints) {
			if !done(h) {
				missing = append(missing, h.Endpoint)
			}
		}
		if len(missing) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %s does not show it yet: %w", act, missing[0], ErrUnsettled)
		case <-tick.C:
		}
	}
}

// unknownOutcome says that the change may have been made although the call failed.
func unknownOutcome(err error) bool {
	return isTimeout(err) || isConnection(err) ||
		errors.Is(err, rpctypes.ErrTimeout) || errors.Is(err, rpctypes.ErrTimeoutDueToLeaderFail) ||
		errors.Is(err, rpctypes.ErrTimeoutDueToConnectionLost) || errors.Is(err, rpctypes.ErrTimeoutWaitAppliedIndex) ||
		errors.Is(err, rpctypes.ErrStopped) || errors.Is(err, rpctypes.ErrLeaderChanged)
}

// outcome is the error of a change that the list does not confirm.
func outcome(changeErr, listErr error) error {
	return fmt.Errorf("%w: %w", ErrUnknownOutcome, errors.Join(changeErr, listErr))
}

// typed gives etcd's refusals our kinds.
func typed(err error) error {
	var kind error
	switch {
	case errors.Is(err, rpctypes.ErrMemberLearnerNotReady):
		kind = ErrNotReady
	case errors.Is(err, rpctypes.ErrTooManyLearners):
		kind = ErrTooManyLearners
	case errors.Is(err, rpctypes.ErrUnhealthy), errors.Is(err, rpctypes.ErrMemberNotEnoughStarted),
		errors.Is(err, rpctypes.ErrNoLeader), errors.Is(err, rpctypes.ErrBadLeaderTransferee):
		kind = ErrUnhealthy
	case errors.Is(err, rpctypes.ErrMemberNotFound):
		kind = ErrNotMember
	default:
		return err
	}
	return &refusal{kinds: []error{kind, err}, text: err.Error()}
}
