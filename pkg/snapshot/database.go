package snapshot

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"google.golang.org/protobuf/encoding/protowire"

	"jujuetcd.io/pkg/printable"
)

// lockTimeout is for a database that somebody holds: etcd does, for as long as it runs.
const lockTimeout = time.Second

// errInUse is what a lock tells: etcd holds one on its database for as long as it runs.
var errInUse = errors.New("it is in use, by etcd it seems: take a snapshot instead")

// mostMembers is how many names are kept; a cluster has seven at most.
const mostMembers = 64

// walk looks at all of a database. It panics, faults or never ends where one is damaged: only a
// child may call it. It does what etcdutl's Status does, whose memory grows with each key.
func walk(f *os.File, size int64) (Database, error) {
	db, err := bolt.Open(f.Name(), 0, &bolt.Options{
		ReadOnly: true, Timeout: lockTimeout,
		OpenFile: func(string, int, fs.FileMode) (*os.File, error) { return f, nil },
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return Database{}, errInUse
	case err != nil:
		return Database{}, fmt.Errorf("its database is damaged: %w", err)
	}
	d := Database{DatabaseSize: size}
	err = db.View(func(tx *bolt.Tx) error {
		if tx.Size() > size {
			return fmt.Errorf("it is cut short: its database has %d bytes, of which %d are there", tx.Size(), size)
		}
		if page := int64(db.Info().PageSize); size%page != 0 {
			return fmt.Errorf("it is cut short, or something is appended: its database has no whole number of pages of %d bytes", page)
		}
		// The process ends after the first error, and with it who looks on.
		if err, damaged := <-tx.Check(); damaged {
			return fmt.Errorf("its database is damaged: %w", err)
		}
		return d.read(tx)
	})
	return d, err
}

// read reads what is in a database whose structure is right.
func (d *Database) read(tx *bolt.Tx) error {
	if tx.Bucket([]byte("key")) == nil || tx.Bucket([]byte("meta")) == nil {
		return errors.New("its database is none of etcd: it has no keys")
	}
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	live := counter{parts: 1}
	err := tx.ForEach(func(name []byte, b *bolt.Bucket) error {
		sum.Write(name)
		keys := bytes.Equal(name, []byte("key"))
		return b.ForEach(func(k, v []byte) error {
			sum.Write(k)
			sum.Write(v)
			if !keys {
				return nil
			}
			revision, err := live.add(k, v)
			d.Revision = max(d.Revision, revision)
			return err
		})
	})
	if err != nil {
		return err
	}
	d.Hash = sum.Sum32()
	if d.Keys, err = live.count(tx.Bucket([]byte("key"))); err != nil {
		return err
	}
	if b := tx.Bucket([]byte("auth")); b != nil {
		d.Auth = bytes.Equal(b.Get([]byte("authEnabled")), []byte{1})
	}
	if v := tx.Bucket([]byte("meta")).Get([]byte("storageVersion")); len(v) > 0 {
		d.Version = printable.Line(string(v), printable.Name)
	} else if b := tx.Bucket([]byte("cluster")); b != nil {
		d.Version = printable.Line(string(b.Get([]byte("clusterVersion"))), printable.Name)
	}
	return d.readMembers(tx.Bucket([]byte("members")))
}

func (d *Database) readMembers(b *bolt.Bucket) error {
	if b == nil {
		return nil
	}
	return b.ForEach(func(_, v []byte) error {
		var member struct{ Name string }
		if json.Unmarshal(v, &member) == nil && member.Name != "" && len(d.Members) < mostMembers {
			d.Members = append(d.Members, printable.Line(member.Name, printable.Name))
		}
		return nil
	})
}

// record is the revision of an entry of the bucket key, and the key that it is of; nil says that
// the key is gone from then on.
func record(k, v []byte) (revision int64, key []byte, gone bool, err error) {
	// Eight bytes, an underscore, eight bytes, and a t where a key was deleted.
	if len(k) != 17 && len(k) != 18 || k[8] != '_' {
		return 0, nil, false, fmt.Errorf("its database is damaged: it has a revision of %d bytes", len(k))
	}
	revision = int64(binary.BigEndian.Uint64(k))
	for len(v) > 0 {
		number, kind, n := protowire.ConsumeTag(v)
		if n < 0 {
			return 0, nil, false, fmt.Errorf("its database is damaged: revision %d cannot be read", revision)
		}
		v = v[n:]
		if number == 1 && kind == protowire.BytesType {
			key, n = protowire.ConsumeBytes(v)
		} else {
			n = protowire.ConsumeFieldValue(number, kind, v)
		}
		if n < 0 {
			return 0, nil, false, fmt.Errorf("its database is damaged: revision %d cannot be read", revision)
		}
		v = v[n:]
	}
	return revision, key, len(k) == 18, nil
}
