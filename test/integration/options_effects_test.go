//go:build integration

package integration

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/test/rig"
)

// memberOnMachine is a unit's member as it can be looked at from outside.
type memberOnMachine struct {
	w             *world
	unit, address string
	root          string
	ports         []string
}

func (w *world) memberOn(unit string) memberOnMachine {
	w.t.Helper()
	s, err := w.Status(w.ctx)
	must(w.t, err)
	u := s.Unit(unit)
	return memberOnMachine{w: w, unit: unit, address: u.PublicAddress, root: w.MachineRoot(u.Machine), ports: u.OpenPorts}
}

// startLine is in etcd's log once for each start.
const startLine = `"msg":"starting an etcd server"`

func (m memberOnMachine) log() string {
	text, err := os.ReadFile(filepath.Join(m.root, "var/log/snap.etcd.etcd.log"))
	if err != nil {
		return ""
	}
	return string(text)
}

// starts counts how often each unit's etcd has been started.
func (w *world) starts() map[string]int {
	w.t.Helper()
	counts := map[string]int{}
	for _, unit := range w.etcdUnits() {
		counts[unit] = strings.Count(w.memberOn(unit).log(), startLine)
	}
	return counts
}

// all holds where each of the effects does.
func all(effects ...func(memberOnMachine) error) func(memberOnMachine) error {
	return func(m memberOnMachine) error {
		var faults []error
		for _, effect := range effects {
			faults = append(faults, effect(m))
		}
		return errors.Join(faults...)
	}
}

func (m memberOnMachine) dials(port int) bool {
	c, err := net.DialTimeout("tcp", net.JoinHostPort(m.address, strconv.Itoa(port)), time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

func listens(port int) func(memberOnMachine) error {
	return func(m memberOnMachine) error {
		if !m.dials(port) {
			return fmt.Errorf("nobody listens on port %d", port)
		}
		return nil
	}
}

func listensNot(ports ...int) func(memberOnMachine) error {
	return func(m memberOnMachine) error {
		if i := slices.IndexFunc(ports, m.dials); i >= 0 {
			return fmt.Errorf("somebody listens on port %d", ports[i])
		}
		return nil
	}
}

func opened(want ...string) func(memberOnMachine) error {
	return func(m memberOnMachine) error {
		if !slices.Equal(m.ports, want) {
			return fmt.Errorf("Juju shows the ports %v, not %v", m.ports, want)
		}
		return nil
	}
}

// started holds if etcd's log has the texts since its last start.
func started(texts ...string) func(memberOnMachine) error {
	return func(m memberOnMachine) error {
		log := m.log()
		log = log[max(0, strings.LastIndex(log, startLine)):]
		for _, text := range texts {
			if !strings.Contains(log, text) {
				return fmt.Errorf("etcd has not told %s since its last start", text)
			}
		}
		return nil
	}
}

// configured holds if the configuration has the lines; ADDRESS stands for the unit's.
func configured(lines ...string) func(memberOnMachine) error {
	return func(m memberOnMachine) error {
		text, err := os.ReadFile(filepath.Join(m.root, "var/snap/etcd/common/etcd.conf.yml"))
		if err != nil {
			return err
		}
		for _, line := range lines {
			if line = strings.ReplaceAll(line, "ADDRESS", m.address); !slices.Contains(strings.Split(string(text), "\n"), line) {
				return fmt.Errorf("the configuration has no line %q", line)
			}
		}
		return nil
	}
}

// answers holds if the URL serves the text.
func answers(url, text string) func(memberOnMachine) error {
	return func(m memberOnMachine) error {
		return m.get(&http.Client{Timeout: 2 * time.Second}, strings.ReplaceAll(url, "ADDRESS", m.address), text)
	}
}

func (m memberOnMachine) get(client *http.Client, url, text string) error {
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && !strings.Contains(string(body), text) {
		err = fmt.Errorf("%s does not say %s", url, text)
	}
	return err
}

// measures holds if the metrics of the client port have the line.
func measures(line string) func(memberOnMachine) error {
	return func(m memberOnMachine) error {
		credentials, err := m.w.Credentials(m.w.ctx, "etcd")
		if err != nil {
			return err
		}
		config, err := credentials.TLS()
		if err != nil {
			return err
		}
		transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
		port, _, _ := strings.Cut(m.ports[0], "/")
		return m.get(&http.Client{Timeout: 2 * time.Second, Transport: transport}, "https://"+m.address+":"+port+"/metrics", line)
	}
}

// takesRequestsTo holds if etcd has told the limit when it was started, and takes or refuses, as
// that says, a value of nearly 2 MiB: the most that its own client sends.
func takesRequestsTo(limit int) func(memberOnMachine) error {
	const size = 2<<20 - 4096
	return func(m memberOnMachine) error {
		if err := started(fmt.Sprintf(`"max-request-bytes":%d,`, limit))(m); err != nil {
			return err // and nothing that large is written until then
		}
		credentials, err := m.w.Credentials(m.w.ctx, "etcd")
		if err != nil {
			return err
		}
		config, err := credentials.TLS()
		if err != nil {
			return err
		}
		port, _, _ := strings.Cut(m.ports[0], "/")
		client, err := rig.Connect(config, "https://"+net.JoinHostPort(m.address, port))
		if err != nil {
			return err
		}
		defer client.Close()
		ctx, cancel := context.WithTimeout(m.w.ctx, 5*time.Second)
		defer cancel()
		_, err = client.Put(ctx, "large", strings.Repeat("x", size))
		switch {
		case limit >= size:
			return err
		case err == nil:
			return fmt.Errorf("a value of %d bytes is taken", size)
		case err.Error() != "etcdserver: request is too large":
			return fmt.Errorf("a value of %d bytes is refused with another word: %w", size, err)
		}
		return nil
	}
}

// shake makes a handshake as TLS 1.2, with one suite.
func (m memberOnMachine) shake(port int, change func(*tls.Config)) (tls.ConnectionState, error) {
	credentials, err := m.w.Credentials(m.w.ctx, "etcd")
	if err != nil {
		return tls.ConnectionState{}, err
	}
	config, err := credentials.TLS()
	if err != nil {
		return tls.ConnectionState{}, err
	}
	change(config)
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: 2 * time.Second}, Config: config}
	c, err := dialer.Dial("tcp", net.JoinHostPort(m.address, strconv.Itoa(port)))
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState(), nil
}

// servesSuites holds if a client of TLS 1.2 gets AES-128-GCM and nothing else, and one of TLS 1.3
// is served as ever.
func servesSuites(port int) func(memberOnMachine) error {
	// The authority decides whether the key is one of RSA.
	only := func(suites ...uint16) func(*tls.Config) {
		return func(c *tls.Config) { c.MaxVersion, c.CipherSuites = tls.VersionTLS12, suites }
	}
	return func(m memberOnMachine) error {
		if _, err := m.shake(port, only(tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)); err == nil {
			return errors.New("a suite is served that was not chosen")
		}
		if _, err := m.shake(port, only(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)); err != nil {
			return fmt.Errorf("the chosen suite is not served: %w", err)
		}
		s, err := m.shake(port, func(*tls.Config) {})
		if err == nil && s.Version != tls.VersionTLS13 {
			err = errors.New("TLS 1.3 is not served")
		}
		return err
	}
}

func certifiedFor(port int, names ...string) func(memberOnMachine) error {
	return func(m memberOnMachine) error {
		s, err := m.shake(port, func(*tls.Config) {})
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := s.PeerCertificates[0].VerifyHostname(name); err != nil {
				return err
			}
		}
		return nil
	}
}

// advertisesPeer holds if the member list has the unit's member at the port.
func advertisesPeer(port int) func(memberOnMachine) error {
	return func(m memberOnMachine) error {
		want := fmt.Sprintf("https://%s:%d", m.address, port)
		for _, member := range m.w.cluster(m.w.Socket()).Status.Members {
			if member.Unit == m.unit && member.PeerURL == want {
				return nil
			}
		}
		return fmt.Errorf("the member list does not have %s", want)
	}
}

// healthAction holds if the charm's action finds the unit well.
func healthAction(m memberOnMachine) error {
	out, err := m.w.Juju(m.w.ctx, "run", m.unit, "health")
	if err == nil && !strings.Contains(out, "cluster is healthy") {
		err = fmt.Errorf("the action health says %s", out)
	}
	return err
}

// nobodyPinsThePort: the action health and update-status ask etcd where it is, on all units.
func (w *world) nobodyPinsThePort() error {
	for _, unit := range w.etcdUnits() {
		if err := healthAction(w.memberOn(unit)); err != nil {
			return err
		}
	}
	return nil
}

// term is raft's, which each election raises.
func (w *world) term() uint64 {
	w.t.Helper()
	config, endpoints := w.serving()
	client, err := rig.Connect(config, endpoints...)
	must(w.t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
	defer cancel()
	status, err := client.Status(ctx, endpoints[0])
	must(w.t, err)
	return status.RaftTerm
}

// occupy listens on a machine's port, as another process on it would.
func occupy(t *testing.T, address string, port int) func() error {
	t.Helper()
	listener, err := net.Listen("tcp",
		net.JoinHostPort(address, strconv.Itoa(port)))
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Close
}
