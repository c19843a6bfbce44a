package etcdops

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Remove takes a member out of the list.
type Remove struct{ Member MemberID }

// Kind implements Change.
func (c Remove) Kind() ChangeKind { return ChangeRemove }

// Op implements Change.
func (c Remove) Op() Op { return Op{Kind: ChangeRemove, Member: c.Member} }

// Subject implements Change.
func (c Remove) Subject() MemberID { return c.Member }

// Done implements Change.
func (c Remove) Done(v View) bool {
	_, found := v.Member(c.Member)
	return v.Listed && !found
}

// Guard implements Change.
func (c Remove) Guard(v View, _ Limits) error { return CanRemove(v, c.Member) }

// Make implements Change.
func (c Remove) Make(ctx context.Context, p *Pool, v View) error { return p.Remove(ctx, v, c.Member) }

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
