package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"jujuetcd.io/pkg/printable"
	"jujuetcd.io/pkg/snapshot"
)

// mostListed is how many objects of a folder are looked at; each takes a question of its own.
const mostListed = 500

// List lists what is directly in a folder of the bucket, the newest first: in the own one, or in that
// of another cluster. If it is asked to verify it reads each object, compares its bytes with the
// SHA-256 of when it was stored, and decrypts them on the way if the identity opens them.
func (s *Store) List(ctx context.Context, prefix string, verify bool, identity snapshot.Identity) ([]snapshot.Listed, error) {
	folder, err := s.folder(prefix)
	if err != nil {
		return nil, fmt.Errorf("cannot list the snapshots in the store: %w", err)
	}
	fail := func(err error) ([]snapshot.Listed, error) {
		return nil, fmt.Errorf("cannot list the snapshots in %s: %w", s.url(strings.TrimSuffix(folder, "/")), err)
	}
	names, err := s.names(ctx, folder, "")
	if err != nil {
		return fail(err)
	}
	if len(names) > mostListed {
		return fail(fmt.Errorf("there are more than %d objects", mostListed))
	}
	var list []snapshot.Listed
	for _, name := range names {
		if name == "" || strings.HasPrefix(name, ".") || !printable.Fit(name) {
			continue
		}
		o, err := s.client.StatObject(ctx, s.policy.Bucket, folder+name, minio.StatObjectOptions{})
		if missing(err) {
			continue // it has gone meanwhile
		}
		if err != nil {
			return fail(s.fault(ctx, err))
		}
		l := listed(name, s.url(folder+name), o)
		if verify {
			if err := s.verify(ctx, folder+name, &l, identity); err != nil {
				return fail(err)
			}
		}
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b snapshot.Listed) int { return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.ID, b.ID)) })
	return list, nil
}

func listed(name, url string, o minio.ObjectInfo) snapshot.Listed {
	l := snapshot.Listed{ID: name, Path: url, Size: o.Size, Encrypted: strings.HasSuffix(name, snapshot.SealedSuffix), Time: o.LastModified.UTC().Truncate(time.Second), SHA256: word(o, metaSHA256), Origin: origin(o)}
	if from := l.Origin; from != nil {
		l.EtcdVersion, l.Revision = from.EtcdVersion, from.Revision
		if !from.Time.IsZero() {
			l.Time = from.Time
		}
	}
	return l
}

// verify reads an object. What has no SHA-256 to compare with stays unverified.
func (s *Store) verify(ctx context.Context, key string, l *snapshot.Listed, identity snapshot.Identity) error {
	if l.SHA256 == "" {
		return nil
	}
	opens := func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }
	if l.Encrypted {
		opens = identity.Opens
	}
	from, to := io.Pipe()
	opened := make(chan error, 1)
	go func() { opened <- opens(from) }()
	sum, size, err := s.read(ctx, key, to, l.Size)
	_ = to.CloseWithError(err) // which has none of its own
	why := <-opened
	switch {
	case err != nil:
		return err
	case sum != l.SHA256 || size != l.Size:
		l.Fault = fmt.Sprintf("cannot use %s: %v", l.Path, errOther)
		return nil
	}
	l.Verified = true
	if l.Encrypted {
		l.Opened(why)
	}
	return nil
}

// find is an object of a folder. It is listed first: a store tells why it refuses that, and not why it
// refuses to tell of one object.
func (s *Store) find(ctx context.Context, folder, name string) (o minio.ObjectInfo, there bool, err error) {
	names, err := s.names(ctx, folder, name)
	if err != nil || !slices.Contains(names, name) {
		return o, false, err
	}
	o, err = s.client.StatObject(ctx, s.policy.Bucket, folder+name, minio.StatObjectOptions{})
	switch {
	case missing(err):
		return o, false, nil
	case err != nil:
		return o, false, s.fault(ctx, err)
	}
	return o, true, nil
}

// names are those of the objects directly in a folder that begin with a text.
func (s *Store) names(ctx context.Context, folder, begin string) ([]string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // the library goes on listing until then
	var names []string
	for o := range s.client.ListObjects(ctx, s.policy.Bucket, minio.ListObjectsOptions{Prefix: folder + begin}) {
		if o.Err != nil {
			return nil, s.fault(ctx, o.Err)
		}
		name, in := strings.CutPrefix(o.Key, folder)
		if !in {
			return nil, errors.New("the store lists what it was not asked for")
		}
		if strings.Contains(name, "/") || !strings.HasPrefix(name, begin) {
			continue // a folder in the folder is not ours
		}
		if names = append(names, name); len(names) > mostKeys {
			return nil, fmt.Errorf("there are more than %d objects", mostKeys)
		}
	}
	return names, nil
}

// mostKeys bounds what a store can make us remember.
const mostKeys = 20000
