package keyring_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"jujuetcd.io/pkg/reconcile/keyring"
	"jujuetcd.io/pkg/reconcile/world"
)

// A daemon asks for a certificate, is restarted, and asks with the same request. What let it in once is there after the next restart.
func Example() {
	stateDir, err := os.MkdirTemp("", "keyring")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(stateDir)
	ring := keyring.Ring{
		Dir: filepath.Join(stateDir, "clusters"),
		Write: func(path, text string) error { // the daemon's own survives a power cut
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				return err
			}
			return os.WriteFile(path, []byte(text), 0o600)
		},
	}
	const model, application, commonName = "5f2b9a0e-0c1d-4f7a-8b63-2f0e9d4c1a77", "etcd", "jujuetcd-etcd"

	keys := ring.For(model, application)
	requests, err := keys.Requests(time.Now(), commonName)
	fmt.Println("requests:", len(requests), err)

	keys = ring.For(model, application) // the next process
	again, err := keys.Requests(time.Now(), commonName)
	fmt.Println("the same:", slices.Equal(requests, again), err)

	credentials, err := keys.Signed(nil, "") // what the provider has answered, and whom members trust
	fmt.Println("not signed yet:", credentials.Empty(), err)

	fmt.Println("kept:", keys.Keep(world.Credentials{CA: "ca", Cert: "certificate", Key: "key"}))
	credentials, err = ring.For(model, application).Kept()
	fmt.Println("there again:", !credentials.Empty(), err)
	// Output:
	// requests: 1 <nil>
	// the same: true <nil>
	// not signed yet: true <nil>
	// kept: <nil>
	// there again: true <nil>
}
