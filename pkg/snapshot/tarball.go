package snapshot

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"jujuetcd.io/pkg/printable"
)

// Names in a tar.gz of ours.
const (
	databaseName = "db"
	originName   = "origin.json"
)

const (
	// lenient is what an archive may always grow to. A small database with much unused room packs
	// nearly as well as a bomb does.
	lenient = 256 << 20
	// expansion is how many times its size a larger one may grow. The keys and revisions of etcd's
	// records keep a real database far below it; gzip can do 1032.
	expansion = 200
	// mostFiles is for a v2 archive: etcd keeps five snapshots and five logs of 64 MB, and those that
	// a person lets it keep are still few.
	mostFiles = 4096
	// largestOrigin is for a file that is read into memory.
	largestOrigin = 64 << 10
)

// inspectTar reads a tar.gz to its end, where gzip's checksum is, or a tar.
func (l *looking) inspectTar(ctx context.Context, r *bufio.Reader) error {
	a := &l.Archive
	unpacked, err := tarOf(r)
	if err != nil {
		return unreadable(err)
	}
	limit := &limited{r: unpacked, left: max(lenient, expansion*a.Size)}
	contents := contents{room: l.room}
	defer func() { contents.close(l.database) }()
	if err := contents.read(tar.NewReader(limit)); err != nil {
		return unreadable(err)
	}
	if _, err := io.Copy(io.Discard, limit); err != nil {
		return unreadable(err)
	}
	if _, packed := unpacked.(*gzip.Reader); packed {
		a.Digest = DigestGzip
	}
	switch {
	case contents.v2:
		a.Form, a.DatabaseSize, a.Origin = FormV2, contents.size, contents.origin
		return l.inspectDirectory(ctx, contents.inside, contents.insideSize)
	case contents.database == nil:
		return errors.New("it holds neither ./db, as a snapshot does, nor ./member/wal, as a v2 archive does")
	case contents.stray != "":
		return fmt.Errorf("it holds %s beside ./db, and a snapshot has nothing but ./db", contents.stray)
	}
	a.Form, a.Origin = FormTarGz, contents.origin
	if contents.sum.has {
		a.Digest = DigestTrailer
	}
	if o := a.Origin; o != nil {
		if o.DatabaseSHA256 != hex.EncodeToString(contents.sum.sum()) {
			return errors.New("it is damaged: the SHA-256 in ./origin.json is not that of ./db")
		}
		a.Digest = DigestStored
	}
	a.Database, err = look(ctx, contents.database, contents.sum.size)
	l.database = contents.database
	return err
}

// entries calls for each file of a tar what it is given, with a name that leads nowhere else. It
// refuses what is neither a file nor a folder.
func entries(t *tar.Reader, file func(name string, h *tar.Header) error) error {
	for n := 0; ; n++ {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case n == mostFiles:
			return fmt.Errorf("it holds more than %d files", mostFiles)
		}
		shown := printable.Line(h.Name, printable.Name)
		// The last slash of a folder is its own.
		name := strings.TrimSuffix(h.Name, "/")
		if !filepath.IsLocal(name) || strings.ContainsRune(name, 0) {
			return fmt.Errorf("it holds %q, which leads out of it", shown)
		}
		sparse := h.PAXRecords["GNU.sparse.major"] != "" || h.PAXRecords["GNU.sparse.map"] != ""
		switch {
		case h.Typeflag == tar.TypeReg && !sparse:
			if err := file(path.Clean(name), h); err != nil {
				return err
			}
		case h.Typeflag != tar.TypeDir:
			return fmt.Errorf("it holds %q, which is %s: it may hold files and folders only", shown, kindIn(h))
		}
	}
}

func kindIn(h *tar.Header) string {
	switch h.Typeflag {
	case tar.TypeSymlink:
		return "a symbolic link"
	case tar.TypeLink:
		return "a hard link"
	case tar.TypeChar, tar.TypeBlock:
		return "a device"
	case tar.TypeFifo:
		return "a pipe"
	}
	return "no plain file"
}

// contents is what was found in a tar.gz.
type contents struct {
	room     room
	v2       bool
	size     int64  // of all files
	stray    string // a file that belongs to no v3 snapshot
	origin   *Origin
	database *os.File // without a name
	sum      *trailed
	// inside is the database of a whole directory, without a name, too.
	inside     *os.File
	insideSize int64
}

// close closes what was unpacked, but for what is kept.
func (c *contents) close(kept *os.File) {
	for _, f := range []*os.File{c.database, c.inside} {
		if f != nil && f != kept {
			_ = f.Close()
		}
	}
}

func (c *contents) read(t *tar.Reader) error {
	return entries(t, func(name string, h *tar.Header) error {
		c.size += h.Size
		switch {
		case name == databaseName:
			return c.unpack(t, h.Size)
		case name == originName:
			return c.readOrigin(t, h.Size)
		case isLog(name):
			c.v2 = true
		}
		c.stray = printable.Line(name, printable.Name)
		if name == directoryDatabase {
			return c.keep(t, h.Size)
		}
		return nil
	})
}

// isLog says that a file is in a folder wal which is in another one. By this the charm before told
// v2 archives from others.
func isLog(name string) bool {
	return path.Base(path.Dir(name)) == "wal" && path.Dir(path.Dir(name)) != "."
}

func (c *contents) readOrigin(r io.Reader, size int64) error {
	if size > largestOrigin {
		return fmt.Errorf("./%s is larger than %s", originName, Size(largestOrigin))
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	c.origin, err = readOrigin(text)
	return err
}

// readOrigin reads what was recorded. It may be changed by whoever had the archive, so it is text of
// others.
func readOrigin(text []byte) (*Origin, error) {
	var o Origin
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&o); err != nil {
		return nil, fmt.Errorf("./%s cannot be read: %w", originName, err)
	}
	o.clean()
	return &o, nil
}

// clean makes others' texts fit to be shown.
func (o *Origin) clean() {
	for _, s := range []*string{&o.Application, &o.Model, &o.ModelUUID, &o.ClusterID, &o.Member, &o.Unit, &o.EtcdVersion, &o.KeysVersion, &o.Tick} {
		*s = printable.Line(*s, printable.Name)
	}
}

// unpack writes the database to where it can be looked at.
func (c *contents) unpack(r io.Reader, size int64) error {
	if c.database != nil {
		return errors.New("it holds ./db twice")
	}
	head := make([]byte, min(size, headSize))
	if _, err := io.ReadFull(r, head); err != nil {
		return err
	}
	// What is no database is not written anywhere.
	if !isDatabase(head) {
		return errors.New("its ./db is no database of etcd")
	}
	f, err := c.room.scratch(size)
	if err != nil {
		return err
	}
	c.database, c.sum = f, newTrailed(size)
	if _, err := io.Copy(io.MultiWriter(f, c.sum), io.MultiReader(bytes.NewReader(head), r)); err != nil {
		return err
	}
	return c.sum.check()
}

var errTooLarge = fmt.Errorf("it grows to more than %d times its size when it is unpacked: no snapshot does", expansion)

// limited ends a bomb.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}
