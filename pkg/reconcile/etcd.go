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

// DialEtcd is the world.Dial of the daemon: connections with mutual TLS, or, without credentials,
// ones that only show whether something answers.
func DialEtcd(c world.Credentials) (world.Etcd, error) {
	if c.Empty() {
		// Nothing that such a connection hears is believed, and nothing is said on it: it has no
		// certificate to show.
		config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}
		return anonymousEtcd{etcdops.NewPool(config, etcdops.WithHealthTimeout(2*time.Second))}, nil
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

// errAnonymous is why nothing is changed without a certificate.
var errAnonymous = errors.New("cannot speak to etcd: there is no client certificate yet")

// anonymousEtcd has no client certificate. It says whether an endpoint answers as etcd would: with
// TLS that wants one.
type anonymousEtcd struct{ pool *etcdops.Pool }

func (a anonymousEtcd) Look(ctx context.Context, endpoints []string) etcdops.View {
	v := etcdops.View{At: time.Now(), Health: map[string]etcdops.EndpointHealth{}, Err: errAnonymous.Error()}
	answers := make(chan etcdops.EndpointHealth)
	for _, e := range endpoints {
		go func() { answers <- a.pool.Check(ctx, e) }()
	}
	for range endpoints {
		h := <-answers
		v.Health[h.Endpoint] = etcdops.EndpointHealth{Endpoint: h.Endpoint, At: h.At, Fault: h.Fault, Detail: h.Detail,
			Answered: h.Answered || h.Fault == etcdops.FaultTLS}
	}
	return v
}

func (anonymousEtcd) Do(context.Context, etcdops.View, etcdops.Change) error { return errAnonymous }
func (anonymousEtcd) Under(context.Context, etcdops.Hold, func(context.Context) error) error {
	return errAnonymous
}
func (a anonymousEtcd) Close() { a.pool.Close() }
