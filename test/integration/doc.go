// Package integration holds the tests of the whole product: jujusim, jujuetcd and the charm as processes, real etcd servers,
// real TLS, the real wire. They need what `make build charm` makes, and run with
//
//	go test -tags integration -v ./test/integration/...
//
// Each prints what it measured. Nothing is left behind, whether it passes or fails.
package integration
