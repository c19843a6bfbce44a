package datadir

import (
	"bytes"
	"testing"
)

// FuzzWriteAheadLog: what stands at the beginning of a segment names a member and its cluster, or nobody.
func FuzzWriteAheadLog(f *testing.F) {
	f.Add([]byte{4, 0, 0, 0, 0, 0, 0, 0x84, 8, 4, 16, 0, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0x84, 8, 1, 16, 0, 26, 6, 8, 0xa1, 1, 16, 0xc1, 1})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, segment []byte) {
		s, err := readMetadata(bytes.NewReader(segment))
		if err == nil && (s.Member == 0 || s.Cluster == 0 || !s.Present) {
			t.Errorf("read %+v", s)
		}
	})
}
