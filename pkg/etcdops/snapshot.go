package etcdops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// DefaultSnapshotStall is how long a member that sends its database may say nothing. etcd reads its
// disk while it sends, and a slow disk is none that stands still.
const DefaultSnapshotStall = time.Minute

// Snapshot has a member send its database as it is now, and writes it with the SHA-256 that ends
// it. It ends with the context, or when nothing has come for a minute. What was written before an
// error is no snapshot.
func (p *Pool) Snapshot(ctx context.Context, endpoint string, to io.Writer) error {
	fail := func(err error) error {
		return fmt.Errorf("cannot have %s send its database: %w", endpoint, err)
	}
	c, err := p.acquire(endpoint)
	if err != nil {
		return fail(err)
	}
	defer p.release(c)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(p.snapshotStall, func() { cancel(errStalled) })
	defer stall.Stop()
	if err := copySnapshot(ctx, c.client, writing{to, stall, p.snapshotStall}); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fail(err)
	}
	return nil
}

var errStalled = errors.New("it has begun, and nothing more has come")

func copySnapshot(ctx context.Context, c *clientv3.Client, to io.Writer) error {
	answer, err := c.SnapshotWithVersion(ctx)
	if err != nil {
		return err
	}
	defer answer.Snapshot.Close()
	_, err = io.Copy(to, answer.Snapshot)
	return err
}

// writing puts off the end of a stream that goes on.
type writing struct {
	io.Writer
	stall *time.Timer
	after time.Duration
}

func (w writing) Write(b []byte) (int, error) {
	w.stall.Reset(w.after)
	return w.Writer.Write(b)
}

// SnapshotSource is the member to take a snapshot from, and the endpoint to reach it at: the
// preferred one if it is a voter that serves and lags no more than a learner may that is promoted,
// else the voter that lags least, a follower before the leader, which has more to do. A member that
// is out of space is as good as another: a snapshot comes before space is made. Empty means that
// none serves.
func SnapshotSource(v View, preferred MemberID) (Member, EndpointHealth) {
	var best Member
	var bestLag int64
	leader := v.Leader()
	for _, m := range v.VotingMembers() {
		lag, known := Lag(v, m.ID)
		if !known {
			continue
		}
		if m.ID == preferred && lag <= DefaultLagLimit {
			return m, v.HealthOf(m)
		}
		if best.ID == 0 || lag < bestLag || lag == bestLag && best.ID == leader {
			best, bestLag = m, lag
		}
	}
	if best.ID == 0 {
		return Member{}, EndpointHealth{}
	}
	return best, v.HealthOf(best)
}
