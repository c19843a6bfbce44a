package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
	etcdutl "go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"
)

// revisionBump is by how much a restored cluster's revision is above what is known of: above any that
// a client may have seen since, for a week at 1,500 writes a second (etcd's own guide to disaster
// recovery names this figure).
const revisionBump = 1_000_000_000

// NewCluster is the cluster that an archive is restored to: one member.
type NewCluster struct {
	Name, PeerURL, Token string
	// After is the revision that the cluster before has come to, as far as is known. Where an archive
	// is restored a second time it is far above what the archive tells, and clients have seen it.
	After int64
	// DisableAuth turns authentication off in the restored data.
	DisableAuth bool
	// SameRevision leaves revisions and history as they are: for an etcd that no client ever sees.
	SameRevision bool
}

// Restore makes a data directory from an archive that Inspect has verified, as that of a Proven does;
// it reads the archive once more, and proves that its bytes are those that were inspected.
func (a Archive) Restore(ctx context.Context, dir string, to NewCluster) error {
	if a.Form == FormV2 {
		return refused(a.Path, errV2)
	}
	near := filepath.Dir(dir)
	// Unpacked, and restored; the archive and the data that is replaced stay, too.
	if err := Free(near, 2*a.DatabaseSize); err != nil {
		return fmt.Errorf("cannot restore %s: %w", a.Path, err)
	}
	copied, err := room{near}.scratch(a.DatabaseSize)
	if err != nil {
		return refused(a.Path, err)
	}
	defer copied.Close()
	if err := a.extract(ctx, copied); err != nil {
		return err
	}
	return restore(ctx, a, copied, dir, to)
}

var errV2 = errors.New("it is a v2 archive, which etcd 3.6 has no place for, and which this version does not restore")

// restore has etcdutl's library make the data directory from an open file.
func restore(ctx context.Context, a Archive, database *os.File, dir string, to NewCluster) (err error) {
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("cannot restore %s: %w", a.Path, err)
	}
	config := etcdutl.RestoreConfig{
		SnapshotPath:  fmt.Sprintf("/proc/self/fd/%d", database.Fd()), // it has no name
		OutputDataDir: dir, Name: to.Name, PeerURLs: []string{to.PeerURL},
		InitialCluster: to.Name + "=" + to.PeerURL, InitialClusterToken: to.Token,
		SkipHashCheck: true, // who has written the file has checked what there is to check
	}
	if !to.SameRevision {
		config.RevisionBump, config.MarkCompacted = uint64(revisionBump+max(to.After-a.Revision, 0)), true
	}
	if err := etcdutl.NewV3(zap.NewNop()).Restore(config); err != nil {
		return fmt.Errorf("cannot restore %s: %w", a.Path, err)
	}
	if to.DisableAuth {
		if err := disableAuth(filepath.Join(dir, "member", "snap", "db")); err != nil {
			return fmt.Errorf("cannot turn authentication off in what %s was restored to: %w", a.Path, err)
		}
	}
	return nil
}

// disableAuth does what etcd's AuthDisable does to its backend: users and roles stay.
func disableAuth(path string) error {
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte("auth"))
		if bucket == nil {
			return nil
		}
		return bucket.Put([]byte("authEnabled"), []byte{0})
	})
	return errors.Join(err, db.Close())
}
