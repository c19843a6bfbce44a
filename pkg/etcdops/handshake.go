package etcdops

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"
)

// Handshake is what a new TLS connection to an endpoint showed.
type Handshake struct {
	// Serial and Issuer are those of the certificate that the member served, NotAfter is its end.
	Serial   string
	Issuer   string
	NotAfter time.Time
	Took     time.Duration
}

// FaultError is an error with its class.
type FaultError struct {
	Fault  Fault
	Detail string
	Err    error
}

func (e *FaultError) Error() string {
	if e.Detail == "" {
		return string(e.Fault)
	}
	return string(e.Fault) + ": " + e.Detail
}

// Unwrap returns the error as the network gave it.
func (e *FaultError) Unwrap() error { return e.Err }

// http2Hello is a client's HTTP/2 preface with empty settings. In TLS 1.3 the client finishes
// first: only what the member says afterwards shows whether it has accepted our certificate, and it
// says nothing before we do.
const http2Hello = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// FreshHandshake makes a new connection to the endpoint, to the point where the member has accepted
// our certificate and speaks HTTP/2, and closes it. Kept connections survive a broken certificate
// authority; this does not. The error wraps a *FaultError.
func (p *Pool) FreshHandshake(ctx context.Context, endpoint string) (Handshake, error) {
	return p.shake(ctx, endpoint, greet)
}

// Served makes a new connection to a member's client or peer URL, looks at the certificate that it
// serves, and closes it. Whether the member has accepted ours it does not show: peers speak another
// protocol than clients. The error wraps a *FaultError.
func (p *Pool) Served(ctx context.Context, url string) (Handshake, error) {
	return p.shake(ctx, url, func(*tls.Conn) error { return nil })
}

// Accepted makes a new connection to a member's client or peer URL, to the point where the member
// has accepted our certificate, and closes it. It asks for the version, which etcd gives on both
// ports. The error wraps a *FaultError.
func (p *Pool) Accepted(ctx context.Context, url string) error {
	_, err := p.shake(ctx, url, func(c *tls.Conn) error {
		if _, err := fmt.Fprintf(c, "GET /version HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", c.RemoteAddr()); err != nil {
			return err
		}
		_, err := c.Read(make([]byte, 1))
		return err
	})
	return err
}

// shake makes a new connection, and says something on it.
func (p *Pool) shake(ctx context.Context, endpoint string, say func(*tls.Conn) error) (Handshake, error) {
	if err := p.usable(endpoint); err != nil {
		return Handshake{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, p.healthTimeout)
	defer cancel()
	shake, err := shakeHands(ctx, endpoint, p.tls, say)
	if err != nil {
		fault, text := classifyDial(err)
		return Handshake{}, fmt.Errorf("cannot make a fresh connection to %s: %w", endpoint,
			&FaultError{Fault: fault, Detail: text, Err: err})
	}
	return shake, nil
}

// greet begins to speak HTTP/2 and waits for the answer.
func greet(c *tls.Conn) error {
	if _, err := c.Write([]byte(http2Hello)); err != nil {
		return err
	}
	_, err := c.Read(make([]byte, 1))
	return err
}

// handshake goes to the point where the member has accepted our certificate.
func handshake(ctx context.Context, endpoint string, config *tls.Config) (Handshake, error) {
	return shakeHands(ctx, endpoint, config, greet)
}

func shakeHands(ctx context.Context, endpoint string, config *tls.Config, say func(*tls.Conn) error) (Handshake, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return Handshake{}, err
	}
	config = config.Clone()
	config.NextProtos = []string{"h2"}
	if config.ServerName == "" {
		config.ServerName = u.Hostname()
	}
	start := time.Now()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return Handshake{}, err
	}
	defer raw.Close()
	// Reads and writes below end with the context, too.
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	c := tls.Client(raw, config)
	if err := c.HandshakeContext(ctx); err != nil {
		return Handshake{}, err
	}
	if err := say(c); err != nil {
		return Handshake{}, err
	}
	leaf := c.ConnectionState().PeerCertificates[0]
	return Handshake{
		Serial:   leaf.SerialNumber.Text(16),
		Issuer:   leaf.Issuer.CommonName,
		NotAfter: leaf.NotAfter,
		Took:     time.Since(start),
	}, nil
}

// usable says whether the endpoint is an https URL with a host and a port, and whether we have TLS
// to speak to it.
func (p *Pool) usable(endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return fmt.Errorf("cannot use endpoint %q: %w", endpoint, err)
	case u.Scheme != "https" || u.Hostname() == "" || u.Port() == "":
		return fmt.Errorf("cannot use endpoint %q: it must be https://host:port", endpoint)
	case p.tls == nil:
		return errors.New("cannot dial etcd: no TLS configuration is given")
	}
	return nil
}
