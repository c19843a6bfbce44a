package machine

import (
	"context"
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
	config, err := m.tls.ClientConfig()
	if err != nil {
		return err
	}
	pool := etcdops.NewPool(config)
	defer pool.Close()
	for _, url := range append(r.Spec.Etcd.AdvertiseClientURLs, r.Spec.Etcd.AdvertisePeerURLs...) {
		shown, err := pool.Served(ctx, url)
		var fault *etcdops.FaultError
		if errors.As(err, &fault) && fault.Fault != etcdops.FaultTLS {
			continue // nobody is there: health tells of that
		}
		if err != nil {
			return fmt.Errorf("cannot prove that etcd serves its certificate: %w", err)
		}
		if serial := cert.SerialNumber.Text(16); shown.Serial != serial {
			return fmt.Errorf("cannot take the new server certificate for served: %s shows serial %s, and the one on disk has %s",
				url, shown.Serial, serial)
		}
	}
	return nil
}
