package etcdops

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// MoveLeader hands the leadership over.
type MoveLeader struct {
	// To is the voter that leads next.
	To MemberID
}

// Kind implements Change.
func (c MoveLeader) Kind() ChangeKind { return ChangeMoveLeader }

// Op implements Change.
func (c MoveLeader) Op() Op { return Op{Kind: ChangeMoveLeader, Member: c.To} }

// Subject implements Change: whoever is asked for it, only the leader does it.
func (c MoveLeader) Subject() MemberID { return 0 }

// Done implements Change.
func (c MoveLeader) Done(v View) bool { return v.Listed && v.Leader() == c.To }

// Guard implements Change.
func (c MoveLeader) Guard(v View, _ Limits) error { return CanLead(v, c.To) }

// Make implements Change.
func (c MoveLeader) Make(ctx context.Context, p *Pool, v View) error {
	return p.MoveLeader(ctx, v, c.To)
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
