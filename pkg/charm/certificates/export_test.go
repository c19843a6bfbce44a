package certificates

import (
	"fmt"
	"time"
)

// Request, NamesOf and OfferOf reach the rules of the certificates relation.
var (
	Request = request
	NamesOf = namesOf
)

// OfferOf is what bags of a provider's units offer to a unit that asked under a common name and needs these names.
func OfferOf(bags []map[string]string, unit, common string, needs []string, now func() time.Time) *Offer {
	w := wants{names: names{sans: needs}}
	var sources []*source
	for i, bag := range bags {
		provider := fmt.Sprintf("easyrsa/%d", i)
		sources = append(sources, w.classicSource("certificates:1", "easyrsa", provider, bag, unit, common, now()))
	}
	o := &Offer{wants: w}
	o.take(choose(sources, nil, needs, now()))
	return o
}
