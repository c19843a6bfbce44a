package machine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/requests"
	"jujuetcd.io/pkg/machine/tlsfiles"
)

// Leaves are the unit's certificates on disk; empty where there is none that can be read.
func (m *Machine) Leaves() (server, client tlsfiles.Held, err error) {
	if another, err := m.another(); err != nil || another {
		return server, client, err
	}
	if server, err = m.tls.Held(tlsfiles.Server); err != nil {
		return server, client, err
	}
	client, err = m.tls.Held(tlsfiles.Client)
	return server, client, err
}

// Bundle is what the unit trusts, as PEM; empty before it was handed one.
func (m *Machine) Bundle() (string, error) {
	if another, err := m.another(); err != nil || another {
		return "", err
	}
	return m.tls.BundleText()
}

// Requests is where the unit's own keys are kept, and what it has asked to be signed with them.
func (m *Machine) Requests() requests.Store {
	return requests.Store{Dir: filepath.Join(m.stateDir(), "requests"), Disk: m.disk}
}

// stateDir is the unit's own folder below StateDir, readable by root only.
func (m *Machine) stateDir() string {
	return m.path(filepath.Join(StateDir, strings.ReplaceAll(m.o.Unit, "/", "-")))
}

// Served proves with a fresh handshake on the client port and on the peer port that etcd serves the
// certificate on disk: kept connections would not show one that it cannot read. Where no etcd runs,
// or none is set up, there is nothing to prove.
func (m *Machine) Served(ctx context.Context) error {
	r, err := m.load()
	if err != nil {
		return err
	}
	state, err := m.unit.State(ctx)
	if err != nil {
		return err
	}
	cert, err := m.tls.Certificate(tlsfiles.Server)
	if err != nil || cert == nil || r.Spec == nil || !state.Running() || !r.Process.Answered {
		return err
	}
	for _, way := range []struct {
		config func() (*tls.Config, error)
		urls   []string
	}{{m.tls.ClientConfig, r.Spec.Etcd.AdvertiseClientURLs}, {m.tls.PeerConfig, r.Spec.Etcd.AdvertisePeerURLs}} {
		// At the peer port it shows what peers show: another certificate would be refused, and be
		// reported as a peer that is.
		config, err := way.config()
		if err != nil {
			return err
		}
		if err := serves(ctx, config, way.urls, cert.SerialNumber.Text(16)); err != nil {
			return err
		}
	}
	return nil
}

// serves proves that the certificate of that serial is shown at these URLs.
func serves(ctx context.Context, config *tls.Config, urls []string, serial string) error {
	pool := etcdops.NewPool(config)
	defer pool.Close()
	for _, url := range urls {
		shown, err := pool.Served(ctx, url)
		var fault *etcdops.FaultError
		if errors.As(err, &fault) && fault.Fault != etcdops.FaultTLS {
			continue // nobody is there: health reports that
		}
		if err != nil {
			return fmt.Errorf("cannot prove that etcd serves its certificate: %w", err)
		}
		if shown.Serial != serial {
			return fmt.Errorf("cannot take the new server certificate for served: %s shows serial %s, and the one on disk has %s",
				url, shown.Serial, serial)
		}
	}
	return nil
}

// certificates puts the CA bundle and the leaves that have arrived in their place. Without a bundle
// in the spec there is nothing to trust yet. A configuration that etcd reads only when it starts is
// changing: see changing.
func (a *application) certificates(ctx context.Context) error {
	if a.spec.TLS.CABundle == "" {
		return nil
	}
	if err := a.changing(ctx); err != nil {
		return err
	}
	server, err := a.usable(tlsfiles.Server, a.s.Server)
	if err != nil {
		return err
	}
	client, err := a.usable(tlsfiles.Client, a.s.Client)
	if err != nil {
		return err
	}
	next := map[tlsfiles.Name]*tlsfiles.Leaf{tlsfiles.Server: server, tlsfiles.Client: client}
	_, err = a.m.tls.WriteBundle(a.spec.TLS.CABundle, a.m.o.Now(), next)
	var untrusted *tlsfiles.UntrustedError
	if errors.As(err, &untrusted) {
		return failed(v1alpha1.ReasonNoCertificate, err)
	}
	if err != nil {
		return err
	}
	if _, err := a.m.writeLeaves(server, client, serverNames(a.s.Addresses)); err != nil {
		return failed(v1alpha1.ReasonNoCertificate, err)
	}
	return nil
}

// usable is the leaf that has arrived if it can be put in its place. One that cannot stands back
// for the one on disk, which goes on serving; the charm says what is wrong with it. Where there is
// none on disk, that is what keeps etcd from starting.
func (a *application) usable(name tlsfiles.Name, leaf *tlsfiles.Leaf) (*tlsfiles.Leaf, error) {
	if leaf == nil {
		return nil, nil
	}
	check := tlsfiles.Check{Now: a.m.o.Now(), Names: serverNames(a.s.Addresses)}
	fault := tlsfiles.Usable(name, *leaf, check, a.spec.TLS.CABundle)
	if fault == nil {
		return leaf, nil
	}
	have, err := a.m.tls.Certificate(name)
	if err != nil {
		return nil, err
	}
	if have == nil {
		return nil, failed(v1alpha1.ReasonNoCertificate, fault)
	}
	a.m.log.Error(fault, "Left a certificate as it was", "certificate", name)
	return nil, nil
}

// serverNames are what the unit's server certificate must be good for.
func serverNames(addresses v1alpha1.UnitAddresses) []string {
	return []string{addresses.Peer, addresses.Client}
}
