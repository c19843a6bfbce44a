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

// Keys of what a requirer says: v0 asks for a bucket alone, and v1 for the credentials as a secret. Who
// gives as v1 has it names a version, too.
const (
	keyBucket    = "bucket"
	keyRequested = "requested-secrets"
	keyVersion   = "lib-version"
)

// askedSecrets and askedVersion are what the interface's page has a requirer of v1 write.
const (
	askedSecrets = `["access-key", "secret-key"]`
	askedVersion = "1.0"
)

// AskForStore asks the provider for credentials. One of v0 waits for the name of a bucket: each unit
// writes one in its own databag, as the interface's page says, and the leader in the application's, where
// providers look. The provider may give another one. One of v1 would make a bucket of that name, and is
// asked for none.
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
		bucket := "relation-" + number
		bag, err := r.Tools.Relation(ctx, id, r.Env.Unit)
		if err != nil {
			return err
		}
		if due := Changes(bag, map[string]string{keyBucket: bucket}); len(due) > 0 {
			if err := r.Tools.SetRelation(ctx, id, due); err != nil {
				return err
			}
		}
		if !leader {
			continue
		}
		want, err := r.storeWishes(ctx, id, bucket)
		if err != nil {
			return err
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

// storeWishes are what the application asks the provider for.
func (r *Run) storeWishes(ctx context.Context, id, bucket string) (map[string]string, error) {
	if !r.Env.HasSecrets {
		return map[string]string{keyBucket: bucket}, nil
	}
	want := map[string]string{keyRequested: askedSecrets, keyVersion: askedVersion, keyBucket: bucket}
	if r.Env.Kind == KindHook && r.Env.Name == v1alpha1.EndpointStore+"-relation-created" {
		want[keyBucket] = "" // the provider says in its own created hook whether it is one of v1
		return want, nil
	}
	provider, err := r.Tools.RelationApplication(ctx, id)
	if err != nil || provider == "" {
		return want, err
	}
	said, err := r.Tools.ApplicationRelation(ctx, id, provider)
	if said[keyVersion] != "" {
		want[keyBucket] = ""
	}
	return want, err
}
