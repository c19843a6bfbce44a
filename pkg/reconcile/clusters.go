package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"jujuetcd.io/pkg/reconcile/registry"
)

// clusters are the applications that are looked at, in all models: our clusters, and those that may
// become so. It is safe for concurrent use.
type clusters struct {
	cfg     Config
	wakeups wakeups[ClusterKey] // of the cluster controller

	mu   sync.Mutex
	kept map[ClusterKey]*cluster
}

func newClusters(cfg Config) *clusters {
	return &clusters{cfg: cfg, kept: map[ClusterKey]*cluster{}}
}

// ensure keeps a cluster for the application, if it is not kept already. Its prober ends with ctx.
func (s *clusters) ensure(ctx context.Context, m *model, application string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := ClusterKey{m.Name(), application}
	if s.kept[key] != nil || ctx.Err() != nil {
		return
	}
	s.kept[key] = newCluster(ctx, s.cfg, m, key, func() { s.wakeups.add(key) })
}

// forget drops a cluster whose application has gone, and all that is known of it.
func (s *clusters) forget(c *cluster) {
	s.mu.Lock()
	delete(s.kept, c.key)
	s.mu.Unlock()
	c.close()
	c.model.source.Settled(c.key.Application)
	s.cfg.Registry.Retain(c.key.Model, func(name string) bool { return name != c.key.Application },
		func(name string) bool { return UnitKey{c.key.Model, name}.cluster() != c.key })
	forgetMetrics(c.key)
	if len(s.of(c.key.Model)) == 0 {
		c.model.health.forgetClusters()
	}
}

// get is the cluster with that key; nil for none.
func (s *clusters) get(key ClusterKey) *cluster {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[key]
}

func (s *clusters) all() []*cluster {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.kept))
}

// of are the clusters of one model.
func (s *clusters) of(model string) []*cluster {
	return slices.DeleteFunc(s.all(), func(c *cluster) bool { return c.key.Model != model })
}

// find is the one cluster that a person means.
func (s *clusters) find(ref registry.Ref) (*cluster, error) {
	found := slices.DeleteFunc(s.all(), func(c *cluster) bool {
		return !registry.Matches(ref, registry.Ref{Model: c.key.Model, Name: c.key.Application})
	})
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("there is no cluster %q: see jujuetcd get clusters", ref.Name)
	case len(found) > 1:
		return nil, errors.New("several clusters match: name the application, and the model with --model")
	}
	return found[0], nil
}

func (s *clusters) wakeAll() {
	for _, c := range s.all() {
		s.wakeups.add(c.key)
	}
}

// jujuHealthChanged records, and has shown, what a model's trouble with Juju is now; nil for none.
func (s *clusters) jujuHealthChanged(model string, trouble *Trouble) {
	if trouble != nil {
		s.recordJuju(model, trouble.Kind, trouble.Message)
	} else {
		s.recordJuju(model, "Answers", "")
	}
}

// jujuAddressChanged is the same for where Juju answers, if that is not configured.
func (s *clusters) jujuAddressChanged(model, message string) {
	if message != "" {
		s.recordJuju(model, ReasonOtherAddress, message)
	} else {
		s.recordJuju(model, "Answers", "")
	}
}

func (s *clusters) recordJuju(model, reason, message string) {
	for _, c := range s.of(model) {
		c.reporter.record(registry.RecordJuju, c.key.Application, reason, message)
		s.wakeups.add(c.key)
	}
}

// close ends the probers, and the connections to etcd.
func (s *clusters) close() {
	for _, c := range s.all() {
		c.close()
	}
}
