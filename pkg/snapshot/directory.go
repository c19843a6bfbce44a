package snapshot

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"slices"
)

// directoryDatabase is the database in a tar of a whole data directory.
const directoryDatabase = "member/snap/db"

// backupMember is the name of the only member in what etcdctl backup of 3.5 writes; older ones leave
// none (etcdutl 3.5, etcdutl/backup_command.go).
const backupMember = "etcdctl-v2-backup"

const (
	// tarMagic is at byte 257 of a tar, of POSIX and of GNU.
	tarMagic  = "ustar"
	tarOffset = 257
	// tarHead is how many bytes tell that a file is a tar.
	tarHead = tarOffset + len(tarMagic)
	// tarEnd is two blocks of zeros, with which a tar ends.
	tarEnd = 1024
)

func isPacked(head []byte) bool { return bytes.HasPrefix(head, []byte(gzipMagic)) }

func isTar(head []byte) bool {
	return len(head) >= tarHead && string(head[tarOffset:tarHead]) == tarMagic
}

// tarOf is the tar in an archive. The charm before packed what its restore replaced with tar alone,
// and called it tar.gz all the same.
func tarOf(r *bufio.Reader) (io.Reader, error) {
	head, err := r.Peek(len(gzipMagic))
	if err != nil {
		return nil, err
	}
	if isPacked(head) {
		return gzip.NewReader(r)
	}
	return &plainTar{r: r}, nil
}

// plainTar is a tar that nothing else proves the end of.
type plainTar struct {
	r    io.Reader
	tail []byte
}

func (p *plainTar) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.tail = append(p.tail, b[:n]...)
	p.tail = p.tail[max(0, len(p.tail)-tarEnd):]
	if errors.Is(err, io.EOF) && !bytes.Equal(p.tail, make([]byte, tarEnd)) {
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

// keep writes the database of a whole directory to where it can be looked at. What is no database
// is left out: then the archive is a v2 one.
func (c *contents) keep(r io.Reader, size int64) error {
	if c.inside != nil || size < headSize {
		return nil
	}
	head := make([]byte, headSize)
	if _, err := io.ReadFull(r, head); err != nil {
		return err
	}
	if !isDatabase(head) {
		return nil
	}
	f, err := c.room.scratch(size)
	if err != nil {
		return err
	}
	c.inside, c.insideSize = f, size
	_, err = io.Copy(f, io.MultiReader(bytes.NewReader(head), r))
	return err
}

// inspectDirectory tells a copy of a data directory of 3.x from a v2 archive, which has logs and a
// database, too: by v3 keys, and by members that are a cluster's own. A v2 archive must not be taken
// for a snapshot of the v3 keys: what it was made for would be lost.
func (l *looking) inspectDirectory(ctx context.Context, database *os.File, size int64) error {
	if database == nil {
		return nil
	}
	d, err := look(ctx, database, size)
	if ctx.Err() != nil {
		return err
	}
	if err == nil && d.Keys > 0 && len(d.Members) > 0 && !slices.Contains(d.Members, backupMember) {
		l.Form, l.Database, l.database = FormDirectory, d, database
	}
	return nil
}
