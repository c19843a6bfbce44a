package etcdtest

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"jujuetcd.io/test/etcd/etcdbin"
)

// startTimeout bounds how long a cluster may take until it serves, on a loaded machine.
const startTimeout = 60 * time.Second

// Options say what cluster to start.
type Options struct {
	// Members is how many; 1 if zero.
	Members int
	// Minor is etcd's minor version. If empty, the environment's ETCDTEST_MINOR rules, so that a whole package can be tested
	// with another minor; else it is etcdbin.Default.
	Minor string
	// Args are further flags for every member.
	Args []string
}

// Cluster is a set of etcd servers that belong together.
type Cluster struct {
	CA      *CA
	Members []*Member

	t       testing.TB
	options Options
	bin     string
	dir     string
	net     string // the first three numbers of its addresses
	token   string
	client  *tls.Config
}

// Start starts a cluster whose members are born together, and waits until each of them serves.
func Start(t testing.TB, options Options) *Cluster {
	t.Helper()
	options.Members = max(1, options.Members)
	options.Minor = cmp.Or(options.Minor, os.Getenv("ETCDTEST_MINOR"), etcdbin.Default)
	bin, err := etcdbin.Dir(t.Context(), options.Minor)
	must(t, err)
	c := &Cluster{
		CA: NewCA(t), t: t, options: options, bin: bin, dir: t.TempDir(),
		net:   fmt.Sprintf("127.%d.%d", 16+rand.IntN(200), rand.IntN(256)),
		token: fmt.Sprintf("token-%d", rand.Int64()),
	}
	c.client = c.CA.Client(t)
	for range options.Members {
		c.NewMember()
	}
	initial := c.Initial()
	for _, m := range c.Members {
		m.StartWith("new", initial)
	}
	for _, m := range c.Members {
		m.WaitServing()
	}
	return c
}

// TLS is a client's configuration for the cluster.
func (c *Cluster) TLS() *tls.Config { return c.client.Clone() }

// Endpoints are the client URLs of all members, started or not.
func (c *Cluster) Endpoints() []string {
	var urls []string
	for _, m := range c.Members {
		urls = append(urls, m.ClientURL)
	}
	return urls
}

// Initial is the initial-cluster of all members so far.
func (c *Cluster) Initial() string {
	var parts []string
	for _, m := range c.Members {
		parts = append(parts, m.Name+"="+m.PeerURL)
	}
	return strings.Join(parts, ",")
}

// NewMember makes a further member ready, with certificates and free ports. It is not started, nor added to the cluster.
func (c *Cluster) NewMember() *Member {
	c.t.Helper()
	n := len(c.Members)
	address := fmt.Sprintf("%s.%d", c.net, n+1)
	ports := freePorts(c.t, address)
	m := &Member{
		Name: fmt.Sprintf("etcd%d", n), Address: address, cluster: c,
		ClientURL: fmt.Sprintf("https://%s:%d", address, ports[0]),
		PeerURL:   fmt.Sprintf("https://%s:%d", address, ports[1]),
	}
	m.Dir = filepath.Join(c.dir, m.Name)
	m.DataDir = filepath.Join(m.Dir, "data")
	must(c.t, os.MkdirAll(m.Dir, 0o700))
	m.WriteTLS(c.CA.PEM, c.CA.Issue(c.t, m.Name, m.SANs()...))
	c.Members = append(c.Members, m)
	c.t.Cleanup(m.cleanup)
	return m
}

// Client returns a client of the endpoints, of all members if there are none; the test closes it.
func (c *Cluster) Client(endpoints ...string) *clientv3.Client {
	c.t.Helper()
	if len(endpoints) == 0 {
		endpoints = c.Endpoints()
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, TLS: c.TLS(), Logger: zap.NewNop()})
	must(c.t, err)
	c.t.Cleanup(func() { _ = client.Close() })
	return client
}

// Eventually waits until the condition holds, and fails the test if it does not in time. The condition's text says what it
// is waiting for.
func Eventually(t testing.TB, within time.Duration, waitingFor string, condition func(context.Context) bool) time.Duration {
	t.Helper()
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for {
		asked := time.Now()
		if condition(ctx) {
			return time.Since(start)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waited %s in vain for: %s", within, waitingFor)
		// A condition that runs a program is asked less often, or the asking alone fills a core.
		case <-time.After(max(20*time.Millisecond, min(4*time.Since(asked), 500*time.Millisecond))):
		}
	}
}

// freePorts are two, which differ: both are held until both are known.
func freePorts(t testing.TB, address string) (ports [2]int) {
	t.Helper()
	for i := range ports {
		l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
		must(t, err)
		defer l.Close() //nolint:gocritic // deferInLoop: that is the point
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}
