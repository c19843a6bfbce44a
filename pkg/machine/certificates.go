package machine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

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

// Bundle is what the unit trusts, as PEM; empty before it was told.
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

// Served proves with a fresh handshake on the client port and on the peer port that etcd serves the certificate on disk: kept
// connections would not show one that it cannot read. Where no etcd runs, or none is set up, there is nothing to prove.
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
		// At the peer port it shows what peers show: another certificate would be refused, and be told of as a peer that is.
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
			continue // nobody is there: health tells of that
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
