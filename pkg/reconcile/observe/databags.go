package observe

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/observation"
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
	// classic is what units of classic providers offer, by relation and unit, in order of their
	// numbers.
	classic []offer
	blind   []string
	// answered are the units that Juju reported, and unread those of which it could not, with why;
	// a nameless error is of some unit that is not among the answered.
	answered map[string]bool
	unread   map[string]error
	nameless error
	// tooLarge are the databags of others that were not kept, sorted.
	tooLarge []observation.Databag
}

// readInfo reads what the units' databags say. Each unit of the reply repeats the peer relation, so
// the first that has it will do.
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
			d.measure(r)
		}
	}
	slices.SortFunc(d.classic, func(a, b offer) int {
		return cmp.Or(cmp.Compare(a.relation, b.relation), cmp.Compare(unitNumber(a.unit), unitNumber(b.unit)), strings.Compare(a.unit, b.unit))
	})
	slices.SortFunc(d.tooLarge, func(a, b observation.Databag) int {
		return cmp.Or(cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Writer, b.Writer))
	})
	d.tooLarge = slices.Compact(d.tooLarge)
	return d
}

// measure notes whose databag is too large. The application's own is somebody else's on some
// versions of Juju only: the units are enough to name a relation.
func (d *databags) measure(r jujuapi.RelationData) {
	for name, bag := range r.Units {
		if bag.TooLarge > 0 {
			d.tooLarge = append(d.tooLarge, observation.Databag{Endpoint: r.Endpoint, Writer: name})
		}
	}
	if r.ApplicationTooLarge > 0 {
		d.tooLarge = append(d.tooLarge, observation.Databag{Endpoint: r.Endpoint, Writer: "the application"})
	}
}

func (d *databags) readPeers(r jujuapi.RelationData, application string) {
	d.latchRead = true
	latch, err := v1alpha1.LatchFromDatabag(r.ApplicationData)
	if r.ApplicationTooLarge > 0 {
		err = jujuapi.ErrTooLarge
	}
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
		var facts *v1alpha1.UnitFacts
		err := json.Unmarshal([]byte(text), &facts)
		if err == nil && facts == nil {
			err = errors.New("they are null") // which is not a unit without data
		}
		if err != nil {
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

// controller are the answers to the daemon's own requests, whichever unit reports them: Juju's
// leader has put them before the provider.
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
