package snapshot

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
)

// Pack writes a tar.gz of ours from an archive of another form that has been inspected, such as what
// a server has just sent, as the new file. It is there, whole and for its owner alone, or not at all.
// What comes back is the new archive, without being read once more.
func (a Archive) Pack(ctx context.Context, origin Origin, to string) (Archive, error) {
	return a.packFor(ctx, origin, to, nil)
}

func (a Archive) packFor(ctx context.Context, origin Origin, to string, own func(*os.File) error) (Archive, error) {
	if a.Form != FormSaved && a.Form != FormBare {
		return Archive{}, refused(a.Path, errors.New("it is packed already"))
	}
	s, err := open(ctx, a.Path)
	if err != nil {
		return Archive{}, refused(a.Path, err)
	}
	defer s.Close()
	packed := a
	packed.Path, packed.Form, packed.Origin, packed.Digest = to, FormTarGz, &origin, DigestStored
	sum := sha256.New()
	err = create(to, own, func(f io.Writer) error {
		count := &counted{w: io.MultiWriter(f, sum)}
		if err := a.pack(s, &origin, count); err != nil {
			return refused(a.Path, err)
		}
		packed.Size = count.n
		return nil
	})
	if err != nil {
		return Archive{}, err
	}
	info, err := os.Stat(to)
	if err != nil {
		return Archive{}, refused(to, err)
	}
	packed.Modified, packed.SHA256 = info.ModTime().UTC(), hex.EncodeToString(sum.Sum(nil))
	return packed, nil
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
