package etcdops

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// physicalCompaction is how long a compaction is waited for that is to be over in the database, too:
// less than an action may take (v1alpha1.LongestHook).
const physicalCompaction = 3 * time.Minute

// Compact has the cluster of the view forget its history before a revision; zero is the present
// one. With physical it returns when the space in the member's database that it was asked through
// is free. It returns the revision. ErrCompacted says that there was nothing to forget any more.
//
// It is made without the lock, which nobody can take while etcd is out of space: then it is needed
// most. It stops no member and moves none.
func (p *Pool) Compact(ctx context.Context, v View, revision int64, physical bool) (at int64, err error) {
	order := p.order(v, 0)
	if !v.Listed || len(order) == 0 {
		return 0, refuse(ErrUnhealthy, "cannot compact: no member serves (%s)", v.Err)
	}
	timeout := p.membershipTimeout
	if physical {
		timeout = physicalCompaction
	}
	var options []clientv3.CompactOption
	if physical {
		options = append(options, clientv3.WithCompactPhysical())
	}
	at = revision
	err = p.on(ctx, order[0], timeout, func(ctx context.Context, c *clientv3.Client) error {
		now, err := c.Get(clientv3.WithRequireLeader(ctx), healthKey, clientv3.WithCountOnly())
		if err != nil {
			return err
		}
		if at == 0 {
			at = now.Header.Revision
		}
		if at > now.Header.Revision {
			return refuse(ErrGuard, "it is in the future, the present one is %d", now.Header.Revision)
		}
		_, err = c.Compact(ctx, at, options...)
		return err
	})
	switch {
	case err == nil:
		return at, nil
	case errors.Is(err, rpctypes.ErrCompacted):
		return at, refuse(ErrCompacted, "cannot compact revision %d: it is compacted already", at)
	case unknownOutcome(err):
		return at, fmt.Errorf("cannot compact revision %d: %w", at, outcome(err, nil))
	}
	return at, fmt.Errorf("cannot compact revision %d: %w", at, typed(err))
}
