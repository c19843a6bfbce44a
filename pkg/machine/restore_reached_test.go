package machine_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/machine/datadir"
)

// TestARestoreIsAboveWhatTheClusterHasComeTo: an archive that is restored again must bring back no
// revision that clients have seen since.
func TestARestoreIsAboveWhatTheClusterHasComeTo(t *testing.T) {
	answers := func(health ...etcdops.EndpointHealth) etcdops.View {
		v := etcdops.View{Err: "no answer", Health: map[string]etcdops.EndpointHealth{}}
		for i, h := range health {
			v.Health[string(rune('a'+i))] = h
		}
		return v
	}
	for _, tt := range []struct {
		name string
		view etcdops.View
		data int64
		want int64
	}{
		{"the one that is furthest tells", answers(etcdops.EndpointHealth{Answered: true, Revision: 7}, etcdops.EndpointHealth{Answered: true, Revision: 9}), 3, 9},
		{"no other cluster's", answers(etcdops.EndpointHealth{Answered: true, Revision: 7}, etcdops.EndpointHealth{Answered: true, Revision: 9, Fault: etcdops.FaultOtherID}), 3, 7},
		{"where none answers, the data does", answers(etcdops.EndpointHealth{Revision: 7}), 3, 3},
		{"data that cannot be read does not", answers(), 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := soleMember(t)
			if tt.data > 0 {
				database(t, datadir.Database(w.path(machine.DataDir)), tt.data)
			}
			w.looks = func() etcdops.View { return tt.view }
			got := int64(-1)
			r := restore("")
			r.Prepare = func(_ context.Context, _ string, m machine.SoleMember) error {
				got = m.Before
				return errors.New("that was all")
			}
			if _, err := w.machine().Restore(t.Context(), r); err == nil || got != tt.want {
				t.Errorf("it is told %d, and should be %d (%v)", got, tt.want, err)
			}
		})
	}
}

// database writes one of etcd's with a key of that revision.
func database(t *testing.T, path string, revision int64) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Dir(path), 0o700))
	db, err := bolt.Open(path, 0o600, nil)
	must(err)
	must(db.Update(func(tx *bolt.Tx) error {
		keys, err := tx.CreateBucket([]byte("key"))
		_, err2 := tx.CreateBucket([]byte("meta"))
		must(errors.Join(err, err2))
		at := append(binary.BigEndian.AppendUint64(nil, uint64(revision)), "_\x00\x00\x00\x00\x00\x00\x00\x00"...)
		return keys.Put(at, []byte("\x0a\x01k"))
	}))
	must(db.Close())
}
