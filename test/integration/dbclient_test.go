//go:build integration

package integration

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"jujuetcd.io/test/rig"
)

// dbClient is a client of etcd that knows nothing but the file that the charm etcdclient has
// written from its relation db. It reads the file again when it changes, and puts and gets all the
// time.
type dbClient struct {
	path   string
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	client  *clientv3.Client
	fresh   bool // it connects anew for each call
	text    string
	lists   []string // connection strings, in the order in which they came
	calls   int
	retries int
	failed  []string
	last    time.Time
	gap     time.Duration
}

// How often a dbClient asks, how long one attempt and how long a call with all its attempts may
// take.
const (
	dbPause   = 50 * time.Millisecond
	dbAttempt = 1500 * time.Millisecond
	dbCall    = 5 * time.Second
)

// dbFile is where the charm on that unit's machine writes what its relation says.
func (w *world) dbFile(unit, endpoint string) string {
	w.t.Helper()
	s, err := w.Status(w.ctx)
	must(w.t, err)
	return filepath.Join(w.MachineRoot(s.Unit(unit).Machine), "var/lib/etcdclient", endpoint+".json")
}

// said is what the charm on that unit's machine has written of an endpoint.
func (w *world) said(unit, endpoint string) map[string]string {
	w.t.Helper()
	return w.saidAt(w.dbFile(unit, endpoint))
}

func (w *world) saidAt(path string) map[string]string {
	w.t.Helper()
	text, err := os.ReadFile(path)
	must(w.t, err)
	var said map[string]string
	must(w.t, json.Unmarshal(text, &said))
	return said
}

// startDBClient starts a client on what the relation of etcdclient/0 says, once it says something.
func (w *world) startDBClient() *dbClient {
	w.t.Helper()
	return w.startDBClientAt(w.dbFile("etcdclient/0", "db"))
}

// startDBClientAt starts a client on what a charm has written there.
func (w *world) startDBClientAt(path string) *dbClient {
	w.t.Helper()
	c := &dbClient{path: path}
	eventually(w.ctx, w.t, "the client knows where etcd is", func() bool {
		text, err := os.ReadFile(c.path)
		return err == nil && strings.Contains(string(text), "connection_string")
	})
	must(w.t, c.read())
	ctx, cancel := context.WithCancel(w.ctx)
	c.cancel, c.last = cancel, time.Now()
	c.done.Go(func() { c.work(ctx) })
	w.t.Cleanup(c.stop)
	eventually(w.ctx, w.t, "the client has called", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.calls > 0
	})
	return c
}

func (c *dbClient) stop() {
	c.cancel()
	c.done.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		_ = c.client.Close()
		c.client = nil
	}
}

// read takes the file in, if it has changed.
func (c *dbClient) read() error {
	text, err := os.ReadFile(c.path)
	c.mu.Lock()
	kept := string(text) == c.text && !c.fresh
	c.mu.Unlock()
	if err != nil || kept {
		return err
	}
	var said map[string]string
	if err := json.Unmarshal(text, &said); err != nil {
		return fmt.Errorf("cannot read %s: %w", c.path, err)
	}
	config, err := saidTLS(said)
	if err != nil {
		return err
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: strings.Split(said["connection_string"], ","), TLS: config, Logger: zap.NewNop(), DialTimeout: time.Second,
	})
	if err != nil {
		return fmt.Errorf("cannot connect with what the relation says: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		_ = c.client.Close()
	}
	c.client, c.text = client, string(text)
	if n := len(c.lists); n == 0 || c.lists[n-1] != said["connection_string"] {
		c.lists = append(c.lists, said["connection_string"])
	}
	return nil
}

// saidTLS is mutual TLS with what a relation says.
func saidTLS(said map[string]string) (*tls.Config, error) {
	pair, err := tls.X509KeyPair([]byte(said["client_cert"]), []byte(said["client_key"]))
	if err != nil {
		return nil, fmt.Errorf("cannot use the client certificate that the relation gives: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(said["client_ca"])) {
		return nil, errors.New("cannot use the CA that the relation gives: there is no certificate in it")
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, RootCAs: pool}, nil
}

func (c *dbClient) work(ctx context.Context) {
	tick := time.NewTicker(dbPause)
	defer tick.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		value := fmt.Sprint(i)
		began := time.Now()
		err := c.call(ctx, func(ctx context.Context) error { return c.putAndGet(ctx, value) })
		if ctx.Err() != nil {
			return
		}
		c.note(began, err)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// call tries until one attempt succeeds, or the time of a call is over. What is known of the
// cluster is read before each attempt.
func (c *dbClient) call(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, dbCall)
	defer cancel()
	var last error
	for ctx.Err() == nil {
		err := c.read()
		if err == nil {
			one, cancel := context.WithTimeout(ctx, dbAttempt)
			err = do(one)
			cancel()
		}
		if err == nil {
			return nil
		}
		last = err
		c.mu.Lock()
		c.retries++
		c.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(dbPause):
		}
	}
	return last
}

func (c *dbClient) putAndGet(ctx context.Context, value string) error {
	key := "etcdclient" + c.path // of its own
	if _, err := c.client.Put(ctx, key, value); err != nil {
		return err
	}
	answer, err := c.client.Get(ctx, key)
	if err != nil {
		return err
	}
	if len(answer.Kvs) != 1 || string(answer.Kvs[0].Value) != value {
		return fmt.Errorf("cannot read back %s: the answer is %v", value, answer.Kvs)
	}
	return nil
}

func (c *dbClient) note(began time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if err != nil {
		c.failed = append(c.failed, fmt.Sprintf("%s, with %s: %v", began.Format(time.TimeOnly), c.lists[len(c.lists)-1], err))
		return
	}
	c.gap = max(c.gap, time.Since(c.last))
	c.last = time.Now()
}

// lap reports one phase, and fails the test if a call has failed in it.
func (c *dbClient) lap(t *testing.T, phase string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	gap := max(c.gap, time.Since(c.last))
	t.Logf("%s: %d calls, %d attempts tried again, %d failed; longest gap %d ms; given %d lists, now %s",
		phase, c.calls, c.retries, len(c.failed), gap.Milliseconds(), len(c.lists), c.lists[len(c.lists)-1])
	for _, f := range c.failed {
		t.Errorf("%s: a call failed at %s", phase, f)
	}
	if c.calls == 0 {
		t.Errorf("%s: no call was made", phase)
	}
	c.calls, c.retries, c.failed, c.gap = 0, 0, nil, 0
}

// list is the connection string that the client knows now.
func (c *dbClient) list() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lists[len(c.lists)-1]
}

// awaitEndpoints waits until the client knows n endpoints.
func (c *dbClient) awaitEndpoints(w *world, n int) {
	w.t.Helper()
	eventually(w.ctx, w.t, fmt.Sprintf("the client knows %d endpoints", n), func() bool { return strings.Count(c.list(), ",")+1 == n })
}

// certificate is the client certificate that the client uses now.
func (c *dbClient) certificate() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var said map[string]string
	if json.Unmarshal([]byte(c.text), &said) != nil {
		return ""
	}
	return said["client_cert"]
}

// members is the member list, as the client finds it.
func (c *dbClient) members(w *world) []*etcdserverpb.Member {
	w.t.Helper()
	said := w.saidAt(c.path)
	config, err := saidTLS(said)
	must(w.t, err)
	client, err := rig.Connect(config, strings.Split(said["connection_string"], ",")...)
	must(w.t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
	defer cancel()
	list, err := client.MemberList(ctx)
	must(w.t, err)
	return list.Members
}
