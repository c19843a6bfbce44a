package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/minio/minio-go/v7"

	"jujuetcd.io/pkg/snapshot"
)

// Prune removes those snapshots of the archive's schedule that are more than keep, the oldest first.
// The archive is the one that Put has just ended well for: it stays, and so does what is later than it
// by its name. What does not say of itself that it is of the same application, model and cluster stays.
func (s *Store) Prune(ctx context.Context, a snapshot.Archive, keep int) (removed []string, err error) {
	fail := func(err error) ([]string, error) {
		return removed, fmt.Errorf("cannot remove older snapshots in %s: %w", s.Where(), err)
	}
	if a.Origin == nil {
		return fail(errors.New("what stays is not known"))
	}
	names, err := s.names(ctx, s.key(""), snapshot.ScheduledPrefix(a.Origin.ClusterID))
	if err != nil {
		return fail(err)
	}
	var older []dated
	for _, name := range names {
		cluster, tick, is := snapshot.ParseScheduled(name)
		if !is || cluster != a.Origin.ClusterID || tick > a.Origin.Tick || name == filepath.Base(a.Path) {
			continue
		}
		o, err := s.client.StatObject(ctx, s.policy.Bucket, s.key(name), minio.StatObjectOptions{})
		switch {
		case missing(err):
		case err != nil:
			return fail(s.fault(ctx, err))
		case ours(o, a.Origin, tick):
			older = append(older, dated{tick, name})
		}
	}
	slices.SortFunc(older, func(a, b dated) int { return cmp.Or(cmp.Compare(a.tick, b.tick), cmp.Compare(a.name, b.name)) })
	for _, o := range older[:max(0, len(older)-max(keep-1, 0))] {
		if err := s.client.RemoveObject(ctx, s.policy.Bucket, s.key(o.name), minio.RemoveObjectOptions{}); err != nil {
			return fail(s.fault(ctx, err))
		}
		removed = append(removed, o.name)
	}
	return removed, nil
}

type dated struct{ tick, name string }
