package observe

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
	"jujuetcd.io/pkg/reconcile/world"
)

// authority fills in what Juju shows of the certificate authority, and keeps the connection to etcd in step with the
// credentials.
func (o *Observer) authority(application jujuapi.Application, seen databags, now time.Time, obs *observation.Observation) {
	var related []string
	for _, r := range application.Relations {
		if r.Endpoint == certificatesEndpoint {
			obs.CA.Related, obs.CA.Application = true, r.RemoteApplication
			related = append(related, r.RemoteApplication)
		}
	}
	trusted := seen.trusted()
	both, leaves, rotates := planner.RotatedBundle(obs.Latch)
	if rotates {
		trusted = leaves
	}
	counts, offered := seen.chosen(trusted)
	obs.CA.Bundle, obs.CA.Offers = counts.bundle(), seen.authorities()
	if rotates {
		obs.CA.Bundle = both
	}
	obs.CA.Application = cmp.Or(counts.application, obs.CA.Application)
	obs.CA.Unused = seen.unused(related)

	credentials := o.cfg.Foreign
	if credentials.Empty() && !planner.OtherAuthority(*obs) {
		credentials = world.Credentials{CA: obs.CA.Bundle, Cert: counts.credentials.Cert, Key: counts.credentials.Key}
		if counts.signs || !offered && seen.signs() {
			signed := o.signed(seen, now, obs)
			if credentials.Empty() {
				credentials = signed
			}
		}
	}
	if !o.info.ever {
		credentials = world.Credentials{}
	}
	if rotates && !overlap(o.verifiedBy(credentials), leaves) {
		credentials = world.Credentials{} // members may not let it in yet, or not any more
	}
	if !credentials.Empty() {
		if err := valid(credentials, now); err != nil {
			obs.Blind = append(obs.Blind, fmt.Sprintf("cannot use the client certificate for %s: %v", application.Name, err))
			credentials = world.Credentials{}
		}
	}
	var early world.Credentials
	if members, _ := seen.members(); !rotates && o.cfg.Foreign.Empty() && o.tooEarly(credentials, members) {
		early, credentials = credentials, early
	}
	if credentials.Empty() {
		credentials = o.former(now, obs)
		if (rotates || !early.Empty()) && !credentials.Empty() {
			credentials.CA = obs.CA.Bundle
		}
		if credentials.Empty() {
			credentials = early // those that were restarted let it in
		}
	} else if o.cfg.Keys != nil && o.cfg.Foreign.Empty() {
		if err := o.cfg.Keys.Keep(credentials); err != nil {
			o.keysFault(err, obs)
		}
	}
	obs.CA.ClientCertificate, obs.CA.Own = !credentials.Empty(), o.verifiedBy(credentials)
	if err := o.connect(credentials); err != nil {
		obs.Blind = append(obs.Blind, fmt.Sprintf("cannot connect to etcd of %s: %v", application.Name, err))
	}
}

// tooEarly says that the credentials are of an authority that not every member trusts yet, which
// would refuse whoever shows them. A provider that offers a further authority may have changed what
// it gives at once.
func (o *Observer) tooEarly(c world.Credentials, members []string) bool {
	by := o.verifiedBy(c)
	return len(by) > 0 && len(members) > 0 && !overlap(by, members)
}

// proof is what the last credentials were found to verify against. In the simulation, checking
// signatures anew at each look was a tenth of all processor time.
type proof struct {
	of world.Credentials
	by []string
}

// verifiedBy is verifiedBy, worked out again only for other credentials.
func (o *Observer) verifiedBy(c world.Credentials) []string {
	if o.proof.of != c {
		o.proof = proof{c, verifiedBy(c)}
	}
	return o.proof.by
}

// verifiedBy are the authorities of the credentials' bundle, as fingerprints, that their certificate verifies against, whatever its dates.
func verifiedBy(c world.Credentials) []string {
	if c.Empty() {
		return nil
	}
	chain, _ := pki.Readable(c.Cert)
	if len(chain) == 0 {
		return nil
	}
	var all []string
	authorities, _ := pki.Readable(c.CA)
	for _, authority := range authorities {
		if len(pki.Ways(chain, []*x509.Certificate{authority}, x509.ExtKeyUsageClientAuth)) > 0 {
			all = append(all, pki.Fingerprint(authority))
		}
	}
	return all
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(f string) bool { return slices.Contains(b, f) })
}

// signed are the credentials that a provider who signs requests has given the daemon, which asks for them while it leads the cluster, or
// nobody does.
func (o *Observer) signed(seen databags, now time.Time, obs *observation.Observation) world.Credentials {
	obs.CA.Signs = true
	for _, a := range seen.controller() {
		obs.CA.Answered = obs.CA.Answered || a.Certificate != ""
	}
	if o.cfg.Keys == nil {
		// Who only looks takes what was asked for from the answers.
		for _, a := range seen.controller() {
			obs.CA.ControllerRequests = append(obs.CA.ControllerRequests, a.Request)
		}
		return world.Credentials{}
	}
	if e := obs.Latch.Epoch; obs.LatchRead && (e == nil || e.Holder == obs.Self || obs.TakeOver) {
		requests, err := o.cfg.Keys.Requests(now, "jujuetcd-"+obs.Application)
		if err != nil {
			o.keysFault(err, obs)
		}
		obs.CA.ControllerRequests = requests
	}
	credentials, err := o.cfg.Keys.Signed(seen.controller(), obs.CA.Bundle)
	if err != nil {
		o.keysFault(err, obs)
	}
	return credentials
}

// former are the credentials that were in use before, as long as they are valid: the authority has gone, or is another one, and what was
// signed still opens the door.
func (o *Observer) former(now time.Time, obs *observation.Observation) world.Credentials {
	if last := o.Credentials(); !last.Empty() && valid(last, now) == nil {
		return last
	}
	if o.cfg.Keys == nil || !o.info.ever {
		return world.Credentials{}
	}
	kept, err := o.cfg.Keys.Kept()
	if err != nil {
		o.keysFault(err, obs)
	}
	if kept.Empty() || valid(kept, now) != nil {
		return world.Credentials{}
	}
	return kept
}

func (o *Observer) keysFault(err error, obs *observation.Observation) {
	if text := err.Error(); !slices.Contains(obs.Blind, text) {
		obs.Blind = append(obs.Blind, text)
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
