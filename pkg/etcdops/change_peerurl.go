package etcdops

import (
	"context"
	"fmt"
	"slices"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// UpdatePeerURL tells the others where a member's peers find it now.
type UpdatePeerURL struct {
	Member MemberID
	// PeerURL is the one that the member has moved to.
	PeerURL string
}

// Kind implements Change.
func (c UpdatePeerURL) Kind() ChangeKind { return ChangePeerURL }

// Op implements Change.
func (c UpdatePeerURL) Op() Op { return Op{Kind: ChangePeerURL, Member: c.Member, PeerURL: c.PeerURL} }

// Subject implements Change.
func (c UpdatePeerURL) Subject() MemberID { return c.Member }

// Done implements Change.
func (c UpdatePeerURL) Done(v View) bool {
	m, found := v.Member(c.Member)
	return v.Listed && found && slices.Equal(m.PeerURLs, []string{c.PeerURL})
}

// Guard implements Change.
func (c UpdatePeerURL) Guard(v View, _ Limits) error { return CanMove(v, c.Member, c.PeerURL) }

// Make implements Change.
func (c UpdatePeerURL) Make(ctx context.Context, p *Pool, v View) error {
	return p.UpdatePeerURL(ctx, v, c.Member, c.PeerURL)
}

// UpdatePeerURL replaces the member's peer URLs by one, and returns when the list says so. A member that has it already is a
// success.
func (p *Pool) UpdatePeerURL(ctx context.Context, v View, id MemberID, peerURL string) error {
	act := "cannot change the peer URL of member " + id.String()
	fresh, err := p.again(ctx, v)
	if err != nil {
		return fmt.Errorf("%s: %w", act, err)
	}
	change := UpdatePeerURL{Member: id, PeerURL: peerURL}
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
