package charm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/actions"
	"jujuetcd.io/pkg/charm/certificates"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/machine/nagios"
	"jujuetcd.io/pkg/machine/record"
)

// Machine is what the charm needs of the unit's machine; a *machine.Machine is one, whose methods
// say more.
type Machine interface {
	actions.Machine
	certificates.Machine
	Apply(ctx context.Context, spec *v1alpha1.EtcdUnitSpec, s machine.Situation) v1alpha1.EtcdUnitStatus
	TakeWords(ctx context.Context, spec *v1alpha1.EtcdUnitSpec, s machine.Situation) v1alpha1.EtcdUnitStatus
	DeliveredWords() (*v1alpha1.StatusSpec, error)
	Refused(ctx context.Context) []string
	Leave(ctx context.Context) error
	UnfinishedRestore() (*record.Restore, error)
	ForgetRestore() error
	UnlatchedV2() (*record.V2, error)
	ForgetV2() error
	DropStaged() error
	ClearDrill() error
	ClearRestore(ctx context.Context) error
	WriteChecks(ctx context.Context, checks nagios.Checks) ([]string, error)
	RemoveChecks(ctx context.Context) ([]string, error)
}

// connect is the unit's way to its cluster, with its client certificate.
func connect(c machine.Credentials) (Cluster, error) {
	if !complete(c) {
		return nil, errors.New("cannot reach etcd: the unit has no client certificate")
	}
	pair, err := tls.X509KeyPair([]byte(c.Certificate), []byte(c.Key))
	if err != nil {
		return nil, fmt.Errorf("cannot reach etcd: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(c.CA))
	return etcdops.NewPool(&tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, MinVersion: tls.VersionTLS12}), nil
}

// complete says that nothing is missing of what a client needs.
func complete(c machine.Credentials) bool { return c.CA != "" && c.Certificate != "" && c.Key != "" }
