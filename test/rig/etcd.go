package rig

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// Credentials are the files that let a client in, as `jujuetcd env` writes them.
type Credentials struct{ CA, Cert, Key string }

// Credentials asks jujuetcd for the client's files of the cluster and returns where they are.
func (r *Rig) Credentials(ctx context.Context, application string) (Credentials, error) {
	dir := filepath.Join(r.Dir, "client-"+application)
	if _, err := r.Jujuetcd(ctx, "env", application, "--socket", r.Socket(), "--dir", dir); err != nil {
		return Credentials{}, err
	}
	return Credentials{CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "client.crt"), Key: filepath.Join(dir, "client.key")}, nil
}

// TLS reads the credentials for mutual TLS.
func (c Credentials) TLS() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, fmt.Errorf("cannot load the client certificate: %w", err)
	}
	bundle, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fmt.Errorf("cannot load the CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(bundle) {
		return nil, fmt.Errorf("cannot load the CA: %s holds no certificate", c.CA)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, RootCAs: pool}, nil
}

// Endpoints are the client URLs of the application's units, from what Juju shows.
func (s Status) Endpoints(application string) []string {
	var urls []string
	for _, name := range s.UnitNames(application) {
		if u := s.Unit(name); len(u.OpenPorts) > 0 {
			port, _, _ := strings.Cut(u.OpenPorts[0], "/")
			urls = append(urls, "https://"+net.JoinHostPort(u.PublicAddress, port))
		}
	}
	return urls
}

// Connect opens a client on the endpoints, which the caller closes.
func Connect(config *tls.Config, endpoints ...string) (*clientv3.Client, error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, TLS: config, Logger: zap.NewNop()})
	if err != nil {
		return nil, fmt.Errorf("cannot connect to etcd: %w", err)
	}
	return client, nil
}

// LeaderUnit is the unit of the application whose member leads, as its members' names show.
func LeaderUnit(ctx context.Context, config *tls.Config, endpoints []string, application string) (string, error) {
	client, err := Connect(config, endpoints...)
	if err != nil {
		return "", err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	list, err := client.MemberList(ctx)
	if err != nil {
		return "", fmt.Errorf("cannot list the members: %w", err)
	}
	if len(endpoints) == 0 {
		return "", errors.New("cannot find the leader: there is no endpoint to ask")
	}
	status, err := client.Status(ctx, endpoints[0])
	if err != nil {
		return "", fmt.Errorf("cannot ask %s who leads: %w", endpoints[0], err)
	}
	for _, m := range list.Members {
		if m.ID == status.Leader {
			return application + "/" + strings.TrimPrefix(m.Name, application), nil
		}
	}
	return "", fmt.Errorf("cannot find the leader %x in the member list", status.Leader)
}

// roundTrip bounds one write or read of ThroughEach.
const roundTrip = 20 * time.Second

// ThroughEach writes a key through every endpoint and reads each key back through every other one:
// n*n round trips that show that all members serve and agree.
// It fails after roundTrip where a client of etcd would try for as long as it may, as one does whose
// certificate has ended.
func ThroughEach(ctx context.Context, config *tls.Config, endpoints []string) error {
	for i, writer := range endpoints {
		c, err := Connect(config, writer)
		if err != nil {
			return err
		}
		key, value := fmt.Sprintf("jujuetcd-demo/%d", i), writer
		bounded, cancel := context.WithTimeout(ctx, roundTrip)
		_, err = c.Put(bounded, key, value)
		cancel()
		_ = c.Close()
		if err != nil {
			return fmt.Errorf("cannot write through %s: %w", writer, err)
		}
		for _, reader := range endpoints {
			if err := readBack(ctx, config, reader, key, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// LetIn shows that the endpoint accepts who connects with config: after the handshake it speaks
// HTTP/2, which under TLS 1.3 it does only once it has accepted the client's certificate. Unlike a
// client of etcd, which tries a refused handshake again for as long as it may, it ends with the
// first answer.
func LetIn(ctx context.Context, config *tls.Config, endpoint string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	config = config.Clone()
	config.NextProtos = []string{"h2"}
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", strings.TrimPrefix(endpoint, "https://"))
	if err != nil {
		return fmt.Errorf("cannot connect to %s: %w", endpoint, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("cannot hear from %s: %w", endpoint, err)
	}
	return nil
}

func readBack(ctx context.Context, config *tls.Config, endpoint, key, want string) error {
	c, err := Connect(config, endpoint)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, roundTrip)
	defer cancel()
	answer, err := c.Get(ctx, key)
	if err != nil {
		return fmt.Errorf("cannot read through %s: %w", endpoint, err)
	}
	if len(answer.Kvs) != 1 || string(answer.Kvs[0].Value) != want {
		return fmt.Errorf("%s answers %v for %s, not %s", endpoint, answer.Kvs, key, want)
	}
	return nil
}
