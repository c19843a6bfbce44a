package snapshot

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/printable"
)

// Listed is an archive in a folder.
type Listed struct {
	// ID is its name.
	ID   string `json:"id"`
	Path string `json:"path"`
	// Time is when it was taken, else when the file was written.
	Time   time.Time `json:"time"`
	Size   int64     `json:"size"`
	SHA256 string    `json:"sha256,omitempty"`
	// Verified says that its bytes are those of when it was taken and looked at, or that it has been
	// looked at now.
	Verified bool `json:"verified"`
	// Encrypted says that it needs an identity to be restored. Verified says nothing of what is in it then, unless
	// it is Decrypted, too: it was opened now, with the identity that is there, and read to its end. Unopened is
	// why it was not, if it was asked to be verified.
	Encrypted bool   `json:"encrypted,omitempty"`
	Decrypted bool   `json:"decrypted,omitempty"`
	Unopened  string `json:"unopened,omitempty"`
	// Fault is why it cannot be used.
	Fault string `json:"fault,omitempty"`
	// EtcdVersion and Revision are empty where only a look would tell.
	EtcdVersion string  `json:"etcdVersion,omitempty"`
	Revision    int64   `json:"revision,omitempty"`
	Origin      *Origin `json:"origin,omitempty"`
	// KeysVersion is v2 of an archive of v2 keys, as far as it is one of ours or was inspected.
	KeysVersion string `json:"keysVersion,omitempty"`
}

// mostListed is how many archives of a folder are listed; each is read to its end.
const mostListed = 500

// List lists the archives in a folder, the newest first; none where there is no folder. It reads
// each file for its SHA-256 and no further, or inspects each if it is asked to verify, also what is in an
// encrypted one that the identity opens. What is no archive, or has a name that begins with a dot, is left out.
func List(ctx context.Context, dir string, verify bool, identity Identity) ([]Listed, error) {
	all, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list the snapshots in %s: %w", dir, err)
	}
	var list []Listed
	for _, e := range all {
		name := e.Name()
		if !e.Type().IsRegular() || strings.HasPrefix(name, ".") || strings.HasSuffix(name, StoredSuffix) || !printable.Fit(name) {
			continue
		}
		if len(list) == mostListed {
			return nil, fmt.Errorf("cannot list the snapshots in %s: there are more than %d", dir, mostListed)
		}
		l := Listed{ID: name, Path: filepath.Join(dir, name)}
		known, err := l.look(ctx, verify, identity)
		if err != nil {
			return nil, err
		}
		if known {
			list = append(list, l)
		}
	}
	slices.SortFunc(list, func(a, b Listed) int { return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.ID, b.ID)) })
	return list, nil
}

// look fills in what a file tells; false means that it is none of ours to tell of.
func (l *Listed) look(ctx context.Context, verify bool, identity Identity) (bool, error) {
	s, err := open(ctx, l.Path)
	if err != nil {
		// An empty file, or one that is gone by now, is no archive.
		return false, nil
	}
	defer s.Close()
	head, err := s.Peek(tarHead)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	packed := isPacked(head)
	l.Encrypted = isSealed(head)
	if !packed && !l.Encrypted && !isTar(head) && !isDatabase(head) {
		return false, nil
	}
	l.Size, l.Time = s.info.Size(), s.info.ModTime().UTC().Truncate(time.Second)
	if packed || l.Encrypted {
		l.from(originOf(ctx, s, l.Path))
	}
	if verify {
		l.verify(ctx, identity)
		return true, context.Cause(ctx)
	}
	if l.SHA256, err = s.digest(); err != nil {
		return false, err
	}
	stored, err := digests(l.Path, "")
	switch {
	case err != nil:
		l.Fault = refused(l.Path, err).Error()
	case len(stored) == 1 && stored[0].sum != l.SHA256:
		l.Fault = refused(l.Path, fmt.Errorf("its SHA-256 is another than the one in %s beside it", StoredSuffix)).Error()
	case len(stored) == 1:
		l.Verified = true
	}
	return true, nil
}

// verify inspects a file, and tells what is wrong with it as its Fault.
func (l *Listed) verify(ctx context.Context, identity Identity) {
	a, err := inspectOpened(ctx, l.Path, identity)
	_, closed := errors.AsType[*closedError](err)
	why := err
	if closed {
		// What stands beside it tells of its bytes all the same.
		a, err = Inspect(ctx, l.Path, "")
	}
	if err != nil {
		l.Fault = err.Error()
		return
	}
	l.from(a.Origin)
	l.SHA256, l.Verified, l.Revision = a.SHA256, !a.Encrypted || a.Digest == DigestStored, a.Revision
	l.EtcdVersion, l.KeysVersion = cmp.Or(l.EtcdVersion, a.Version), ""
	if a.Form == FormV2 {
		l.KeysVersion = KeysV2
	}
	if a.Encrypted {
		l.Opened(why)
	}
}

func (l *Listed) from(o *Origin) {
	if o == nil {
		return
	}
	l.Origin, l.EtcdVersion, l.Revision, l.KeysVersion = o, o.EtcdVersion, o.Revision, o.KeysVersion
	if !o.Time.IsZero() {
		l.Time = o.Time.UTC()
	}
}

// recorded is the origin in one of our archives, which stands before the database; nil if there is
// none.
func recorded(f *os.File) *Origin {
	unpacked, err := gzip.NewReader(io.NewSectionReader(f, 0, window))
	if err != nil {
		return nil
	}
	t := tar.NewReader(unpacked)
	for range 2 {
		h, err := t.Next()
		if err != nil {
			return nil
		}
		if path.Clean(h.Name) == originName && h.Size <= largestOrigin {
			text, err := io.ReadAll(t)
			if err != nil {
				return nil
			}
			o, err := readOrigin(text)
			if err != nil {
				return nil
			}
			return o
		}
	}
	return nil
}
