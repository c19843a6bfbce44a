package dispatch

import (
	"context"
	"slices"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// Network is what Juju's bindings give the unit.
type Network struct {
	Addresses v1alpha1.UnitAddresses
	// Ingress are all addresses that peers and clients may use, for the certificate.
	Ingress []string
}

// Network asks for the addresses of the endpoints' bindings, and for where clients of another model
// reach the unit. The former are the same in every hook, whatever relation it is of: it is asked in
// the context of the peer relation.
func (r *Run) Network(ctx context.Context) (Network, error) {
	var n Network
	peers, err := r.Peers(ctx)
	if err != nil {
		return n, err
	}
	cluster, err := r.Tools.Network(ctx, v1alpha1.EndpointCluster, peers)
	if err != nil {
		return n, err
	}
	db, err := r.Tools.Network(ctx, v1alpha1.EndpointDB, peers)
	if err != nil {
		return n, err
	}
	n.Addresses = v1alpha1.UnitAddresses{
		Peer:       first(cluster.Ingress),
		PeerBind:   first(cluster.Bind),
		Client:     first(db.Ingress),
		ClientBind: first(db.Bind),
	}
	n.Ingress = slices.Concat(cluster.Ingress, db.Ingress)
	ids, err := r.Relations(ctx, v1alpha1.EndpointDB)
	if err != nil {
		return n, err
	}
	for _, id := range ids {
		from, err := r.Tools.Network(ctx, v1alpha1.EndpointDB, id)
		if err != nil {
			return n, err
		}
		if address := first(from.Ingress); address != "" && address != n.Addresses.Client {
			if n.Addresses.Relations == nil {
				n.Addresses.Relations = map[string]string{}
			}
			n.Addresses.Relations[id] = address
			n.Ingress = append(n.Ingress, address)
		}
	}
	return n, nil
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
