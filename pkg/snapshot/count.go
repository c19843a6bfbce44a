package snapshot

import (
	"hash/maphash"

	bolt "go.etcd.io/bbolt"
)

// atOnce is how many keys are held while they are counted.
const atOnce = 1 << 20

// counter counts the keys that there are after the last of all revisions, which it is given in
// their order. It holds a hash of each key, and of a part of the keys only where they are many, so
// that its memory has a bound: the other parts have walks of their own.
type counter struct {
	parts, part uint64
	records     uint64
	full        bool
	seen        map[uint64]struct{}
}

var seed = maphash.MakeSeed()

// add takes an entry of the bucket key, and is its revision.
func (c *counter) add(k, v []byte) (int64, error) {
	revision, key, gone, err := record(k, v)
	if err != nil {
		return 0, err
	}
	c.records++
	// A restore that raises the revision leaves an entry for no key.
	if c.full || len(key) == 0 {
		return revision, nil
	}
	switch h := maphash.Bytes(seed, key); {
	case h%c.parts != c.part:
	case gone:
		delete(c.seen, h)
	default:
		if c.seen == nil {
			c.seen = map[uint64]struct{}{}
		}
		c.seen[h] = struct{}{}
		// With twice as many as a part should have, it must be split.
		if c.full = len(c.seen) > 2*atOnce; c.full {
			c.seen = nil
		}
	}
	return revision, nil
}

// count is how many keys there are, after all entries have been added.
func (c *counter) count(b *bolt.Bucket) (int64, error) {
	if !c.full {
		return int64(len(c.seen)), nil
	}
	parts := c.records/atOnce + 1
	var total int64
	for part := range parts {
		walk := counter{parts: parts, part: part}
		if err := b.ForEach(func(k, v []byte) error { _, err := walk.add(k, v); return err }); err != nil {
			return 0, err
		}
		total += int64(len(walk.seen))
	}
	return total, nil
}
