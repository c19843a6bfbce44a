package reconcile

import (
	"strings"
)

// ClusterKey names a cluster: a model (owner/name) and an application.
type ClusterKey struct{ Model, Application string }

// String is for logs.
func (k ClusterKey) String() string { return k.Model + ":" + k.Application }

// UnitKey names a unit: a model (owner/name) and a unit.
type UnitKey struct{ Model, Unit string }

// String is for logs.
func (k UnitKey) String() string { return k.Model + ":" + k.Unit }

func (k UnitKey) cluster() ClusterKey {
	application, _, _ := strings.Cut(k.Unit, "/")
	return ClusterKey{k.Model, application}
}
