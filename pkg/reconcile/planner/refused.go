package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// etcd lets a peer in only if its certificate is good for the address that it comes from. That is
// not always where it is found: a machine may have a second address that it prefers for connections
// that it makes. Then it is refused by all others, who reach it themselves, and serve: nothing but
// their logs shows it.

// refusals are, by the address that a peer was refused from, the first unit that refuses it.
func (in *addresses) refusals() map[string]string {
	from := map[string]string{}
	for _, u := range in.alive() {
		if u.Facts == nil {
			continue
		}
		for _, address := range u.Facts.Refused {
			if from[address] == "" {
				from[address] = u.Name
			}
		}
	}
	return from
}

// whose are the units of whose machines an address is one.
func (in *addresses) whose(address string) []observation.Unit {
	return filter(in.alive(), func(u observation.Unit) bool {
		return u.Facts != nil && slices.Contains(u.Facts.MachineAddresses, address)
	})
}

// comesFrom are the addresses of the unit's own machine that peers have refused it from, and that
// its certificate must be good for, too. It stays so when nobody refuses it any more. An address
// that several machines have, or none, is nobody's: it could be another one's.
func (in *addresses) comesFrom(u observation.Unit) []string {
	if u.Facts == nil {
		return nil
	}
	refused := in.refusals()
	return slices.DeleteFunc(slices.Clone(u.Facts.MachineAddresses), func(address string) bool {
		asked := u.Facts.Applied != nil && slices.Contains(u.Facts.Applied.ExtraSANs, address)
		return len(in.whose(address)) != 1 || refused[address] == "" && !asked
	})
}

// refused reports peers that are not let in.
func (in *words) refused() etcdops.Notice {
	var texts []string
	refusals := in.refusals()
	for _, address := range slices.Sorted(maps.Keys(refusals)) {
		by := refusals[address]
		units := in.whose(address)
		switch {
		case len(units) != 1:
			texts = append(texts, fmt.Sprintf("%s refuses a peer that comes from %s, which is not the address of one unit's machine: "+
				"let members connect from the addresses that juju status shows", by, address))
		case units[0].Facts.Certificates.Server == nil || !slices.Contains(units[0].Facts.Certificates.Server.SANs, address):
			texts = append(texts, fmt.Sprintf("%s refuses %s, which comes from %s: its certificate is not good for that, and is asked for anew",
				by, units[0].Name, address))
		}
	}
	return etcdops.Notice{Text: strings.Join(texts, "; ")}
}
