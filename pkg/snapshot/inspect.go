package snapshot

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// StoredSuffix ends the name of the file beside an archive that holds its SHA-256, as sha256sum
// writes and checks it.
const StoredSuffix = ".sha256"

// Inspect reads an archive, proves that its bytes are those that were written, as far as anything
// says so, and looks through its database. It changes nothing. The SHA-256 may be empty.
func Inspect(ctx context.Context, path, sha256 string) (Archive, error) {
	l := looking{room: beside(path)}
	defer l.close()
	if err := l.inspect(ctx, path, sha256); err != nil {
		// What a digest contradicts is not shown as if it were right.
		return Archive{}, refused(path, err)
	}
	return l.Archive, nil
}

// inspectOpened is Inspect that looks also at what is in an encrypted archive, with the identity that opens it.
func inspectOpened(ctx context.Context, path string, identity Identity) (Archive, error) {
	l := looking{room: beside(path), open: true, identity: identity}
	defer l.close()
	if err := l.inspect(ctx, path, ""); err != nil {
		return Archive{}, refused(path, err)
	}
	return l.Archive, nil
}

// inspectSent is Inspect for what was written to a file without a name in a folder; called is what it is
// in a sentence.
func inspectSent(ctx context.Context, f *os.File, dir, called string) (Archive, error) {
	s, err := openAgain(ctx, f)
	if err != nil {
		return Archive{}, refused(called, err)
	}
	defer s.Close()
	l := looking{room: room{dir}}
	defer l.close()
	if err := l.read(ctx, s, called, nil); err != nil {
		return Archive{}, refused(called, err)
	}
	return l.Archive, nil
}

// looking is an archive while it is looked at.
type looking struct {
	Archive
	room room
	// keep says that a copy is looked at also of what need not be unpacked for that; with keep or open it is looked
	// at what is in an encrypted one, which identity opens.
	keep, open bool
	identity   Identity
	// database is the copy, without a name; nil where there is none.
	database *os.File
}

func (l *looking) close() {
	if l.database != nil {
		_ = l.database.Close()
	}
}

func (l *looking) inspect(ctx context.Context, path, sha256 string) error {
	given, err := digests(path, sha256)
	if err != nil {
		return err
	}
	s, err := open(ctx, path)
	if err != nil {
		return err
	}
	defer s.Close()
	return l.read(ctx, s, path, given)
}

// read looks at what an archive's file gives, and compares it with what is known of it.
func (l *looking) read(ctx context.Context, s *source, path string, given []known) error {
	l.Archive = Archive{Path: path, Size: s.info.Size(), Modified: s.info.ModTime().UTC()}
	head, err := s.Peek(tarHead)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
	case isSealed(head):
		var beside []known
		beside, err = l.inspectSealed(ctx, s)
		given = append(beside, given...)
	case isPacked(head), isTar(head):
		err = l.inspectTar(ctx, s.Reader)
	case isDatabase(head):
		err = l.inspectDatabase(ctx, s)
	default:
		err = errors.New("it is no snapshot: neither a tar.gz, nor what etcdctl snapshot save writes, nor a copy of member/snap/db")
	}
	if err == nil {
		l.SHA256, err = s.digest()
	}
	for _, g := range given {
		if err == nil && g.sum != l.SHA256 {
			err = fmt.Errorf("its SHA-256 is %s, and %s says %s: it is damaged, or another file", l.SHA256, g.from, g.sum)
		}
		l.Digest = g.digest
	}
	return err
}

// known is a SHA-256 that is known of a file, from whom, and what it is called when it has proved
// the file.
type known struct{ sum, from, digest string }

// digests are what is known of an archive, the strongest last.
func digests(path, given string) ([]known, error) {
	var all []known
	stored, err := os.ReadFile(path + StoredSuffix)
	if err == nil {
		sum, err := checksum(string(stored[:min(len(stored), 1024)]))
		if err != nil {
			return nil, fmt.Errorf("%s beside it: %w", StoredSuffix, err)
		}
		all = append(all, known{sum, "the file " + StoredSuffix + " beside it", DigestStored})
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the SHA-256 beside it cannot be read: %w", err)
	}
	if given = strings.TrimSpace(given); given != "" {
		sum, err := checksum(given)
		if err != nil {
			return nil, err
		}
		all = append(all, known{sum, "what you gave", DigestGiven})
	}
	return all, nil
}

const (
	gzipMagic = "\x1f\x8b"
	// boltMagic is at byte 16 of a database's first page, in the byte order of the machine.
	boltMagic = 0xED0CDAED
	// headSize is how many bytes tell a database.
	headSize = 20
)

func isDatabase(head []byte) bool {
	return len(head) >= headSize && binary.NativeEndian.Uint32(head[16:]) == boltMagic
}

// inspectDatabase reads what is the database itself.
func (l *looking) inspectDatabase(ctx context.Context, s *source) error {
	looked, to := s.file, io.Discard
	if l.keep {
		if err := unix.Flock(int(s.file.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
			return errInUse
		}
		var err error
		if l.database, err = l.room.scratch(l.Size); err != nil {
			return err
		}
		looked, to = l.database, l.database
	}
	if _, err := io.Copy(to, s); err != nil {
		return err
	}
	if err := s.sum.check(); err != nil {
		return err
	}
	l.Form = FormBare
	if s.sum.has {
		l.Form, l.Digest = FormSaved, DigestTrailer
	}
	var err error
	l.Database, err = look(ctx, looked, s.sum.size)
	return err
}
