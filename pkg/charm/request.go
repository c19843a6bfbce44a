package charm

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"jujuetcd.io/pkg/charm/dispatch"
)

// Keys of the request and answer pattern of charms.reactive, which the relations to Prometheus and
// Grafana speak: a request is one key in the unit's databag, and its answer one in that of a remote
// unit.
const (
	requestPrefix  = "request_"
	responsePrefix = "response_"
)

// requestSpace is the namespace of request ids: they are version 5 UUIDs in it, and so stay the
// same through a restart, a change of leadership and a refresh of the charm. The other end tells
// requests apart by their id alone.
var requestSpace = uuid.MustParse("5f4f5f0e-5b0a-5c63-9b36-3c1f6a6f2d0e")

// requestID is the id of the request that these parts name within a model.
func (a *Agent) requestID(parts ...string) string {
	return uuid.NewSHA1(requestSpace, []byte(strings.Join(append([]string{a.run.Env.ModelUUID}, parts...), "\n"))).String()
}

// wanted is one request, and its id.
type wanted struct {
	id   string
	body any
}

// setRequest makes the one request, or none where it is nil, be all that the unit asks for in a
// relation. What else it asked for, for example by a charm before this one or while it led, is
// withdrawn.
func (a *Agent) setRequest(ctx context.Context, relation string, want *wanted) error {
	bag, err := a.run.Tools.Relation(ctx, relation, a.run.Env.Unit)
	if err != nil {
		return err
	}
	asks := map[string]string{}
	for key := range bag {
		if strings.HasPrefix(key, requestPrefix) {
			asks[key] = ""
		}
	}
	if want != nil {
		text, err := json.Marshal(want.body)
		if err != nil {
			return fmt.Errorf("cannot encode the request of relation %s: %w", relation, err)
		}
		asks[requestPrefix+want.id] = string(text)
	}
	diff := dispatch.Changes(bag, asks)
	if len(diff) == 0 {
		return nil
	}
	if err := a.run.Tools.SetRelation(ctx, relation, diff); err != nil {
		return err
	}
	a.run.Log.Info("Changed requests", "relation", relation, "keys", slices.Sorted(maps.Keys(diff)))
	return nil
}

// logRefusal logs why the other end could not do what was asked for, in the hook that it says so
// in: etcd lacks nothing, so no status reports it.
func (a *Agent) logRefusal(ctx context.Context, relation, id string) error {
	if a.run.Env.RelationID != relation || !strings.HasSuffix(a.run.Env.Name, "-relation-changed") {
		return nil
	}
	units, err := a.run.Tools.RelationUnits(ctx, relation)
	if err != nil {
		return err
	}
	for _, unit := range units {
		bag, err := a.run.Tools.Relation(ctx, relation, unit)
		if err != nil {
			return err
		}
		var answer struct {
			Success *bool  `json:"success"`
			Reason  string `json:"reason"`
		}
		if json.Unmarshal([]byte(bag[responsePrefix+id]), &answer) != nil || answer.Success == nil || *answer.Success {
			continue
		}
		a.run.Log.Error(fmt.Errorf("it says: %s", answer.Reason), unit+" could not do what was asked for", "relation", relation)
	}
	return nil
}
