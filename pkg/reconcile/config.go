package reconcile

import (
	"time"

	"github.com/go-logr/logr"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/registry"
	"jujuetcd.io/pkg/reconcile/world"
)

// Policies are the clusters' policies, from files.
type Policies interface {
	// Spec is the policy for a cluster, defaults filled in: the last good one where its file has
	// become bad.
	Spec(model, application string) v1alpha1.EtcdClusterSpec
	// Fault is what is wrong with the cluster's file now, or empty.
	Fault(model, application string) string
}

// Config is what a Daemon is made of. Self, Registry, Policies and Dial are needed.
type Config struct {
	// Self is the daemon's stable identity.
	Self     string
	TakeOver bool
	Registry *registry.Registry
	Policies Policies
	Dial     world.Dial
	Log      logr.Logger
	// Keys are the daemon's own keys for a cluster; nil for who only looks.
	Keys func(modelUUID, application string) world.Keys
	// ProbeEvery is the time between two looks at a cluster's health; default 1 s.
	ProbeEvery time.Duration
	// GrantEvery is the time between two questions whether the user may still change a model that
	// nothing is changed in; default 1 min.
	GrantEvery time.Duration
	// MetricsAddress serves /metrics, /healthz and /readyz; "0", the default, serves nothing.
	MetricsAddress string
}

func (c Config) withDefaults() Config {
	if c.ProbeEvery == 0 {
		c.ProbeEvery = time.Second
	}
	if c.GrantEvery == 0 {
		c.GrantEvery = time.Minute
	}
	if c.MetricsAddress == "" {
		c.MetricsAddress = "0"
	}
	return c
}

func (c Config) keys(modelUUID, application string) world.Keys {
	if c.Keys == nil {
		return nil
	}
	return c.Keys(modelUUID, application)
}
