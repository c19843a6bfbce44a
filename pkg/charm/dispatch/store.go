package dispatch

import (
	"context"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// StoreBag is the databag of the application that gives credentials for a store, which are in it; nil
// where none is related.
func (r *Run) StoreBag(ctx context.Context) (map[string]string, error) {
	ids, err := r.Relations(ctx, v1alpha1.EndpointStore)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	application, err := r.Tools.RelationApplication(ctx, ids[0])
	if err != nil || application == "" {
		return nil, err
	}
	return r.Tools.ApplicationRelation(ctx, ids[0], application)
}

// AskForStore asks the provider for a bucket, which the interface has it wait for: each unit in its own
// databag, as the interface's page says, and the leader in the application's, where providers look. The
// provider may give another one.
func (r *Run) AskForStore(ctx context.Context) error {
	ids, err := r.Relations(ctx, v1alpha1.EndpointStore)
	if err != nil || len(ids) == 0 {
		return err
	}
	leader, err := r.Tools.IsLeader(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		_, number, _ := strings.Cut(id, ":")
		want := map[string]string{"bucket": "relation-" + number}
		bag, err := r.Tools.Relation(ctx, id, r.Env.Unit)
		if err != nil {
			return err
		}
		if due := Changes(bag, want); len(due) > 0 {
			if err := r.Tools.SetRelation(ctx, id, due); err != nil {
				return err
			}
		}
		if !leader {
			continue
		}
		if bag, err = r.Tools.ApplicationRelation(ctx, id, r.Env.Application()); err != nil {
			return err
		}
		if due := Changes(bag, want); len(due) > 0 {
			if err := r.Tools.SetApplicationRelation(ctx, id, due); err != nil {
				return err
			}
		}
	}
	return nil
}
