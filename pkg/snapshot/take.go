package snapshot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// partPrefix begins the names of files that are not whole yet. What a crash has left is removed by
// the next one that is taken.
const partPrefix = ".jujuetcd-"

// nameForm is the form of the names of archives, as the charm before wrote them, and nameEnd how they end.
const nameForm, nameEnd = "etcd-snapshot-2006-01-02-15.04.05", ".tar.gz"

// emptyRevision is that of a cluster in which nothing was ever written: etcd counts from 1, and its
// database has no entry then (server/storage/mvcc, store.currentRev).
const emptyRevision = 1

// Taking is a snapshot that is taken: from a stream into a folder.
type Taking struct {
	// Dir is the folder, which exists and belongs to whoever may read what is in it.
	Dir string
	// Name is that of the archive; empty for the one that a snapshot of a person's has always had.
	Name string
	// Own gives a file to whom it is for; nil leaves it to whoever runs this.
	Own func(*os.File) error
	// Encrypt has the archive encrypted, to the public keys of age that are the Recipients.
	Encrypt    bool
	Recipients []string
	// Send writes the database with its trailer, as a server sends it.
	Send func(ctx context.Context, to io.Writer) error
	// Size is about how large the database is, and Revision the least that it must have.
	Size, Revision int64
	Origin         Origin
	// Progress is told what happens now.
	Progress func(string)
	// Hash asks who has sent it for its HashKV at a revision; nil is recorded where it tells none. It
	// may be nil itself.
	Hash func(ctx context.Context, revision int64) *Hash
}

// Take takes a snapshot: it lets a server send it, proves it, packs it, and writes its SHA-256
// beside it. The archive has its name only when all of this is done. Two that are taken into one
// folder must not run at once.
func Take(ctx context.Context, t Taking) (Archive, error) {
	fail := func(err error) (Archive, error) {
		return Archive{}, fmt.Errorf("cannot take a snapshot into %s: %w", t.Dir, err)
	}
	if err := removeParts(t.Dir); err != nil {
		return fail(err)
	}
	// What the server sends and what it is packed into are there at the same time.
	if err := Free(t.Dir, 2*t.Size); err != nil {
		return fail(err)
	}
	// It has no name: whoever is stopped leaves nothing of it.
	raw, err := unnamed(t.Dir)
	if err != nil {
		return fail(err)
	}
	defer raw.Close()
	t.Progress("receiving about " + Size(t.Size) + " from " + t.Origin.Member)
	if err := t.Send(ctx, raw); err != nil {
		return fail(err)
	}
	t.Progress("verifying it")
	sent, err := inspectSent(ctx, raw, t.Dir, "what "+t.Origin.Member+" has sent")
	switch {
	case err != nil:
		return fail(err)
	case sent.Form != FormSaved:
		return fail(errors.New("the server has not sent the SHA-256 of its database"))
	case sent.Revision < t.Revision && t.Revision > emptyRevision:
		return fail(fmt.Errorf("the database ends at revision %d, and had %d already", sent.Revision, t.Revision))
	}
	if t.Hash != nil {
		t.Origin.Hash = t.Hash(ctx, sent.Revision)
	}
	t.Progress("packing " + Size(sent.Size))
	path := filepath.Join(t.Dir, cmp.Or(t.Name, t.freeName()))
	packed, err := t.pack(ctx, sent, raw, path)
	if err != nil {
		return fail(err)
	}
	if err := t.store(packed); err != nil {
		return fail(err)
	}
	return packed, nil
}

// freeName is the name of a person's snapshot. The form has no more than seconds, and two may be taken in one.
func (t Taking) freeName() string {
	name := t.Origin.Time.UTC().Format(nameForm)
	free := name + nameEnd
	for n := 2; taken(filepath.Join(t.Dir, free)) || taken(filepath.Join(t.Dir, free+StoredSuffix)); n++ {
		free = fmt.Sprintf("%s-%d%s", name, n, nameEnd)
	}
	return free
}

// taken says that there is something of that name; what cannot be looked at is found out by who writes it.
func taken(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// store writes the SHA-256 of an archive beside it.
func (t Taking) store(a Archive) error {
	return create(a.Path+StoredSuffix, t.Own, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s  %s\n", a.SHA256, filepath.Base(a.Path))
		return err
	})
}

// pack packs what was sent.
func (t Taking) pack(ctx context.Context, sent Archive, raw *os.File, path string) (Archive, error) {
	s, err := openAgain(ctx, raw)
	if err != nil {
		return Archive{}, err
	}
	defer s.Close()
	return sent.packFrom(s, t, path)
}

func removeParts(dir string) error {
	all, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range all {
		if strings.HasPrefix(e.Name(), partPrefix) && e.Type().IsRegular() {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
