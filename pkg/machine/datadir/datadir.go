// Package datadir reads what etcd's data directory says about the member that lives in it, and sets
// directories aside.
//
// # Use
//
//	state, err := datadir.Inspect("/var/snap/etcd/common/data")
//	if state.Present && state.Cluster != latched {
//		...
//	}
//
// # Guarantees
//
//   - Inspect only reads, never follows what it does not know, and works beside a running etcd.
//   - A member is present if and only if there is a segment of its write-ahead log: etcd makes the
//     directory with its first segment in one rename, and starts anew without it.
//   - SetAside renames; nothing in this package deletes.
//   - Begin's mark is lost with the data that etcd writes beside it.
package datadir

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/durable"
)

// State is what a data directory says.
type State struct {
	// Present says that there is a write-ahead log.
	Present bool
	// Member and Cluster are the identities that the log was created with.
	Member  etcdops.MemberID
	Cluster etcdops.ClusterID
}

// WAL is the directory of the write-ahead log.
func WAL(dir string) string { return filepath.Join(dir, "member", "wal") }

// Database is the file that etcd has a member's keys in.
func Database(dir string) string { return filepath.Join(dir, "member", "snap", "db") }

// Inspect reads a data directory. One that does not exist holds no member. With an error, Present
// is still right.
func Inspect(dir string) (State, error) {
	entries, err := os.ReadDir(WAL(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, nil
	}
	if err != nil {
		return State{}, fmt.Errorf("cannot look into data directory %s: %w", dir, err)
	}
	var segments []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".wal") && e.Type().IsRegular() {
			segments = append(segments, e.Name())
		}
	}
	if len(segments) == 0 {
		return State{}, nil
	}
	// Every segment begins with the metadata; names are ordered as the segments are. The first may
	// be purged while we read.
	slices.Sort(segments)
	for _, name := range segments {
		var s State
		if s, err = readSegment(filepath.Join(WAL(dir), name)); err == nil {
			return s, nil
		}
	}
	return State{Present: true}, fmt.Errorf("cannot read the member's identity from data directory %s: %w", dir, err)
}

func readSegment(path string) (State, error) {
	file, err := os.Open(path)
	if err != nil {
		return State{}, err
	}
	defer file.Close()
	s, err := readMetadata(bufio.NewReader(file))
	if err != nil {
		return State{}, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return s, nil
}

// Types of a record, and how large one may be: metadata stands among the first few, which are tiny.
const (
	recordMetadata = 1
	recordCRC      = 4
	maxRecord      = 64 << 10
	maxRecords     = 8
)

// readMetadata reads records up to the metadata. A record is a length (8 bytes, little endian: the
// lower 56 bits are the size, the upper 8 the padding that follows, if the sign is set) and a
// protobuf message.
func readMetadata(in io.Reader) (State, error) {
	for range maxRecords {
		var head [8]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return State{}, fmt.Errorf("cannot read a record: %w", err)
		}
		field := binary.LittleEndian.Uint64(head[:])
		size := field &^ (uint64(0xff) << 56)
		padding := uint64(0)
		if field>>63 == 1 {
			padding = field >> 56 & 0x7
		}
		if size == 0 || size > maxRecord {
			return State{}, fmt.Errorf("a record claims %d bytes", size)
		}
		frame := make([]byte, size+padding)
		if _, err := io.ReadFull(in, frame); err != nil {
			return State{}, fmt.Errorf("cannot read a record: %w", err)
		}
		kind, data, err := parseRecord(frame[:size])
		switch {
		case err != nil:
			return State{}, err
		case kind == recordMetadata:
			return parseMetadata(data)
		case kind != recordCRC:
			return State{}, fmt.Errorf("a record of type %d stands where the metadata should be", kind)
		}
	}
	return State{}, errors.New("there is no metadata")
}

// parseRecord reads walpb.Record: type is field 1, data field 3.
func parseRecord(b []byte) (kind uint64, data []byte, err error) {
	err = fields(b, func(n protowire.Number, number uint64, text []byte) {
		switch n {
		case 1:
			kind = number
		case 3:
			data = text
		}
	})
	return kind, data, err
}

// parseMetadata reads etcdserverpb.Metadata: the member's ID is field 1, the cluster's field 2.
func parseMetadata(b []byte) (State, error) {
	s := State{Present: true}
	err := fields(b, func(n protowire.Number, number uint64, _ []byte) {
		switch n {
		case 1:
			s.Member = etcdops.MemberID(number)
		case 2:
			s.Cluster = etcdops.ClusterID(number)
		}
	})
	if err == nil && (s.Member == 0 || s.Cluster == 0) {
		err = errors.New("the metadata names no member or no cluster")
	}
	return s, err
}

func fields(b []byte, each func(n protowire.Number, number uint64, text []byte)) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
		var number uint64
		var text []byte
		switch kind {
		case protowire.VarintType:
			number, size = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			text, size = protowire.ConsumeBytes(b)
		default:
			size = protowire.ConsumeFieldValue(n, kind, b)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		each(n, number, text)
		b = b[size:]
	}
	return nil
}

// Mark is the file that says for which token etcd was first to begin in the data directory. It is
// there before etcd is, and lies with the data, so that it is lost with it: where it is, and no
// write-ahead log, etcd has written nothing yet, and promised nobody anything.
func Mark(dir string) string { return filepath.Join(dir, "member", "begun-with") }

// Begin leaves the mark, on disk when it returns.
func Begin(disk *durable.Disk, dir, token string) error {
	if err := disk.MkdirAll(filepath.Dir(Mark(dir)), 0o700); err != nil {
		return err
	}
	_, err := disk.Write(durable.File{Path: Mark(dir), Data: []byte(token), Mode: 0o600})
	return err
}

// Marked is the token of the mark; empty where there is none.
func Marked(dir string) (string, error) {
	text, err := os.ReadFile(Mark(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("cannot tell whether etcd has written to data directory %s: %w", dir, err)
	}
	return string(text), nil
}

// SetAside renames what a member has left in a data directory, so that it can never start from it
// again, and returns the new name, beside the directory. The directory itself stays: it may be a
// mount point, or belong to somebody else. Where nothing is left, that is no error, and the name is
// empty.
func SetAside(disk *durable.Disk, dir string, now time.Time) (string, error) {
	from := filepath.Join(dir, "member")
	if _, err := os.Lstat(from); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	to := AsideName(dir, now)
	if err := disk.Rename(from, to); err != nil {
		return "", err
	}
	return to, nil
}

// AsideName is the name that SetAside would give now, which nothing has.
func AsideName(dir string, now time.Time) string {
	base := dir + ".aside-" + now.UTC().Format("20060102T150405Z")
	to := base
	for i := 2; ; i++ {
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			return to
		}
		to = fmt.Sprintf("%s-%d", base, i)
	}
}
