package record_test

import (
	"fmt"
	"os"
	"path/filepath"

	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/machine/record"
)

// What a unit is about to do is recorded first: after a crash it is known that it may have been done.
func Example() {
	dir, err := os.MkdirTemp("", "record")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	store := record.Store{Path: filepath.Join(dir, "etcd-0", "applied.json"), Disk: &durable.Disk{}}

	r, err := store.Load() // an empty one before the first Save
	if err != nil {
		fmt.Println(err)
		return
	}
	r.Member.StartedNew, r.Member.Token = true, "model-etcd-0"
	for range 2 {
		wrote, err := store.Save(r) // and only then is etcd started
		fmt.Println("wrote:", wrote, err)
	}

	r, err = store.Load()
	fmt.Println("started with state new:", r.Member.StartedNew, err)
	// Output:
	// wrote: true <nil>
	// wrote: false <nil>
	// started with state new: true <nil>
}
