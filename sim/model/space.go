package model

import (
	"maps"
	"net/netip"
	"slices"
)

// DefaultSpace is the space that every model has, and that endpoints are in that nobody has bound elsewhere.
const DefaultSpace = "alpha"

// checkBindings refuses bindings of endpoints that the charm does not have, and to spaces that there are not. The endpoint ""
// stands for all that are not named.
func (m *Model) checkBindings(names []string, bindings map[string]string) error {
	for _, endpoint := range slices.Sorted(maps.Keys(bindings)) {
		if space := bindings[endpoint]; space != DefaultSpace && !slices.Contains(m.spaces, space) {
			return errorf(NotFound, "space %q not found", space)
		}
		if endpoint != "" && !slices.Contains(names, endpoint) {
			return errorf(NotValid, "invalid binding(s) supplied %q", endpoint)
		}
	}
	return nil
}

// space is where an endpoint is bound.
func (a *application) space(endpoint string) string {
	if space, bound := a.bindings[endpoint]; bound {
		return space
	}
	if space, bound := a.bindings[""]; bound {
		return space
	}
	return DefaultSpace
}

// showBindings are all bindings of the application, "" among them, as FullStatus shows them.
func (a *application) showBindings() map[string]string {
	shown := map[string]string{"": a.space("")}
	for _, name := range a.charm.Bindings() {
		shown[name] = a.space(name)
	}
	return shown
}

// network is the network of an address: that of all loopback addresses, or a /64.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	bits := 64
	if ip.Is4() {
		bits = 8
	}
	return netip.PrefixFrom(ip, bits).Masked().String()
}

// addressIn is the unit's address for an endpoint.
func (u *unit) addressIn(endpoint string) string {
	if u.machine == nil {
		return ""
	}
	if address, bound := u.machine.spaces[u.app.space(endpoint)]; bound {
		return address
	}
	return u.address()
}
