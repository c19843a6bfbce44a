package record

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"jujuetcd.io/pkg/machine/durable"
)

// FuzzRecord: a record that can be read is the same after it was saved, and one that cannot is not taken for a fresh unit's.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"epoch":{"number":4,"holder":"d"},"action":7,"hash":"x","member":{"started":true,"memberID":"a1"},"spec":{"unit":"etcd/0"}}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`{"spec":null,"member":null}`))
	f.Add([]byte(``))
	path := filepath.Join(f.TempDir(), "record")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		store := Store{Path: path, Disk: &durable.Disk{}}
		first, err := store.Load()
		if err != nil {
			if !reflect.DeepEqual(first, Record{}) {
				t.Errorf("half a record beside an error: %+v", first)
			}
			return
		}
		if _, err := store.Save(first); err != nil {
			return // a time that JSON cannot have
		}
		again, err := store.Load()
		if err != nil {
			t.Fatalf("what was saved cannot be read: %v", err)
		}
		if wrote, err := store.Save(again); err != nil || wrote {
			t.Errorf("the same record is written twice: %v", err)
		}
		first.Token()
	})
}
