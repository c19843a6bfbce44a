package jujuapi

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// Controller says where a Juju controller is, how to know that it is the right one, and who we are
// to it.
type Controller struct {
	// Name is its name among the juju client's files, or empty.
	Name string
	// Addresses are tried all: "host:port", with or without "wss://" before and a path after.
	Addresses []string
	// CACert is the PEM text of the controller's own certificate authority. Without it the system's
	// roots decide.
	CACert string
	// PublicHostname is the name for which a public authority signed the controller's certificate,
	// where one did.
	PublicHostname string
	// Username is a local user's name, without "user-" before it.
	Username string
	Password Secret
}

// Secret is a text that does not print: neither with fmt, nor in JSON or YAML, nor in a log.
type Secret string

const hidden = "(hidden)"

// String returns a placeholder.
func (s Secret) String() string { return hidden }

// GoString returns a placeholder.
func (s Secret) GoString() string { return hidden }

// MarshalText returns a placeholder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// serverName is in every certificate that a controller's own authority signs, whatever address it
// is reached at.
const serverName = "juju-apiserver"

// defaultPort is Juju's api-port.
const defaultPort = "17070"

// endpoint is one address of a controller: host with port, and the path before Juju's own.
type endpoint struct{ hostPort, prefix string }

func parseAddress(address string) (endpoint, error) {
	rest := strings.TrimSpace(address)
	port := defaultPort
	if scheme, after, ok := strings.Cut(rest, "://"); ok {
		switch scheme {
		case "wss", "https":
			rest, port = after, "443"
		default:
			return endpoint{}, fmt.Errorf("cannot use address %q: %s:// is not encrypted, use wss:// or leave it out", address, scheme)
		}
	}
	hostPort, path, _ := strings.Cut(rest, "/")
	if host, p, err := net.SplitHostPort(hostPort); err == nil {
		if host == "" || p == "" {
			return endpoint{}, fmt.Errorf("cannot use address %q: want host:port", address)
		}
	} else {
		bare := strings.Trim(hostPort, "[]")
		if bare == "" || (strings.Contains(bare, ":") && net.ParseIP(bare) == nil) {
			return endpoint{}, fmt.Errorf("cannot use address %q: want host:port", address)
		}
		hostPort = net.JoinHostPort(bare, port)
	}
	if _, err := url.Parse("wss://" + hostPort); err != nil {
		return endpoint{}, fmt.Errorf("cannot use address %q: want host:port", address)
	}
	if path = strings.Trim(path, "/"); path != "" {
		path = "/" + path
	}
	return endpoint{hostPort: hostPort, prefix: path}, nil
}

// url returns where the API of a model is served; of the controller, if uuid is empty.
func (e endpoint) url(uuid string) string {
	if uuid == "" {
		return "wss://" + e.hostPort + e.prefix + "/api"
	}
	return "wss://" + e.hostPort + e.prefix + "/model/" + uuid + "/api"
}

func (e endpoint) host() string {
	host, _, _ := net.SplitHostPort(e.hostPort)
	return host
}

var uuidPattern = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// endpoints returns the parsed addresses, each once.
func (c Controller) endpoints() ([]endpoint, error) {
	var all []endpoint
	var faults []error
	seen := map[endpoint]bool{}
	for _, address := range c.Addresses {
		e, err := parseAddress(address)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if !seen[e] {
			seen[e] = true
			all = append(all, e)
		}
	}
	if len(all) == 0 && len(faults) == 0 {
		faults = append(faults, errors.New("cannot connect: no controller address is known"))
	}
	return all, errors.Join(faults...)
}

// tlsConfigs returns the ways in which the controller may prove itself on a route, in the order in
// which to try them. Where only a login gave the address there is one: a certificate of the
// controller's own authority.
func (c Controller) tlsConfigs(r route) ([]*tls.Config, error) {
	var ways []*tls.Config
	if c.CACert != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(c.CACert)) {
			return nil, errors.New("cannot use the controller's CA certificate: it is not a certificate in PEM form")
		}
		ways = append(ways, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, ServerName: serverName})
		if c.PublicHostname == "" || r.published {
			return ways, nil
		}
	}
	if r.published {
		return nil, errors.New("cannot know the controller at an address that it told of itself: its CA certificate is not given")
	}
	name := c.PublicHostname
	if name == "" {
		name = r.host()
	}
	return append(ways, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name}), nil
}
