package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sys/unix"

	"jujuetcd.io/pkg/snapshot"
)

// partSize is how much is sent at once, of which a store takes 10 000 parts. Two of them are on their way.
const partSize, parts = 16 << 20, 2

// Put uploads the archive of a schedule, and reads all of it back. What is there already is not
// uploaded again: whoever has done so was stopped before it could say so. It returns where the
// archive is.
func (s *Store) Put(ctx context.Context, a snapshot.Archive) (string, error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("cannot store the snapshot in %s: %w", s.Where(), err)
	}
	name := filepath.Base(a.Path)
	if cluster, tick, is := snapshot.ParseScheduled(name); !is || a.Origin == nil || a.Origin.ClusterID != cluster || a.Origin.Tick != tick {
		return fail(errors.New("it is none of the schedule"))
	}
	key := s.key(name)
	found, there, err := s.find(ctx, s.key(""), name)
	switch {
	case err != nil:
		return fail(err)
	case !there:
		err = errOther
	case !ours(found, a.Origin, a.Origin.Tick):
		return fail(fmt.Errorf("another object has the name %s", name))
	default:
		err = s.same(ctx, key, a)
	}
	if errors.Is(err, errOther) {
		if err = s.upload(ctx, key, a); err == nil {
			err = s.same(ctx, key, a)
		}
	}
	if err != nil {
		return fail(err)
	}
	return s.url(key), nil
}

// upload sends the file.
func (s *Store) upload(ctx context.Context, key string, a snapshot.Archive) error {
	// The folder belongs to somebody who could have put a link there since.
	f, err := os.OpenFile(a.Path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	kind := "application/gzip"
	if a.Encrypted {
		kind = "application/octet-stream"
	}
	options := minio.PutObjectOptions{
		UserMetadata: metadata(a), ContentType: kind, StorageClass: s.class, PartSize: partSize, NumThreads: parts,
	}
	if options.ServerSideEncryption, err = s.encryption(); err != nil {
		return errors.New("its key for encryption has no name that can be used")
	}
	if lock := s.policy.Lock; lock.Days > 0 {
		options.Mode = minio.RetentionMode(lock.Mode)
		options.RetainUntilDate = s.now().UTC().Add(time.Duration(lock.Days) * 24 * time.Hour)
		options.SendContentMd5 = true // a store takes no object under lock without
	}
	if _, err = s.client.PutObject(ctx, s.policy.Bucket, key, f, a.Size, options); err != nil {
		return s.fault(ctx, err)
	}
	return nil
}

// same reads an object, and compares its bytes with the archive's.
func (s *Store) same(ctx context.Context, key string, a snapshot.Archive) error {
	sum, size, err := s.read(ctx, key, io.Discard, a.Size)
	if err == nil && (sum != a.SHA256 || size != a.Size) {
		err = errOther
	}
	return err
}

// read copies an object that is no longer than limit, and says what it was.
func (s *Store) read(ctx context.Context, key string, to io.Writer, limit int64) (sum string, size int64, err error) {
	o, err := s.client.GetObject(ctx, s.policy.Bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return "", 0, s.fault(ctx, err)
	}
	defer o.Close()
	h := sha256.New()
	// One byte more tells that there are more.
	size, err = io.Copy(io.MultiWriter(writing{to}, h), io.LimitReader(o, limit+1))
	var disk *diskError
	switch {
	case errors.As(err, &disk):
		return "", size, disk.error
	case err != nil:
		return "", size, s.fault(ctx, err)
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}

// writing tells faults of the disk from those of the store.
type writing struct{ to io.Writer }

type diskError struct{ error }

func (w writing) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	if err != nil {
		err = &diskError{err}
	}
	return n, err
}
