package etcdops

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// AddLearner adds a member that does not vote yet.
type AddLearner struct {
	// PeerURL is the new member's.
	PeerURL string
}

// Kind implements Change.
func (c AddLearner) Kind() ChangeKind { return ChangeAddLearner }

// Op implements Change.
func (c AddLearner) Op() Op { return Op{Kind: ChangeAddLearner, PeerURL: c.PeerURL} }

// Subject implements Change: it is no member yet.
func (c AddLearner) Subject() MemberID { return 0 }

// Done implements Change.
func (c AddLearner) Done(v View) bool {
	return v.Listed && slices.ContainsFunc(v.Members, func(m Member) bool { return slices.Contains(m.PeerURLs, c.PeerURL) })
}

// Guard implements Change.
func (c AddLearner) Guard(v View, _ Limits) error { return CanAdd(v) }

// Make implements Change.
func (c AddLearner) Make(ctx context.Context, p *Pool, v View) error {
	_, _, err := p.AddLearner(ctx, v, c.PeerURL)
	return err
}

// AddLearner adds a member that does not vote yet, and returns it and all members, as its
// initial-cluster needs them. v is the view that the change was decided on: it says whom to ask,
// and which cluster it must be.
//
//  1. Look again. A member with that peer URL that has never started is adopted: it is what an
//     earlier call left behind.
//  2. Ask CanAdd.
//  3. Add. If the answer is lost, or says that there is such a member, the list says what happened.
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
