package etcdops

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// Defaults of a Pool.
const (
	DefaultHealthTimeout     = 5 * time.Second
	DefaultMembershipTimeout = 10 * time.Second
	DefaultFreshHandshakes   = time.Minute
	DefaultLagLimit          = 1000

	// idleTimeout is how long a connection is kept that nobody uses: that of a member that is gone.
	idleTimeout = 10 * time.Minute
	// reconnectDelay bounds how late a kept connection notices that its member is back.
	reconnectDelay = time.Second
)

// Pool holds one connection per endpoint. It is safe for concurrent use; whoever made it closes it.
type Pool struct {
	tls               *tls.Config
	healthTimeout     time.Duration
	membershipTimeout time.Duration
	freshHandshakes   time.Duration
	lagLimit          int64
	idleTimeout       time.Duration
	snapshotStall     time.Duration

	mu     sync.Mutex
	closed bool
	conns  map[string]*conn
}

// conn is the kept connection to one endpoint.
type conn struct {
	client *clientv3.Client
	users  int
	used   time.Time
	// dropped says that the connection is no longer in the pool, and closes with its last user.
	dropped bool

	// mu guards what the last fresh handshake showed.
	mu         sync.Mutex
	shaken     time.Time
	shakeFault Fault
	shakeText  string
}

// Option changes a default of a Pool.
type Option func(*Pool)

// WithHealthTimeout sets the deadline of a Check; default 5 s.
func WithHealthTimeout(d time.Duration) Option { return func(p *Pool) { p.healthTimeout = d } }

// WithMembershipTimeout sets the deadline of a call that lists or changes members; default 10 s.
func WithMembershipTimeout(d time.Duration) Option {
	return func(p *Pool) { p.membershipTimeout = d }
}

// WithFreshHandshakes sets how often Check makes a new TLS handshake beside its kept connection; default once a minute.
func WithFreshHandshakes(every time.Duration) Option {
	return func(p *Pool) { p.freshHandshakes = every }
}

// WithLagLimit sets how many entries a learner may be behind when Promote is called; default 1000.
func WithLagLimit(entries int64) Option { return func(p *Pool) { p.lagLimit = entries } }

// WithSnapshotStall sets how long a member that sends its database may say nothing; default 1 min.
func WithSnapshotStall(d time.Duration) Option { return func(p *Pool) { p.snapshotStall = d } }

// NewPool returns a pool that dials with this configuration. TLS is required: with nil, every call fails.
func NewPool(config *tls.Config, options ...Option) *Pool {
	p := &Pool{
		healthTimeout:     DefaultHealthTimeout,
		membershipTimeout: DefaultMembershipTimeout,
		freshHandshakes:   DefaultFreshHandshakes,
		lagLimit:          DefaultLagLimit,
		idleTimeout:       idleTimeout,
		snapshotStall:     DefaultSnapshotStall,
		conns:             map[string]*conn{},
	}
	if config != nil {
		p.tls = config.Clone()
		p.tls.MinVersion = max(p.tls.MinVersion, tls.VersionTLS12)
	}
	for _, option := range options {
		option(p)
	}
	return p
}

// Close closes all connections. Calls that are under way fail.
func (p *Pool) Close() {
	p.mu.Lock()
	conns := p.conns
	p.conns, p.closed = map[string]*conn{}, true
	p.mu.Unlock()
	for _, c := range conns {
		// The only error is the cancellation that Close itself makes.
		_ = c.client.Close()
	}
}

// acquire returns the endpoint's connection, made if there is none; it must be released. It never waits for the network.
func (p *Pool) acquire(endpoint string) (*conn, error) {
	if err := p.usable(endpoint); err != nil {
		return nil, err
	}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errors.New("cannot use a closed pool of etcd connections")
	}
	for e, c := range p.conns {
		if c.users == 0 && now.Sub(c.used) > p.idleTimeout {
			delete(p.conns, e)
			_ = c.client.Close()
		}
	}
	c, ok := p.conns[endpoint]
	if !ok {
		client, err := p.dial(endpoint)
		if err != nil {
			return nil, fmt.Errorf("cannot make a client for %s: %w", endpoint, err)
		}
		c = &conn{client: client}
		p.conns[endpoint] = c
	}
	c.users++
	c.used = now
	return c, nil
}

func (p *Pool) release(c *conn) {
	p.mu.Lock()
	c.users--
	unused := c.dropped && c.users == 0
	p.mu.Unlock()
	if unused {
		_ = c.client.Close()
	}
}

// drop makes the next call to the endpoint dial anew. A connection whose peer vanished without a word (machine off, packets
// dropped) is worth nothing: TCP may take minutes to find out.
func (p *Pool) drop(endpoint string, c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns[endpoint] == c {
		delete(p.conns, endpoint)
		c.dropped = true
	}
}

func (p *Pool) dial(endpoint string) (*clientv3.Client, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{endpoint},
		TLS:       p.tls,
		Logger:    zap.NewNop(),
		// One try: who asks decides whether to ask again, and a refused connection is an answer.
		MaxUnaryRetries: 1,
		DialOptions: []grpc.DialOption{
			grpc.WithNoProxy(),
			grpc.WithChainUnaryInterceptor(failFast),
			grpc.WithChainStreamInterceptor(failFastStream),
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff: backoff.Config{
					BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: reconnectDelay,
				},
				MinConnectTimeout: 5 * time.Second,
			}),
		},
	})
	if err != nil {
		return nil, err
	}
	// clientv3's own Status makes a connection for each call; ours asks over the kept one.
	client.Maintenance = clientv3.NewMaintenanceFromMaintenanceClient(
		etcdserverpb.NewMaintenanceClient(client.ActiveConnection()), client)
	return client, nil
}

// failFast undoes clientv3's waiting for a connection that is refused: who asks wants to know.
func failFast(ctx context.Context, method string, request, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker,
	options ...grpc.CallOption,
) error {
	return invoke(ctx, method, request, reply, cc, append(options, grpc.WaitForReady(false))...)
}

func failFastStream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, stream grpc.Streamer,
	options ...grpc.CallOption,
) (grpc.ClientStream, error) {
	return stream(ctx, desc, cc, method, append(options, grpc.WaitForReady(false))...)
}

// on runs f with the endpoint's client and a deadline of its own.
func (p *Pool) on(ctx context.Context, endpoint string, timeout time.Duration,
	f func(context.Context, *clientv3.Client) error,
) error {
	c, err := p.acquire(endpoint)
	if err != nil {
		return err
	}
	defer p.release(c)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return f(ctx, c.client)
}
