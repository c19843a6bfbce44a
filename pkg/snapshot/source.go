package snapshot

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// window is how much is read at a time.
const window = 256 << 10

// source is an archive's file, of which each byte is read once, in order.
type source struct {
	file *os.File
	info fs.FileInfo
	*bufio.Reader
	sum *trailed
}

// open opens a plain file that has something in it. It does not wait for who writes into a pipe, and
// follows no link in the last place: the folder may be somebody's who could point it elsewhere.
func open(ctx context.Context, path string) (*source, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, unix.ELOOP):
		return nil, errors.New("it is a symbolic link: name the file itself")
	case errors.Is(err, fs.ErrNotExist):
		return nil, errMissing
	case err != nil:
		return nil, err
	}
	return sourceOf(ctx, f)
}

var errMissing = errors.New("there is no such file")

// openAgain opens a file without a name once more, from its beginning.
func openAgain(ctx context.Context, f *os.File) (*source, error) {
	again, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		return nil, err
	}
	return sourceOf(ctx, again)
}

// sourceOf is an open file's, which is closed with it.
func sourceOf(ctx context.Context, f *os.File) (*source, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = errors.New("it is no file, but a " + kindOf(info.Mode()))
	case info.Size() == 0:
		err = errors.New("it is empty")
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	s := &source{file: f, info: info, sum: newTrailed(info.Size())}
	s.Reader = bufio.NewReaderSize(io.TeeReader(reading{ctx, f}, s.sum), window)
	return s, nil
}

func (s *source) Close() error { return s.file.Close() }

// digest reads what is left, and is the SHA-256 of the whole file.
func (s *source) digest() (string, error) {
	if _, err := io.Copy(io.Discard, s); err != nil {
		return "", err
	}
	return hex.EncodeToString(s.sum.whole.Sum(nil)), nil
}

// reading ends when what it is for does.
type reading struct {
	ctx context.Context //nolint:containedctx // it lives as long as one read of one file
	io.Reader
}

func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "folder"
	case mode&fs.ModeDevice != 0:
		return "device"
	case mode&fs.ModeNamedPipe != 0:
		return "pipe"
	}
	return "socket"
}

// checksum reads one that a person has given, or a file holds in the form of sha256sum.
func checksum(text string) (string, error) {
	word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	word = strings.ToLower(word)
	if raw, err := hex.DecodeString(word); err != nil || len(raw) != sha256.Size {
		return "", fmt.Errorf("%.70q is no SHA-256: that has 64 hexadecimal digits", word)
	}
	return word, nil
}

// trailed takes the bytes of a database that may end with the SHA-256 of what is before it.
type trailed struct {
	size int64 // of the database
	has  bool  // whether there is a trailer
	seen int64
	// whole is of all bytes, and body of the database's. They are one until it ends: a byte is hashed
	// once, which is most of what it takes to look at an archive.
	whole, body hash.Hash
	tail        []byte
}

// newTrailed is for so many bytes. A database is a number of whole pages, so 32 bytes more are a
// trailer: etcd's own tools know it by this.
func newTrailed(size int64) *trailed {
	t := newSum(size)
	if size%512 == sha256.Size {
		t.size, t.has = size-sha256.Size, true
	}
	return t
}

// newSum is for a database of so many bytes, whatever comes after it.
func newSum(size int64) *trailed {
	sum := sha256.New()
	return &trailed{size: size, whole: sum, body: sum}
}

func (t *trailed) Write(p []byte) (int, error) {
	n := min(max(t.size-t.seen, 0), int64(len(p)))
	t.whole.Write(p[:n])
	if t.seen += int64(len(p)); t.seen > t.size {
		if err := t.end(); err != nil {
			return 0, err
		}
		// One byte more than a trailer has tells that it is none, whatever else comes.
		t.tail = append(t.tail, p[n:][:min(len(p[n:]), sha256.Size+1-len(t.tail))]...)
		t.whole.Write(p[n:])
	}
	return len(p), nil
}

// end is where the database ends, and something comes after it.
func (t *trailed) end() error {
	if t.body != t.whole {
		return nil
	}
	whole, is := t.whole.(hash.Cloner)
	if !is {
		return errors.New("SHA-256 cannot be cloned")
	}
	body, err := whole.Clone()
	t.body = body
	return err
}

// check is whether the trailer is that of the bytes.
func (t *trailed) check() error {
	if t.has && string(t.tail) != string(t.body.Sum(nil)) {
		return errors.New("it is cut short or damaged: the SHA-256 at its end is not that of its bytes")
	}
	return nil
}

func (t *trailed) sum() []byte { return t.body.Sum(nil) }
