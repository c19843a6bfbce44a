package dispatch

import (
	"context"
	"encoding/json"
	"maps"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// Published are the unit's facts as Juju has them.
type Published struct {
	// Relation is the peer relation; empty before Juju has made it, and after it is gone.
	Relation string
	// Facts are empty where there are none, or none that can be read.
	Facts v1alpha1.UnitFacts

	bag map[string]string
}

// Published reads the unit's facts in the peer databag.
func (r *Run) Published(ctx context.Context) (Published, error) {
	id, err := r.Peers(ctx)
	if err != nil || id == "" {
		return Published{}, err
	}
	bag, err := r.Tools.Relation(ctx, id, r.Env.Unit)
	if err != nil {
		return Published{}, err
	}
	return published(id, bag), nil
}

func published(relation string, bag map[string]string) Published {
	p := Published{Relation: relation, bag: bag}
	_ = json.Unmarshal([]byte(p.text()), &p.Facts)
	return p
}

func (p Published) text() string { return p.bag[v1alpha1.FactsKey] }

// None says that the unit has published nothing to its peers yet.
func (p Published) None() bool { return p.text() == "" }

// Differ says that the facts are not those that are published.
func (p Published) Differ(facts v1alpha1.UnitFacts) bool { return p.text() != encode(facts) }

func encode(facts v1alpha1.UnitFacts) string {
	// The types hold only strings, numbers, booleans, times and slices of them: they always encode.
	text, _ := json.Marshal(facts)
	return string(text)
}

// Publish writes facts into the peer databag, and what is to stand beside them, where they differ.
// Other keys stay. Without a peer relation it does nothing.
func (r *Run) Publish(ctx context.Context, p Published, facts v1alpha1.UnitFacts, beside map[string]string) error {
	if p.Relation == "" {
		return nil
	}
	want := map[string]string{v1alpha1.FactsKey: encode(facts)}
	maps.Copy(want, beside)
	diff := Changes(p.bag, want)
	if len(diff) == 0 {
		return nil
	}
	if v := version(facts); v != "" && v != version(p.Facts) {
		if err := r.Tools.SetVersion(ctx, v); err != nil {
			return err
		}
	}
	return r.Tools.SetRelation(ctx, p.Relation, diff)
}

// version is etcd's version as the snap has it.
func version(facts v1alpha1.UnitFacts) string {
	if facts.Snap == nil {
		return ""
	}
	return facts.Snap.Version
}
