package observe

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/world"
)

// Endpoints of the charm that the controller reads.
const (
	peerEndpoint         = v1alpha1.EndpointCluster
	certificatesEndpoint = v1alpha1.EndpointCertificates
)

// databags is what the relation data of an application says.
type databags struct {
	facts     map[string]*v1alpha1.UnitFacts
	latch     v1alpha1.Latch
	latchRead bool
	// provider is the credentials that the classic certificate provider gives to every requirer; ca may come without the rest.
	provider world.Credentials
	// chain are further certificates of the authority.
	chain string
	blind []string
	// answered are the units that Juju told of, and unread those of which it could not, with why; a nameless error is of some unit
	// that is not among the answered.
	answered map[string]bool
	unread   map[string]error
	nameless error
}

// readInfo reads what the units' databags say. Each unit of the reply repeats the peer relation, so the first that has it will do.
func readInfo(units []jujuapi.UnitInfo, application string) databags {
	d := databags{facts: map[string]*v1alpha1.UnitFacts{}, answered: map[string]bool{}, unread: map[string]error{}}
	units = slices.Clone(units)
	slices.SortFunc(units, func(a, b jujuapi.UnitInfo) int { return strings.Compare(a.Name, b.Name) })
	for _, u := range units {
		switch {
		case u.Err != nil && u.Name == "":
			d.nameless = u.Err
		case u.Err != nil:
			d.unread[u.Name] = u.Err
		default:
			d.answered[u.Name] = true
		}
		for _, r := range u.RelationData {
			switch {
			case r.Endpoint == peerEndpoint && !d.latchRead:
				d.readPeers(r, application)
			case r.Endpoint == certificatesEndpoint:
				d.readProvider(r)
			}
		}
	}
	return d
}

func (d *databags) readPeers(r jujuapi.RelationData, application string) {
	d.latchRead = true
	latch, err := v1alpha1.LatchFromDatabag(r.ApplicationData)
	if err != nil {
		// A latch that cannot be read is not a latch that is absent.
		d.latchRead = false
		d.say(fmt.Sprintf("cannot trust the latch of %s: %v", application, err))
	}
	d.latch = latch
	for _, name := range slices.Sorted(maps.Keys(r.Units)) {
		if r.Units[name].Unread {
			d.unread[name] = errors.New("its databag is not told")
			continue
		}
		text := r.Units[name].Data[v1alpha1.FactsKey]
		if text == "" {
			continue
		}
		facts := new(v1alpha1.UnitFacts)
		if err := json.Unmarshal([]byte(text), facts); err != nil {
			d.say(fmt.Sprintf("cannot read the facts of %s: %v", name, err))
			continue
		}
		d.facts[name] = facts
	}
}

func (d *databags) say(sentence string) {
	if !slices.Contains(d.blind, sentence) {
		d.blind = append(d.blind, sentence)
	}
}

// readProvider takes the first provider unit that gives a whole set, in the order of names, so that two providers do not make
// the connection change from look to look.
func (d *databags) readProvider(r jujuapi.RelationData) {
	for _, name := range slices.Sorted(maps.Keys(r.Units)) {
		bag := r.Units[name].Data
		if d.provider.CA == "" {
			d.provider.CA, d.chain = bag["ca"], bag["chain"]
		}
		if d.provider.Cert == "" && bag["client.cert"] != "" && bag["client.key"] != "" {
			d.provider.Cert, d.provider.Key = bag["client.cert"], bag["client.key"]
			d.provider.CA, d.chain = bag["ca"], bag["chain"]
		}
	}
}

// offeredCA is what the first unit that has been answered takes for the authority.
func (d *databags) offeredCA() string {
	for _, unit := range slices.Sorted(maps.Keys(d.facts)) {
		if offered := d.facts[unit].Certificates.OfferedCA; offered != "" {
			return offered
		}
	}
	return ""
}

// signs says that a unit has found its provider to be one that signs requests.
func (d *databags) signs() bool {
	for _, facts := range d.facts {
		if facts.Certificates.Provider == v1alpha1.ProviderCSR {
			return true
		}
	}
	return false
}

// controller are the answers to the daemon's own requests, whichever unit tells of them: Juju's leader has put them before the provider.
func (d *databags) controller() []v1alpha1.SignedRequest {
	var all []v1alpha1.SignedRequest
	for _, unit := range slices.Sorted(maps.Keys(d.facts)) {
		for _, a := range d.facts[unit].Certificates.Controller {
			if !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	return all
}

// bundle is all that servers may be verified with, without the text that easyrsa writes between certificates, and each
// certificate once: the units' desired state holds it, which must not change with its layout.
func (d *databags) bundle() string {
	var out strings.Builder
	seen := map[string]bool{}
	rest := []byte(d.provider.CA + "\n" + d.chain)
	if d.provider.CA == "" {
		// A provider that signs requests names its authority in each answer; the units tell which that is.
		rest = []byte(d.offeredCA())
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return out.String()
		}
		if block.Type != "CERTIFICATE" || seen[string(block.Bytes)] {
			continue
		}
		seen[string(block.Bytes)] = true
		out.Write(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
	}
}
