package snapshot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// Snapshots of a schedule have names of their own, and say in their origin what they are. Both must
// agree before one is taken for such: they lie where persons keep theirs, and other clusters.

// scheduledForm is the form of the names: the cluster, the time of the schedule, and which attempt.
var scheduledForm = regexp.MustCompile(`^etcd-scheduled-([0-9a-f]{16})-([0-9]{8}T[0-9]{6}Z)(-[0-9]+)?\.tar\.gz(\.age)?$`)

// ScheduledName is the name of the snapshot of a schedule.
func ScheduledName(cluster, tick string, attempt int32) string {
	name := ScheduledPrefix(cluster) + tick
	if attempt > 0 {
		// What is in the way of one attempt is not in that of the next.
		name += fmt.Sprintf("-%d", attempt)
	}
	return name + ".tar.gz"
}

// ScheduledPrefix is how the names of a cluster's schedule begin.
func ScheduledPrefix(cluster string) string { return "etcd-scheduled-" + cluster + "-" }

// ParseScheduled is what the name of the snapshot of a schedule tells; false of any other.
func ParseScheduled(name string) (cluster, tick string, is bool) {
	parts := scheduledForm.FindStringSubmatch(name)
	if len(parts) == 0 {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// TakeScheduled is Take for a schedule: the origin has the cluster and the tick, and the name is
// theirs. One that is there already, whole, is not taken again: whoever took it has been stopped
// before it could say so.
func TakeScheduled(ctx context.Context, t Taking, attempt int32) (Archive, error) {
	t.Name = ScheduledName(t.Origin.ClusterID, t.Origin.Tick, attempt)
	if scheduledForm.FindString(t.Name) == "" {
		return Archive{}, fmt.Errorf("cannot take a snapshot into %s: cluster %q and time %q make no name", t.Dir, t.Origin.ClusterID, t.Origin.Tick)
	}
	if t.Encrypt {
		t.Name += SealedSuffix
	}
	all, err := scheduled(ctx, t.Dir, t.Origin.ClusterID)
	if err != nil {
		return Archive{}, err
	}
	for _, name := range all[t.Origin.Tick] {
		found, err := Inspect(ctx, filepath.Join(t.Dir, name), "")
		if err != nil || t.Encrypt && !found.Encrypted {
			continue // another attempt has another name, and so has one that is encrypted
		}
		if err := t.store(found); err != nil && !errors.Is(err, fs.ErrExist) {
			return Archive{}, fmt.Errorf("cannot take a snapshot into %s: %w", t.Dir, err)
		}
		return found, nil
	}
	if err := removeStated(ctx, t.Dir, t.Origin.ClusterID); err != nil {
		return Archive{}, err
	}
	return Take(ctx, t)
}

// Outdated are those snapshots of a schedule in the folder, the oldest first, that are more than
// keep, once the one that was just taken has been read again, and is what was written. What is
// later than that by its name stays: which of two clocks was wrong nobody knows.
func Outdated(ctx context.Context, dir string, taken Archive, keep int) ([]string, error) {
	o := taken.Origin
	fail := func(err error) ([]string, error) {
		return nil, fmt.Errorf("cannot remove older snapshots in %s: %w", dir, err)
	}
	s, err := open(ctx, taken.Path)
	if err != nil {
		return fail(refused(taken.Path, err))
	}
	defer s.Close()
	if sum, err := s.digest(); err != nil || sum != taken.SHA256 {
		return fail(refused(taken.Path, cmp.Or(err, errors.New("it is not what was written there"))))
	}
	all, err := scheduled(ctx, dir, o.ClusterID)
	if err != nil {
		return fail(err)
	}
	var older []string
	for tick, names := range all {
		for _, name := range names {
			if tick <= o.Tick && name != filepath.Base(taken.Path) {
				older = append(older, name)
			}
		}
	}
	slices.SortFunc(older, func(a, b string) int { return cmp.Or(cmp.Compare(tickOf(a), tickOf(b)), cmp.Compare(a, b)) })
	return older[:max(0, len(older)-max(keep-1, 0))], nil
}

// RemoveScheduled removes what Outdated has named. The file with its SHA-256 goes first: alone it
// would be nobody's. What says what an encrypted one is goes last, and is removed later where it is left:
// without it the archive would be nobody's.
func RemoveScheduled(dir, name string) error {
	path := filepath.Join(dir, name)
	for _, path := range []string{path + StoredSuffix, path, path + StatedSuffix} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove an older snapshot: %w", err)
		}
	}
	return syncFolder(dir)
}

func tickOf(name string) string { return scheduledForm.FindStringSubmatch(name)[2] }

// scheduled are the snapshots of the cluster's schedule in a folder, by tick.
func scheduled(ctx context.Context, dir, cluster string) (map[string][]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot see what is in %s: %w", dir, err)
	}
	all := map[string][]string{}
	for _, e := range entries {
		parts := scheduledForm.FindStringSubmatch(e.Name())
		if len(parts) == 0 || parts[1] != cluster || !e.Type().IsRegular() {
			continue
		}
		s, err := open(ctx, filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		o := originOf(ctx, s, filepath.Join(dir, e.Name()))
		_ = s.Close()
		if o != nil && o.ClusterID == cluster && o.Tick == parts[2] {
			all[o.Tick] = append(all[o.Tick], e.Name())
		}
	}
	return all, nil
}
