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

// AddLearner adds a member that does not vote yet, and returns it and all members, as its initial-cluster needs them. v is
// the view that the change was decided on: it says whom to ask, and which cluster it must be.
//
//  1. Look again. A member with that peer URL that has never started is adopted: it is what an earlier call left behind.
//  2. Ask CanAdd.
//  3. Add. If the answer is lost, or says that there is such a member, the list tells.
//  4. List again, and find the member.
func (p *Pool) AddLearner(ctx context.Context, v View, peerURL string) (Member, []Member, error) {
	act := "cannot add member at " + peerURL
	fresh, err := p.again(ctx, v)
	if err != nil {
		return Member{}, nil, fmt.Errorf("%s: %w", act, err)
	}
	if m, ok := fresh.MemberByPeerURL(peerURL); ok {
		if m.Started() {
			return Member{}, nil, fmt.Errorf("%s: member %s has it: %w", act, m.label(), ErrPeerURLInUse)
		}
		return m, fresh.Members, nil
	}
	if err := CanAdd(fresh); err != nil {
		return Member{}, nil, err
	}
	err = p.change(ctx, fresh, 0, func(ctx context.Context, c *clientv3.Client) error {
		_, err := c.MemberAddAsLearner(ctx, []string{peerURL})
		return err
	})
	if err != nil && !unknownOutcome(err) &&
		!errors.Is(err, rpctypes.ErrMemberExist) && !errors.Is(err, rpctypes.ErrPeerURLExist) {
		return Member{}, nil, fmt.Errorf("%s: %w", act, typed(err))
	}
	after, listErr := p.relist(ctx, fresh, 0)
	if listErr != nil {
		return Member{}, nil, fmt.Errorf("%s: %w", act, outcome(err, listErr))
	}
	m, ok := after.MemberByPeerURL(peerURL)
	if !ok {
		return Member{}, nil, fmt.Errorf("%s: the list does not have it: %w", act, outcome(err, nil))
	}
	return m, after.Members, nil
}

// Promote makes the learner a voter, and returns when the list and the member itself say so. A voter is a success. The
// error is ErrNotReady while the learner has not caught up.
func (p *Pool) Promote(ctx context.Context, v View, id MemberID) error {
	act := "cannot promote member " + id.String()
	fresh, err := p.again(ctx, v)
	if err != nil {
		return fmt.Errorf("%s: %w", act, err)
	}
	if m, ok := fresh.Member(id); ok && !m.Learner {
		return p.settled(ctx, act, m.ClientURLs, isVoter)
	}
	if err := CanPromote(fresh, id, p.lagLimit); err != nil {
		return err
	}
	err = p.change(ctx, fresh, id, func(ctx context.Context, c *clientv3.Client) error {
		_, err := c.MemberPromote(ctx, uint64(id))
		return err
	})
	if err != nil && !unknownOutcome(err) && !errors.Is(err, rpctypes.ErrMemberNotLearner) {
		return fmt.Errorf("%s: %w", act, typed(err))
	}
	after, listErr := p.relist(ctx, fresh, id)
	if listErr != nil {
		return fmt.Errorf("%s: %w", act, outcome(err, listErr))
	}
	m, ok := after.Member(id)
	switch {
	case !ok:
		return fmt.Errorf("%s: %w", act, ErrNotMember)
	case m.Learner:
		return fmt.Errorf("%s: it is still a learner: %w", act, outcome(err, nil))
	}
	return p.settled(ctx, act, m.ClientURLs, isVoter)
}

// isVoter guards against a list that has a voter where raft still has a learner (etcd issue 21694).
func isVoter(h EndpointHealth) bool { return h.Answered && !h.Learner }

// Remove removes the member from the list. If it leads, leadership is moved first: clients then wait much shorter. A member
// that is not in the list is a success.
func (p *Pool) Remove(ctx context.Context, v View, id MemberID) error {
	act := "cannot remove member " + id.String()
	fresh, err := p.again(ctx, v)
	if err != nil {
		return fmt.Errorf("%s: %w", act, err)
	}
	if _, ok := fresh.Member(id); !ok {
		return nil
	}
	if err := CanRemove(fresh, id); err != nil {
		return err
	}
	if fresh.Leader() == id {
		if err := p.moveLeader(ctx, fresh, BestLeader(fresh, id)); err != nil {
			return fmt.Errorf("%s: %w", act, err)
		}
	}
	err = p.change(ctx, fresh, id, func(ctx context.Context, c *clientv3.Client) error {
		_, err := c.MemberRemove(ctx, uint64(id))
		return err
	})
	if err != nil && !unknownOutcome(err) && !errors.Is(err, rpctypes.ErrMemberNotFound) {
		return fmt.Errorf("%s: %w", act, typed(err))
	}
	after, listErr := p.relist(ctx, fresh, id)
	if listErr != nil {
		return fmt.Errorf("%s: %w", act, outcome(err, listErr))
	}
	if _, ok := after.Member(id); ok {
		return fmt.Errorf("%s: it is still in the list: %w", act, outcome(err, nil))
	}
	return nil
}

// MoveLeader makes the voter the leader, and returns when all voters that serve call it so. If it leads already, that is a
// success.
func (p *Pool) MoveLeader(ctx context.Context, v View, to MemberID) error {
	fresh, err := p.again(ctx, v)
	if err != nil {
		return fmt.Errorf("cannot move leadership to member %s: %w", to, err)
	}
	return p.moveLeader(ctx, fresh, to)
}

func (p *Pool) moveLeader(ctx context.Context, fresh View, to MemberID) error {
	act := "cannot move leadership to member " + to.String()
	if err := CanLead(fresh, to); err != nil {
		return err
	}
	leader := fresh.Leader()
	if leader == to {
		return nil
	}
	m, ok := fresh.Member(leader)
	if !ok || !fresh.HealthOf(m).Serves {
		return fmt.Errorf("%s: no leader can be asked: %w", act, ErrUnhealthy)
	}
	// Only the leader can hand leadership over.
	err := p.act(ctx, fresh.HealthOf(m).Endpoint, func(ctx context.Context, c *clientv3.Client) error {
		_, err := c.MoveLeader(ctx, uint64(to))
		return err
	})
	if err != nil && !unknownOutcome(err) && !errors.Is(err, rpctypes.ErrNotLeader) {
		return fmt.Errorf("%s: %w", act, typed(err))
	}
	var urls []string
	for _, voter := range fresh.VotingMembers() {
		urls = append(urls, fresh.HealthOf(voter).Endpoint)
	}
	if settleErr := p.settled(ctx, act, urls, func(h EndpointHealth) bool { return h.Leader == to }); settleErr != nil {
		return errors.Join(settleErr, err)
	}
	return nil
}

// UpdatePeerURL replaces the member's peer URLs by one, and returns when the list says so. A member that has it already is a
// success.
func (p *Pool) UpdatePeerURL(ctx context.Context, v View, id MemberID, peerURL string) error {
	act := "cannot change the peer URL of member " + id.String()
	fresh, err := p.again(ctx, v)
	if err != nil {
		return fmt.Errorf("%s: %w", act, err)
	}
	change := Change{Kind: ChangePeerURL, Member: id, PeerURL: peerURL}
	if change.Done(fresh) {
		return nil
	}
	if err := CanMove(fresh, id, peerURL); err != nil {
		return err
	}
	err = p.change(ctx, fresh, id, func(ctx context.Context, c *clientv3.Client) error {
		_, err := c.MemberUpdate(ctx, uint64(id), []string{peerURL})
		return err
	})
	if err != nil && !unknownOutcome(err) {
		return fmt.Errorf("%s: %w", act, typed(err))
	}
	after, listErr := p.relist(ctx, fresh, id)
	if listErr != nil || !change.Done(after) {
		return fmt.Errorf("%s: %w", act, outcome(err, listErr))
	}
	return nil
}

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
