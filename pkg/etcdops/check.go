package etcdops

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/connectivity"
)

// healthKey is read to see whether reads go through. It need not exist.
const healthKey = "jujuetcd.io/health"

// Check asks one endpoint how it is: its Status, then a linearizable read, which proves that it
// reaches a quorum; a learner is asked for a serializable read, because it serves no other. All of
// it ends within the pool's health timeout. Now and then a new TLS handshake is made beside the
// kept connection.
func (p *Pool) Check(ctx context.Context, endpoint string) EndpointHealth {
	h := EndpointHealth{Endpoint: endpoint, At: time.Now()}
	c, err := p.acquire(endpoint)
	if err != nil {
		h.Fault, h.Detail = FaultOther, detail(err.Error())
		return h
	}
	defer p.release(c)
	ctx, cancel := context.WithTimeout(ctx, p.healthTimeout)
	defer cancel()

	shaken := make(chan struct{})
	go func() {
		defer close(shaken)
		p.shakeIfDue(ctx, endpoint, c)
	}()
	// The goroutine ends with ctx, and its result is wanted.
	defer func() { <-shaken }()

	status, err := p.status(ctx, endpoint, c)
	if err != nil {
		h.Fault, h.Detail = statusFault(err)
		if h.Fault == FaultUnreachable {
			p.drop(endpoint, c)
		}
		return h
	}
	h.Answered = true
	h.ClusterID, h.MemberID = ClusterID(status.Header.ClusterId), MemberID(status.Header.MemberId)
	h.Leader, h.Learner, h.Version = MemberID(status.Leader), status.IsLearner, status.Version
	h.RaftTerm, h.RaftIndex, h.AppliedIndex = status.RaftTerm, status.RaftIndex, status.RaftAppliedIndex
	h.Revision, h.DBSize, h.DBSizeInUse, h.Quota = status.Header.Revision, status.DbSize, status.DbSizeInUse, status.DbSizeQuota
	for _, text := range status.Errors {
		// What it says of alarms is for people, and may be about a member that is gone; Look asks
		// for the list.
		if text != rpctypes.ErrNoLeader.Error() {
			h.Alarmed = true
		}
	}

	start := time.Now()
	err = read(ctx, c.client, h.Learner)
	h.RTT = time.Since(start)
	if isConnection(err) {
		// It went away between the two calls.
		if _, dialErr := handshake(ctx, endpoint, p.tls); dialErr != nil {
			h.Fault, h.Detail = classifyDial(dialErr)
			return h
		}
	}
	if err != nil {
		h.Fault, h.Detail = classifyRead(err, h)
		return h
	}
	h.Serves = true
	<-shaken
	if fault, text := c.lastShake(); fault == FaultTLS {
		h.Fault, h.Detail = fault, "only old connections work: "+text
	}
	return h
}

// read is a linearizable read, or for a learner a serializable one. With no leader it fails at once
// rather than in time.
func read(ctx context.Context, client *clientv3.Client, learner bool) error {
	if learner {
		_, err := client.Get(ctx, healthKey, clientv3.WithSerializable(), clientv3.WithCountOnly())
		return err
	}
	_, err := client.Get(clientv3.WithRequireLeader(ctx), healthKey, clientv3.WithCountOnly())
	return err
}

// status asks for the endpoint's Status. When the connection is not there, a fresh one says why,
// now, and not what the kept connection remembers of its last attempt; if the fresh one succeeds,
// the kept one is woken, and asked again.
func (p *Pool) status(ctx context.Context, endpoint string, c *conn) (*clientv3.StatusResponse, error) {
	status, err := c.client.Status(ctx, endpoint)
	if err == nil || !isConnection(err) {
		return status, err
	}
	if _, err := handshake(ctx, endpoint, p.tls); err != nil {
		fault, text := classifyDial(err)
		return nil, &FaultError{Fault: fault, Detail: text, Err: err}
	}
	wake(ctx, c.client)
	return c.client.Status(ctx, endpoint)
}

// wake makes a connection that waits for its next attempt connect now, and waits until it is ready
// or ctx is done.
func wake(ctx context.Context, client *clientv3.Client) {
	cc := client.ActiveConnection()
	cc.ResetConnectBackoff()
	for {
		cc.Connect()
		state := cc.GetState()
		if state == connectivity.Ready || state == connectivity.Shutdown || !cc.WaitForStateChange(ctx, state) {
			return
		}
	}
}

// statusFault classes an error of Status.
func statusFault(err error) (Fault, string) {
	var known *FaultError
	switch {
	case errors.As(err, &known):
		return known.Fault, known.Detail
	case isTimeout(err):
		return FaultUnreachable, ""
	case isConnection(err):
		return FaultOther, "connection closed"
	}
	return FaultOther, detail(err.Error())
}

// shakeIfDue makes a fresh handshake if the last good one is older than the pool's interval, or the
// last one failed.
func (p *Pool) shakeIfDue(ctx context.Context, endpoint string, c *conn) {
	c.mu.Lock()
	due := c.shakeFault != FaultNone || time.Since(c.shaken) >= p.freshHandshakes
	c.mu.Unlock()
	if !due {
		return
	}
	_, err := handshake(ctx, endpoint, p.tls)
	fault, text := classifyDial(err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shakeFault, c.shakeText = fault, text
	if err == nil {
		c.shaken = time.Now()
	}
}

func (c *conn) lastShake() (Fault, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shakeFault, c.shakeText
}
