package jujuapi

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"time"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// Hint says that it is time to look at the model. It is never the truth about anything.
type Hint struct {
	// Push says that more hints will come when more changes: nobody needs to poll. Without it there
	// is no feed (any more).
	Push bool
	// Own says that what happened looks like our own doing, an agent that begins or ends our
	// action: worth a look some time.
	Own bool
	// Reason names what has changed, or why there is no feed.
	Reason string
}

// filter turns deltas into hints. It remembers a digest of each entity, without the times in it,
// because Juju reports an entity again when nothing but a time has moved.
//
// A unit's agent is another matter: each hook that ran has moved the time since when it is idle,
// and a hook is the only sign that a databag has changed. Deltas are merged by the controller while
// we do not listen, so that the agent's last word may stand for several hooks: whatever it says
// that it did not say before is a hint. That it begins or ends our own action is a weaker one, and
// not none, because a hook may be hidden behind it.
type filter struct {
	// own is what an agent says of itself while it runs our action.
	own     string
	digests map[string][sha256.Size]byte
	agents  map[string]agentStatus
}

type agentStatus struct {
	current, message string
	since            time.Time
}

func newFilter(action string) *filter {
	return &filter{own: "running action " + action, digests: map[string][sha256.Size]byte{}, agents: map[string]agentStatus{}}
}

// entity has what identifies an entity of any kind that matters, and a unit's agent.
type entity struct {
	Name      string          `json:"name"`
	ID        json.RawMessage `json:"id"`
	Key       string          `json:"key"`
	CharmURL  string          `json:"charm-url"`
	ModelUUID string          `json:"model-uuid"`
	Agent     wire.StatusInfo `json:"agent-status"`
}

var watchedKinds = []string{wire.KindModel, wire.KindApplication, wire.KindRemoteApplication, wire.KindUnit, wire.KindMachine,
	wire.KindRelation, wire.KindCharm}

// hear takes deltas in, and returns the hint that is in them, if there is one.
func (f *filter) hear(deltas []wire.Delta) (Hint, bool) {
	var hint Hint
	for _, d := range deltas {
		if !slices.Contains(watchedKinds, d.Kind) {
			continue
		}
		var e entity
		if json.Unmarshal(d.Entity, &e) != nil {
			return Hint{Push: true, Reason: d.Kind}, true // Not understood: look.
		}
		name := d.Kind + " " + e.identity(d.Kind)
		changed, own := f.learn(d, name, e)
		switch {
		case !changed:
		case own && hint.Reason == "":
			hint = Hint{Push: true, Own: true, Reason: name}
		case !own && (hint.Reason == "" || hint.Own):
			hint = Hint{Push: true, Reason: name}
		}
	}
	return hint, hint.Reason != ""
}

func (e entity) identity(kind string) string {
	switch kind {
	case wire.KindModel:
		return e.ModelUUID
	case wire.KindCharm:
		return e.CharmURL
	case wire.KindRelation:
		return e.Key
	}
	return cmp.Or(e.Name, string(e.ID))
}

// learn files an entity, and says whether it differs from what was known, and whether that may be
// our own doing.
func (f *filter) learn(d wire.Delta, name string, e entity) (changed, own bool) {
	if d.Removed {
		_, known := f.digests[name]
		delete(f.digests, name)
		delete(f.agents, name)
		return known, false
	}
	digest := digestOf(d)
	known, there := f.digests[name]
	f.digests[name] = digest
	if d.Kind != wire.KindUnit {
		return !there || known != digest, false
	}
	before, now := f.agents[name], agentStatus{current: e.Agent.Current, message: e.Agent.Message}
	if e.Agent.Since != nil {
		now.since = *e.Agent.Since
	}
	f.agents[name] = now
	switch {
	case !there || known != digest:
		return true, false
	case before == now:
		return false, false
	}
	begun := before.current == "idle" && now.message == f.own
	ended := before.message == f.own && now.current == "idle"
	return true, begun || ended
}

// digestOf is of an entity without times, and of a unit without its agent.
func digestOf(d wire.Delta) [sha256.Size]byte {
	var content any
	if json.Unmarshal(d.Entity, &content) != nil {
		return sha256.Sum256(d.Entity)
	}
	if fields, ok := content.(map[string]any); ok && d.Kind == wire.KindUnit {
		delete(fields, "agent-status")
	}
	timeless(content)
	data, _ := json.Marshal(content) // What was decoded encodes.
	return sha256.Sum256(data)
}

// timeless drops the times since when something is.
func timeless(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "since")
		for _, x := range v {
			timeless(x)
		}
	case []any:
		for _, x := range v {
			timeless(x)
		}
	}
}
