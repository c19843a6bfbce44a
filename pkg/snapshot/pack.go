package snapshot

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Pack writes a tar.gz of ours from an archive of another form that has been inspected, such as what
// a server has just sent, as the new file. It is there, whole and for its owner alone, or not at all.
// What comes back is the new archive, without being read once more.
func (a Archive) Pack(ctx context.Context, origin Origin, to string) (Archive, error) {
	if a.Form != FormSaved && a.Form != FormBare {
		return Archive{}, refused(a.Path, errors.New("it is packed already"))
	}
	s, err := open(ctx, a.Path)
	if err != nil {
		return Archive{}, refused(a.Path, err)
	}
	defer s.Close()
	return a.packFrom(s, Taking{Origin: origin}, to)
}

// packFrom packs what a source gives, and encrypts it on the way if that is wanted: then nothing is
// written in the clear.
func (a Archive) packFrom(s *source, t Taking, to string) (Archive, error) {
	packed := a
	packed.Path, packed.Form, packed.Origin, packed.Digest = to, FormTarGz, &t.Origin, DigestStored
	if t.Encrypt {
		packed.Form, packed.Encrypted = FormSealed, true
		// What is there already must not have said of itself what is true of this one.
		if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
			return Archive{}, fmt.Errorf("cannot write %s: %w", to, cmp.Or(err, fs.ErrExist))
		}
	}
	sum := sha256.New()
	err := create(to, t.Own, func(f io.Writer) error {
		count := &counted{w: io.MultiWriter(f, sum)}
		if err := a.packTo(s, &t, count); err != nil {
			return refused(a.Path, err)
		}
		packed.Size, packed.SHA256 = count.n, hex.EncodeToString(sum.Sum(nil))
		if t.Encrypt {
			return state(packed, t.Own)
		}
		return nil
	})
	if err != nil {
		return Archive{}, err
	}
	info, err := os.Stat(to)
	if err != nil {
		return Archive{}, refused(to, err)
	}
	packed.Modified = info.ModTime().UTC()
	return packed, nil
}

func (a Archive) packTo(s *source, t *Taking, to io.Writer) error {
	if !t.Encrypt {
		return a.pack(s, &t.Origin, to)
	}
	sealed, err := seal(to, t.Recipients)
	if err != nil {
		return err
	}
	if err := a.pack(s, &t.Origin, sealed); err != nil {
		return err
	}
	return sealed.Close() // the last of it is written now
}

// pack writes first what is small: a list of archives need not unpack the database.
func (a Archive) pack(s *source, origin *Origin, to io.Writer) error {
	sum := newSum(a.DatabaseSize)
	if _, err := io.Copy(sum, io.NewSectionReader(s.file, 0, a.DatabaseSize)); err != nil {
		return err
	}
	origin.DatabaseSHA256, origin.Revision = hex.EncodeToString(sum.sum()), a.Revision
	text, err := json.MarshalIndent(origin, "", "  ")
	if err != nil {
		return err
	}
	z := gzip.NewWriter(to)
	t := tar.NewWriter(z)
	headers := []*tar.Header{
		{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755},
		{Typeflag: tar.TypeReg, Name: "./" + originName, Mode: 0o644, Size: int64(len(text))},
		{Typeflag: tar.TypeReg, Name: "./" + databaseName, Mode: 0o600, Size: a.DatabaseSize + sha256.Size},
	}
	write := func(h *tar.Header) error {
		// GNU's form takes any size; the time is in whole seconds, since tar warns of others.
		h.Format, h.ModTime = tar.FormatGNU, origin.Time
		return t.WriteHeader(h)
	}
	steps := []func() error{
		func() error { return write(headers[0]) },
		func() error { return write(headers[1]) },
		func() error { _, err := t.Write(text); return err },
		func() error { return write(headers[2]) },
		func() error { return a.copyDatabase(t, s) },
		t.Close, z.Close,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	got, err := s.digest()
	if err == nil && got != a.SHA256 {
		err = errors.New("it has changed since it was looked at")
	}
	return err
}

// counted counts what is written.
type counted struct {
	w io.Writer
	n int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
