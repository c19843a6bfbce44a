package hooktool

import (
	"context"
	"net/netip"
	"slices"
)

// Network is what a binding gives the unit, IPv4 before IPv6, otherwise in Juju's order.
type Network struct {
	Bind    []string
	Ingress []string
}

// Network asks for the addresses of an endpoint's binding as a relation has them. For the relation's own endpoint the ingress is where
// its other side reaches the unit: over a relation across models that may be a public address. In a relation's hook Juju takes that
// relation for meant if none is named: who wants the binding's own addresses in any hook names a relation of another endpoint.
func (t *Tools) Network(ctx context.Context, endpoint, relation string) (Network, error) {
	var info struct {
		BindAddresses []struct {
			Addresses []struct {
				Value   string `json:"value"`
				Address string `json:"address"` // until 2.9
			} `json:"addresses"`
		} `json:"bind-addresses"`
		IngressAddresses []string `json:"ingress-addresses"`
	}
	args := []string{endpoint}
	if relation != "" {
		args = append(args, "-r", relation)
	}
	if err := t.ask(ctx, &info, "network-get", args...); err != nil {
		return Network{}, err
	}
	var n Network
	for _, device := range info.BindAddresses {
		for _, a := range device.Addresses {
			if a.Value == "" {
				a.Value = a.Address
			}
			if a.Value != "" {
				n.Bind = append(n.Bind, a.Value)
			}
		}
	}
	n.Ingress = slices.DeleteFunc(info.IngressAddresses, func(a string) bool { return a == "" })
	slices.SortStableFunc(n.Bind, byFamily)
	slices.SortStableFunc(n.Ingress, byFamily)
	return n, nil
}

// byFamily puts IPv4 first, then names, which may have IPv4 behind them, then IPv6.
func byFamily(a, b string) int { return family(a) - family(b) }

func family(address string) int {
	ip, err := netip.ParseAddr(address)
	switch {
	case err != nil:
		return 1
	case ip.Unmap().Is4():
		return 0
	}
	return 2
}
