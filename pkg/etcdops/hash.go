package etcdops

import (
	"context"
	"fmt"
	"net"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// Hash is what HashKV tells: a CRC over all that a member keeps of its keys up to a revision. Two are
// comparable only if history was compacted at the same revision.
type Hash struct {
	Hash            uint32
	CompactRevision int64
}

// HashKV asks a member for its hash at a revision. A member reads all of its database for it, and
// serves meanwhile.
func (p *Pool) HashKV(ctx context.Context, endpoint string, revision int64) (Hash, error) {
	c, err := p.acquire(endpoint)
	if err != nil {
		return Hash{}, fmt.Errorf("cannot ask %s for a hash of its keys: %w", endpoint, err)
	}
	defer p.release(c)
	r, err := c.client.HashKV(ctx, endpoint, revision)
	if err != nil {
		return Hash{}, fmt.Errorf("cannot ask %s for a hash of its keys: %w", endpoint, err)
	}
	return Hash{r.Hash, r.CompactRevision}, nil
}

// Contents are what a member has of keys.
type Contents struct {
	Hash
	// Revision is its newest, and Keys how many there are at the revision that it was asked for.
	Revision, Keys int64
	// Version is that of the server.
	Version string
}

// contentsEndpoint is a name that nothing resolves: who dials decides where it leads.
const contentsEndpoint = "http://scratch"

// lookAgain is after how long a member is asked again that does not serve yet.
const lookAgain = 100 * time.Millisecond

// ReadContents asks a member of a cluster of its own, which no other client reaches, for what it has
// at a revision (zero for the newest). dial is the way to it. It asks until the member serves, or ctx
// ends.
func ReadContents(ctx context.Context, dial func(context.Context) (net.Conn, error), revision int64) (Contents, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{contentsEndpoint}, Context: ctx, Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{
			grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy(),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return dial(ctx) }),
		},
	})
	if err != nil {
		return Contents{}, fmt.Errorf("cannot reach the restored etcd: %w", err)
	}
	defer client.Close()
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		c, err := readContents(ctx, client, revision)
		if err == nil {
			return c, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return Contents{}, fmt.Errorf("cannot read what the restored etcd has: %w (%w)", context.Cause(ctx), err)
		}
	}
}

func readContents(ctx context.Context, client *clientv3.Client, revision int64) (Contents, error) {
	ask, cancel := context.WithTimeout(ctx, DefaultHealthTimeout)
	defer cancel()
	status, err := client.Status(ask, contentsEndpoint)
	if err != nil {
		return Contents{}, err
	}
	// A linearizable read: it is answered only once there is a leader, and all of the log is applied.
	count, err := client.Get(ask, "\x00", clientv3.WithFromKey(), clientv3.WithCountOnly(), clientv3.WithRev(revision))
	if err != nil {
		return Contents{}, err
	}
	// All of the database is read for it, which has no limit but the caller's.
	hash, err := client.HashKV(ctx, contentsEndpoint, revision)
	if err != nil {
		return Contents{}, err
	}
	return Contents{Hash{hash.Hash, hash.CompactRevision}, count.Header.Revision, count.Count, status.Version}, nil
}
