package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Defaults of a cluster's policy.
const (
	DefaultBootstrapGrace     = time.Minute
	DefaultGrowthLagLimit     = 1000
	DefaultGrowthStable       = 5 * time.Second
	DefaultGrowthStallTimeout = 5 * time.Minute
	DefaultRemovalGrace       = 5 * time.Minute
	DefaultSnapshotsKept      = 7
)

// SetDefaults fills in what is not set. The schema in config/crd states the same defaults; a test holds them together.
func (s *EtcdClusterSpec) SetDefaults() {
	defaultDuration(&s.Bootstrap.Grace, DefaultBootstrapGrace)
	defaultDuration(&s.Growth.Stable, DefaultGrowthStable)
	defaultDuration(&s.Growth.StallTimeout, DefaultGrowthStallTimeout)
	defaultDuration(&s.Removal.Grace, DefaultRemovalGrace)
	if s.Growth.LagLimit == 0 {
		s.Growth.LagLimit = DefaultGrowthLagLimit
	}
	if s.Snapshots.Keep == 0 {
		s.Snapshots.Keep = DefaultSnapshotsKept
	}
	if store := s.Snapshots.Store; store != nil && store.Credentials == "" {
		store.Credentials = StoreRelation
	}
}

func defaultDuration(d *metav1.Duration, value time.Duration) {
	if d.Duration == 0 {
		d.Duration = value
	}
}
