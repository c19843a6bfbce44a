package etcdops

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Promote makes a learner a voter.
type Promote struct{ Member MemberID }

// Kind implements Change.
func (c Promote) Kind() ChangeKind { return ChangePromote }

// Op implements Change.
func (c Promote) Op() Op { return Op{Kind: ChangePromote, Member: c.Member} }

// Subject implements Change.
func (c Promote) Subject() MemberID { return c.Member }

// Done implements Change.
func (c Promote) Done(v View) bool {
	m, found := v.Member(c.Member)
	return v.Listed && found && !m.Learner
}

// Guard implements Change.
func (c Promote) Guard(v View, l Limits) error { return CanPromote(v, c.Member, l.Lag) }

// Make implements Change.
func (c Promote) Make(ctx context.Context, p *Pool, v View) error { return p.Promote(ctx, v, c.Member) }

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
