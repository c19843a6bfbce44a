package observe

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/planner"
	"jujuetcd.io/pkg/reconcile/world"
)

// authority fills in what Juju shows of the certificate authority, and keeps the connection to etcd in step with the
// credentials.
func (o *Observer) authority(application jujuapi.Application, seen databags, now time.Time, obs *planner.Observation) {
	for _, r := range application.Relations {
		if r.Endpoint == certificatesEndpoint {
			obs.CA.Related, obs.CA.Application = true, r.RemoteApplication
		}
	}
	obs.CA.Bundle = seen.bundle()

	credentials := o.cfg.Foreign
	if credentials.Empty() && !planner.OtherAuthority(*obs) {
		credentials = world.Credentials{CA: seen.bundle(), Cert: seen.provider.Cert, Key: seen.provider.Key}
	}
	if !o.info.ever {
		credentials = world.Credentials{}
	}
	if !credentials.Empty() {
		if err := valid(credentials, now); err != nil {
			obs.Blind = append(obs.Blind, fmt.Sprintf("cannot use the client certificate for %s: %v", application.Name, err))
			credentials = world.Credentials{}
		}
	}
	if credentials.Empty() {
		if last := o.Credentials(); !last.Empty() && valid(last, now) == nil {
			// The authority has gone; what it signed still opens the door.
			credentials = last
		}
	}
	obs.CA.ClientCertificate = !credentials.Empty()
	if err := o.connect(credentials); err != nil {
		obs.Blind = append(obs.Blind, fmt.Sprintf("cannot connect to etcd of %s: %v", application.Name, err))
	}
}

// valid says why the credentials cannot be used now.
func valid(c world.Credentials, now time.Time) error {
	pair, err := tls.X509KeyPair([]byte(c.Cert), []byte(c.Key))
	if err != nil {
		return fmt.Errorf("certificate and key are no pair: %w", err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return fmt.Errorf("cannot read the certificate: %w", err)
	}
	if now.Before(leaf.NotBefore) {
		return fmt.Errorf("it is not valid before %s: is a clock wrong?", leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	if now.After(leaf.NotAfter) {
		return fmt.Errorf("it expired at %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// connect makes the connection fit the credentials. The old one is closed once the new one is there.
func (o *Observer) connect(c world.Credentials) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.etcd != nil && o.credentials == c {
		return nil
	}
	etcd, err := o.cfg.Dial(c)
	if err != nil {
		return err
	}
	if o.etcd != nil {
		o.etcd.Close()
	}
	o.etcd, o.credentials = etcd, c
	return nil
}
