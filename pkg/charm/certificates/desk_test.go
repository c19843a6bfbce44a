package certificates_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/certificates"
	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/machine/requests"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
)

// fakeMachine has no leaf yet, and keeps what it is given.
type fakeMachine struct {
	dir, bundle            string
	server, client         *tlsfiles.Leaf
	nextServer, nextClient *tlsfiles.Leaf
	held                   tlsfiles.Held // as either leaf
}

func (m *fakeMachine) WriteLeaves(server, client *tlsfiles.Leaf, _ v1alpha1.UnitAddresses) ([]string, error) {
	m.server, m.client = server, client
	return nil, nil
}
func (m *fakeMachine) Leaves() (server, client tlsfiles.Held, err error) {
	return m.held, m.held, nil
}
func (m *fakeMachine) Bundle() (string, error) { return m.bundle, nil }
func (m *fakeMachine) Requests() requests.Store {
	return requests.Store{Dir: m.dir, Disk: &durable.Disk{}}
}
func (m *fakeMachine) Served(context.Context) error { return nil }
func (m *fakeMachine) Prove(_ context.Context, server, client *tlsfiles.Leaf) error {
	m.nextServer, m.nextClient = server, client
	return nil
}

// seat is a unit at its desk.
type seat struct {
	t       *testing.T
	juju    *charmtest.Juju
	machine *fakeMachine
	desk    *certificates.Desk
}

func newSeat(t *testing.T) *seat {
	s := &seat{t: t, juju: charmtest.NewJuju(), machine: &fakeMachine{dir: filepath.Join(t.TempDir(), "requests")}}
	run := &dispatch.Run{
		Env:   dispatch.Env{Kind: dispatch.KindHook, Name: "certificates-relation-changed", Unit: "etcd/0"},
		Tools: hooktool.New(s.juju), Log: logr.Discard(), Now: func() time.Time { return now },
	}
	s.desk = &certificates.Desk{Run: run, Machine: s.machine, Hostname: "node"}
	return s
}

// relate adds a unit of a classic provider that has answered.
func (s *seat) relate(id, unit string, ca *charmtest.Authority) {
	cert, key := ca.Issue(now.Add(-time.Hour), 24*time.Hour, "10.0.0.4", "127.0.0.1", "node")
	s.juju.Relations["certificates"] = append(s.juju.Relations["certificates"], id)
	s.juju.Members[id] = []string{unit}
	s.juju.Bags[id+" "+unit] = map[string]string{
		"ca": ca.PEM, "client.cert": cert, "client.key": key, "etcd_0.server.cert": cert, "etcd_0.server.key": key,
	}
}

// dispatched is a look at what is offered, and what follows from it.
func (s *seat) dispatched(spec v1alpha1.TLSSpec, leader bool) *certificates.Offer {
	s.t.Helper()
	s.juju.Calls, s.juju.Leader = nil, leader
	n, err := s.desk.Run.Network(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	offer, err := s.desk.Offers(s.t.Context(), n, spec)
	if wrote := s.juju.Writes(); err != nil || len(wrote) > 0 {
		s.t.Fatalf("a look wrote %q: %v", wrote, err)
	}
	if err = s.desk.Settle(s.t.Context(), offer, n.Addresses, nil); err == nil {
		err = s.desk.AskForController(s.t.Context(), offer, leader)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return offer
}

// asked says whether a relation is asked for a certificate.
func (s *seat) asked(id string) bool { return s.juju.Bags[id+" etcd/0"]["unit_name"] != "" }

// TestTheControllersRequestIsTheLeaders: Juju lets nobody else write it, a classic provider would
// not know it, and it stays as it stands.
func TestTheControllersRequestIsTheLeaders(t *testing.T) {
	const id = "certificates:1"
	asked, err := pki.Asked{}.Ask(pki.Subject{CommonName: "jujuetcd-etcd"})
	if err != nil {
		t.Fatal(err)
	}
	spec := v1alpha1.TLSSpec{ControllerRequests: []string{asked.Next}}
	s := newSeat(t)
	s.juju.Relations["certificates"], s.juju.Members[id] = []string{id}, []string{"signer/0"}
	request := func() string { return s.juju.Bags[id+" etcd"]["certificate_signing_requests"] }

	s.dispatched(spec, true)
	if request() != "" {
		t.Error("one that may be classic is asked")
	}
	s.juju.Bags[id+" signer"] = map[string]string{"capabilities": "{}"}
	s.dispatched(spec, false) // which fails in Juju if it is written
	if request() != "" {
		t.Error("a unit that does not lead asks")
	}
	s.dispatched(spec, true)
	if !strings.Contains(request(), strings.TrimSpace(strings.ReplaceAll(asked.Next, "\n", `\n`))[:200]) {
		t.Errorf("asked with %q", request())
	}
	s.dispatched(spec, true)
	if wrote := s.juju.Writes(); len(wrote) > 0 {
		t.Errorf("the same again wrote %q", wrote)
	}

	ca := charmtest.NewAuthority(t, "ca")
	cert, _ := ca.Issue(now, time.Hour, "jujuetcd-etcd")
	answers, err := json.Marshal([]map[string]any{{"certificate_signing_request": asked.Next, "certificate": cert, "ca": ca.PEM}})
	if err != nil {
		t.Fatal(err)
	}
	s.juju.Bags[id+" signer"]["certificates"] = string(answers)
	offer := s.dispatched(spec, true)
	if len(offer.Controller) != 1 || offer.Controller[0].Request != asked.Next || offer.Controller[0].Certificate != cert {
		t.Errorf("reported to the controller %+v", offer.Controller)
	}
	s.dispatched(v1alpha1.TLSSpec{}, true)
	if request() != "" {
		t.Error("what the controller does not ask for any more still stands")
	}
}

// TestWhoComesNextIsAskedToo: while an authority is replaced the unit uses the leaves of the one
// that it was told to use, has those of the next at hand, and asks both; before and after, only the
// one in use.
func TestWhoComesNextIsAskedToo(t *testing.T) {
	ours, theirs := charmtest.NewAuthority(t, "ours"), charmtest.NewAuthority(t, "theirs")
	both := v1alpha1.TLSSpec{
		CABundle: ours.PEM + theirs.PEM, Leaves: pki.Fingerprints(ours.PEM), Next: pki.Fingerprints(theirs.PEM),
	}
	for name, c := range map[string]struct {
		spec       v1alpha1.TLSSpec
		used, next *charmtest.Authority
		asked      bool
		unused     []string
	}{
		"before":                        {v1alpha1.TLSSpec{CABundle: ours.PEM}, ours, nil, false, []string{"vault"}},
		"meanwhile":                     {both, ours, theirs, true, []string{"vault"}},
		"both are trusted, one is used": {v1alpha1.TLSSpec{CABundle: both.CABundle, Leaves: both.Leaves}, ours, nil, false, []string{"vault"}},
		"the other way round":           {v1alpha1.TLSSpec{CABundle: both.CABundle, Leaves: both.Next, Next: both.Leaves}, theirs, ours, true, []string{"easyrsa"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSeat(t)
			s.machine.bundle = ours.PEM
			s.relate("certificates:1", "easyrsa/0", ours)
			s.relate("certificates:2", "vault/0", theirs)
			offer := s.dispatched(c.spec, false)
			of := func(leaf *tlsfiles.Leaf) string {
				if leaf == nil {
					return ""
				}
				certs, err := pki.Certificates(leaf.Certificate)
				if err != nil {
					t.Fatal(err)
				}
				return certs[0].Issuer.CommonName
			}
			next := ""
			if c.next != nil {
				next = c.next.Cert.Subject.CommonName
			}
			if used := c.used.Cert.Subject.CommonName; of(s.machine.server) != used || of(s.machine.client) != used || offer.CA != c.used.PEM {
				t.Errorf("uses leaves of %q and %q, and not of %q", of(s.machine.server), of(s.machine.client), used)
			}
			if of(s.machine.nextServer) != next || of(s.machine.nextClient) != next {
				t.Errorf("has next leaves of %q, not of %q", of(s.machine.nextServer), next)
			}
			asked := [2]bool{s.asked("certificates:1"), s.asked("certificates:2")}
			if want := [2]bool{c.used == ours || c.asked, c.used == theirs || c.asked}; asked != want {
				t.Errorf("asks %v, not %v", asked, want)
			}
			if !slices.Equal(offer.Unused, c.unused) {
				t.Errorf("unused: %v", offer.Unused)
			}
		})
	}
}
