package machine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/record"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
)

// Prove shows with fresh handshakes on both ports of the unit's member what the replacement of an authority has to know: that the member
// serves a certificate of the authorities that the unit was told to use (TLSSpec.Leaves), and that it accepts one of those that come next
// (TLSSpec.Next), of which server and client are what has arrived; nil where nothing has. A proof holds for the process that gave it, and
// costs nothing again. What cannot be proven yet is an error that says why; a unit that has nothing to prove has none.
func (m *Machine) Prove(ctx context.Context, server, client *tlsfiles.Leaf) error {
	r, err := m.load()
	if err != nil || r.Spec == nil || len(r.Spec.TLS.Leaves)+len(r.Spec.TLS.Next) == 0 {
		return err
	}
	state, err := m.unit.State(ctx)
	if err != nil {
		return err
	}
	if r.Process = runsWith(r, state, m.bootID()); !state.Running() || outdated(r) {
		return errors.New("cannot prove anything: etcd does not run with the configuration that it should")
	}
	proof := record.Proof{PID: r.Process.PID, Started: r.Process.Started, Boot: r.Process.Boot}
	if !r.Proof.Of(r.Process) {
		r.Proof = proof
	}
	want := r.Spec.TLS
	var faults []error
	if proof.Serves = want.Leaves; !slices.Equal(r.Proof.Serves, want.Leaves) {
		if err := m.serves(ctx, want); err != nil {
			proof.Serves = nil
			faults = append(faults, err)
		}
	}
	if proof.Accepts = want.Next; !slices.Equal(r.Proof.Accepts, want.Next) {
		if err := m.accepts(ctx, r, server, client); err != nil {
			proof.Accepts = nil
			faults = append(faults, err)
		}
	}
	r.Proof = proof
	return errors.Join(append(faults, m.remember(&r))...)
}

// serves proves that both leaves on disk are of the authorities in use, and that the member serves its own.
func (m *Machine) serves(ctx context.Context, want v1alpha1.TLSSpec) error {
	bundle, err := m.tls.Bundle()
	if err != nil {
		return err
	}
	used := pki.Among(bundle, want.Leaves)
	for _, name := range []tlsfiles.Name{tlsfiles.Server, tlsfiles.Client} {
		chain, err := m.tls.Chain(name)
		if err != nil {
			return err
		}
		if len(chain) == 0 {
			return fmt.Errorf("cannot prove whose %s certificate is served: there is none", name)
		}
		if err := tlsfiles.Verify(name, chain, used, m.o.Now()); err != nil {
			return fmt.Errorf("cannot prove that the %s certificate is of the authority in use: %w", name, err)
		}
	}
	return m.Served(ctx)
}

// accepts proves that the member lets in who shows a leaf of the authority that comes next: a client at its client port, and a peer, who
// shows its server certificate, at its peer port.
func (m *Machine) accepts(ctx context.Context, r record.Record, server, client *tlsfiles.Leaf) error {
	if server == nil || client == nil {
		return errors.New("cannot prove that the next authority is accepted: it has not given certificates yet")
	}
	trusted, err := m.tls.ClientConfig()
	if err != nil {
		return err
	}
	for _, way := range []struct {
		leaf *tlsfiles.Leaf
		urls []string
	}{{client, r.Spec.Etcd.AdvertiseClientURLs}, {server, r.Spec.Etcd.AdvertisePeerURLs}} {
		pair, err := tls.X509KeyPair([]byte(way.leaf.Certificate), []byte(way.leaf.Key))
		if err != nil {
			return errors.New("cannot prove that the next authority is accepted: the certificate that it has given is of no use")
		}
		config := trusted.Clone()
		config.Certificates = []tls.Certificate{pair}
		pool := etcdops.NewPool(config)
		for _, url := range way.urls {
			if err := pool.Accepted(ctx, url); err != nil {
				pool.Close()
				return fmt.Errorf("cannot prove that the next authority is accepted: %w", err)
			}
		}
		pool.Close()
	}
	return nil
}

// proven is the proof of the process that runs, as far as it is what the unit is to prove now; nil if there is none.
func proven(r record.Record) *v1alpha1.ProofFacts {
	if r.Spec == nil || !r.Proof.Of(r.Process) {
		return nil
	}
	var p v1alpha1.ProofFacts
	if slices.Equal(r.Proof.Serves, r.Spec.TLS.Leaves) {
		p.Serves = r.Proof.Serves
	}
	if slices.Equal(r.Proof.Accepts, r.Spec.TLS.Next) {
		p.Accepts = r.Proof.Accepts
	}
	if len(p.Serves)+len(p.Accepts) == 0 {
		return nil
	}
	return &p
}
