package dispatch

import (
	"context"
	"slices"
	"time"

	"github.com/go-logr/logr"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/hooktool"
)

// Run is one dispatch. All of its fields must be set.
type Run struct {
	Env   Env
	Tools *hooktool.Tools
	Log   logr.Logger
	// Now is the unit's clock.
	Now func() time.Time
}

// Relations are an endpoint's relations without the one that the running hook takes down.
func (r *Run) Relations(ctx context.Context, endpoint string) ([]string, error) {
	ids, err := r.Tools.RelationIDs(ctx, endpoint)
	broken := r.Env.Breaking()
	return slices.DeleteFunc(ids, func(id string) bool { return id == broken }), err
}

// Peers is the peer relation's id; empty before Juju has made it and after it is gone.
func (r *Run) Peers(ctx context.Context) (string, error) {
	ids, err := r.Relations(ctx, v1alpha1.EndpointCluster)
	if err != nil || len(ids) == 0 {
		return "", err
	}
	return ids[0], nil
}

// LatchBag is the application databag of the peer relation, which has the cluster's latch.
func (r *Run) LatchBag(ctx context.Context, peers string) (map[string]string, error) {
	return r.Tools.ApplicationRelation(ctx, peers, r.Env.Application())
}

// Changes are the keys of want whose value in bag is another.
func Changes(bag, want map[string]string) map[string]string {
	diff := map[string]string{}
	for key, value := range want {
		if bag[key] != value {
			diff[key] = value
		}
	}
	return diff
}
