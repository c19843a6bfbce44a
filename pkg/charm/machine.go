package charm

import (
	"context"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
)

// Machine is what the charm needs of the unit's machine.
type Machine interface {
	// Apply makes the machine as the spec says, or refuses and touches nothing.
	Apply(ctx context.Context, spec *v1alpha1.EtcdUnitSpec, s Situation) v1alpha1.EtcdUnitStatus
	// Facts are what is true on the machine, without what only the charm knows.
	Facts(ctx context.Context) (v1alpha1.UnitFacts, error)
	// WriteLeaves puts leaves of a trusted authority in their place and says what it wrote.
	WriteLeaves(ctx context.Context, server, client *Leaf) ([]string, error)
	// Last is the spec that was applied last; nil if none was.
	Last() (*v1alpha1.EtcdUnitSpec, error)
	// ClientCredentials are the shared client certificate on disk, with its key and the CA bundle.
	ClientCredentials() (Credentials, error)
	// Cluster is the unit's way to its cluster, and what ends it.
	Cluster() (Cluster, func(), error)
	// Health asks the unit's own member, and through it all others.
	Health(ctx context.Context) (etcdops.EndpointHealth, etcdops.View, error)
}

// Situation is what only the charm knows when a spec is applied.
type Situation struct {
	Latch     v1alpha1.Latch
	Leader    bool
	Action    int64
	Addresses v1alpha1.UnitAddresses
	Server    *Leaf
	Client    *Leaf
}

// Credentials are what a client of etcd needs, all as PEM.
type Credentials struct{ CA, Certificate, Key string }

func (c Credentials) complete() bool { return c.CA != "" && c.Certificate != "" && c.Key != "" }
