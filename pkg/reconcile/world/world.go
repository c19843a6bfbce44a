// Package world names the two outside worlds as the loops see them: Juju and etcd. The daemon gives
// them the real ones (pkg/jujuapi and pkg/etcdops), a simulation gives them its own; observer and
// actor cannot tell.
//
// Credentials hold a private key: they live in memory only, and print as a fingerprint.
package world

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
)

// Juju is one model of a Juju controller. Implementations are safe for concurrent use.
type Juju interface {
	// Snapshot is the model as it is now; the caller must not change it.
	Snapshot(ctx context.Context) (*jujuapi.Model, error)
	// UnitsInfo reports all units of an application, with their relation data.
	UnitsInfo(ctx context.Context, application string) ([]jujuapi.UnitInfo, error)
	// Options are the application's configuration options by name.
	Options(ctx context.Context, application string) (map[string]jujuapi.Option, error)
	// Tasks are the tasks of the application's units that are not final, whatever action they run,
	// in Juju's order.
	Tasks(ctx context.Context, application string) ([]jujuapi.Task, error)
	// Task is one task with its output.
	Task(ctx context.Context, id string) (jujuapi.Task, error)
	// Enqueue queues an action on a unit and returns its task.
	Enqueue(ctx context.Context, unit, action string, params map[string]any) (jujuapi.Task, error)
	// ExposeTo adds CIDRs to what an endpoint of the application is exposed to.
	ExposeTo(ctx context.Context, application, endpoint string, cidrs []string) error
}

// Etcd is one cluster, reached with one set of credentials. Implementations are safe for concurrent
// use.
type Etcd interface {
	// Look is one look at the cluster: the member list, and the health of members' client URLs and
	// of the endpoints given.
	Look(ctx context.Context, endpoints []string) etcdops.View
	// Do makes a change. v is the view that it was decided on.
	Do(ctx context.Context, v etcdops.View, c etcdops.Change) error
	// Under does what may be done only by the holder of the cluster's lock key, as etcdops.Under
	// does.
	Under(ctx context.Context, h etcdops.Hold, do func(ctx context.Context) error) error
	// Close ends all connections; the value is not used afterwards.
	Close()
}

// Dial makes an Etcd for credentials. Empty credentials give one that cannot ask etcd anything but
// shows whether something that speaks TLS answers at an endpoint. Dial does not wait for a
// connection.
type Dial func(Credentials) (Etcd, error)

// Keys are the daemon's own keys for one cluster, and what last opened its door. They are kept
// where only the daemon can read.
type Keys interface {
	// Requests are the certificate signing requests that a provider who signs should see now, the
	// same texts until a renewal.
	Requests(now time.Time, commonName string) ([]string, error)
	// Signed are the credentials that the answers to the requests give; empty while there is no
	// answer.
	Signed(answers []v1alpha1.SignedRequest, bundle string) (Credentials, error)
	// Keep remembers credentials that are in use, and Kept returns them after a restart.
	Keep(c Credentials) error
	Kept() (Credentials, error)
}

// Credentials are a client certificate with its key, and the certificates that servers are verified
// with, as PEM.
type Credentials struct {
	CA   string
	Cert string
	Key  string
}

// Empty says that there is no client certificate.
func (c Credentials) Empty() bool { return c.CA == "" || c.Cert == "" || c.Key == "" }

// String is a fingerprint: credentials are never printed.
func (c Credentials) String() string {
	if c.Empty() {
		return "no credentials"
	}
	sum := sha256.Sum256([]byte(c.CA + "\x00" + c.Cert + "\x00" + c.Key))
	return "credentials " + hex.EncodeToString(sum[:4])
}

// GoString is String: %#v must not print a key either.
func (c Credentials) GoString() string { return c.String() }

// MarshalJSON refuses to be a way out for the key.
func (c Credentials) MarshalJSON() ([]byte, error) { return []byte(`"` + c.String() + `"`), nil }
