package reconcile

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/world"
)

// DialEtcd is the world.Dial of the daemon: connections with mutual TLS, or, without credentials, ones that only tell
// whether something answers.
func DialEtcd(c world.Credentials) (world.Etcd, error) {
	if c.Empty() {
		// Nothing that such a connection hears is believed, and nothing is said on it: it has no certificate to show.
		config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}
		return stranger{etcdops.NewPool(config, etcdops.WithHealthTimeout(2*time.Second))}, nil
	}
	pair, err := tls.X509KeyPair([]byte(c.Cert), []byte(c.Key))
	if err != nil {
		return nil, fmt.Errorf("cannot use the client certificate: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(c.CA)) {
		return nil, errors.New("cannot use the CA bundle: it holds no certificate")
	}
	return connected{etcdops.NewPool(&tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, RootCAs: roots})}, nil
}

// connected is etcdops' pool.
type connected struct{ *etcdops.Pool }

func (c connected) Under(ctx context.Context, h etcdops.Hold, do func(context.Context) error) error {
	return etcdops.Under(ctx, c.Pool, h, do)
}

// errStranger is why nothing is changed without a certificate.
var errStranger = errors.New("cannot speak to etcd: there is no client certificate yet")

// stranger has no certificate. It tells whether an endpoint answers as etcd would: with TLS that wants one.
type stranger struct{ pool *etcdops.Pool }

func (s stranger) Look(ctx context.Context, endpoints []string) etcdops.View {
	v := etcdops.View{At: time.Now(), Health: map[string]etcdops.EndpointHealth{}, Err: errStranger.Error()}
	type answer struct{ etcdops.EndpointHealth }
	answers := make(chan answer)
	for _, e := range endpoints {
		go func() { answers <- answer{s.pool.Check(ctx, e)} }()
	}
	for range endpoints {
		h := (<-answers).EndpointHealth
		v.Health[h.Endpoint] = etcdops.EndpointHealth{Endpoint: h.Endpoint, At: h.At, Fault: h.Fault, Detail: h.Detail,
			Answered: h.Answered || h.Fault == etcdops.FaultTLS}
	}
	return v
}

func (stranger) Do(context.Context, etcdops.View, etcdops.Change) error { return errStranger }
func (stranger) Under(context.Context, etcdops.Hold, func(context.Context) error) error {
	return errStranger
}
func (s stranger) Close() { s.pool.Close() }
