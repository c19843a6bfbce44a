package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/memory"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/observe"
	"jujuetcd.io/pkg/reconcile/planner"
)

// Look looks once at every cluster of a model, plans, and changes nothing. Without an identity in cfg.Self the plan is the
// one of whoever holds the cluster's epoch. History begins with this look.
func Look(ctx context.Context, m Model, cfg Config) ([]v1alpha1.EtcdCluster, error) {
	examined, err := Examine(ctx, m, cfg)
	if err != nil {
		return nil, err
	}
	var clusters []v1alpha1.EtcdCluster
	for _, e := range examined {
		if !runsOurCharm(e.Observation) && len(e.Observation.Blind) == 0 {
			continue
		}
		clusters = append(clusters, v1alpha1.EtcdCluster{
			TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.KindEtcdCluster},
			ObjectMeta: metav1.ObjectMeta{Namespace: m.Name(), Name: e.Name},
			Spec:       e.Observation.Policy, Status: planner.Status(e.Observation),
		})
	}
	return clusters, nil
}

// Examination is one look at one application.
type Examination struct {
	Name        string
	Observation observation.Observation
}

// Examine looks once at every application of a model that may be one of ours, those included whose units have published
// nothing yet.
func Examine(ctx context.Context, m Model, cfg Config) ([]Examination, error) {
	snapshot, err := m.Juju.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot read model %s: %w", m.Name(), err)
	}
	var examined []Examination
	for _, name := range slices.Sorted(maps.Keys(snapshot.Applications)) {
		if !mayRunOurCharm(snapshot.Applications[name]) {
			continue
		}
		obs, err := lookAt(ctx, m, cfg, name)
		if errors.Is(err, observe.ErrGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		examined = append(examined, Examination{Name: name, Observation: obs})
	}
	return examined, nil
}

func lookAt(ctx context.Context, m Model, cfg Config, application string) (observation.Observation, error) {
	o := observe.New(observe.Config{
		Application: application, Self: cfg.Self, Juju: m.Juju, Dial: cfg.Dial, Memory: memory.New(), Now: time.Now,
		Policy:   func() v1alpha1.EtcdClusterSpec { return cfg.Policies.Spec(m.Name(), application) },
		TakeOver: cfg.TakeOver, Local: m.local, Keys: cfg.keys(m.Ref.UUID, application),
	})
	defer o.Close()
	obs, err := o.Observe(ctx, true)
	if err != nil {
		return obs, err
	}
	switch epoch := obs.Latch.Epoch; {
	case obs.Self == "" && epoch != nil:
		obs.Self, obs.Claimed = epoch.Holder, epoch.Number
	case obs.Self == "":
		obs.Self = "the next daemon"
	case epoch != nil && epoch.Holder == obs.Self:
		obs.Claimed = epoch.Number
	}
	return obs, nil
}
