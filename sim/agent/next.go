package agent

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"jujuetcd.io/sim/model"
)

// kind is what an operation is.
type kind string

// Kinds of operations; those of hooks are the hook's name, or its last part.
const (
	runTask          kind = "task"
	gone             kind = "gone" // nothing is left to do: the unit goes
	install          kind = "install"
	upgradeCharm     kind = "upgrade-charm"
	leaderElected    kind = "leader-elected"
	configChanged    kind = "config-changed"
	start            kind = "start"
	stop             kind = "stop"
	remove           kind = "remove"
	updateStatus     kind = "update-status"
	storageAttached  kind = "storage-attached"
	storageDetaching kind = "storage-detaching"
	relationCreated  kind = "relation-created"
	relationJoined   kind = "relation-joined"
	relationChanged  kind = "relation-changed"
	relationDeparted kind = "relation-departed"
	relationBroken   kind = "relation-broken"
	secretChanged    kind = "secret-changed"
	secretRemove     kind = "secret-remove"
	relationLeft     kind = "relation-left" // no hook: a dying unit leaves its peers' relation
)

// operation is one thing for the agent to do. It can be written down, because a failed hook outlives the agent.
type operation struct {
	Kind       kind   `json:"kind"`
	CharmURL   string `json:"charm,omitempty"`
	Config     string `json:"config,omitempty"`
	Twice      bool   `json:"twice,omitempty"` // config-changed is to run once more
	Relation   int    `json:"relation"`
	Endpoint   string `json:"endpoint,omitempty"`
	RemoteUnit string `json:"remote-unit,omitempty"`
	RemoteApp  string `json:"remote-app,omitempty"`
	Departing  string `json:"departing,omitempty"`
	Version    int    `json:"version,omitempty"`
	Peer       bool   `json:"peer,omitempty"`
	Storage    string `json:"storage,omitempty"`
	StoreName  string `json:"store-name,omitempty"`
	// Secret is an id; Version is then a revision of it.
	Secret string `json:"secret,omitempty"`
	Label  string `json:"label,omitempty"`
}

// hook is the operation's name as JUJU_HOOK_NAME.
func (o operation) hook() string {
	switch o.Kind {
	case relationLeft:
		return string(o.Kind)
	case relationCreated, relationJoined, relationChanged, relationDeparted, relationBroken:
		return o.Endpoint + "-" + string(o.Kind)
	case storageAttached, storageDetaching:
		return o.StoreName + "-" + string(o.Kind)
	}
	return string(o.Kind)
}

// relationID is the operation's relation, -1 if it is of none.
func (o operation) relationID() int {
	if o.Endpoint == "" {
		return -1
	}
	return o.Relation
}

// next is what the agent of a unit does next, if anything. It changes nothing.
func next(unit string, snap model.Snapshot, s *state, now time.Time) (operation, bool) {
	free := s.Installed && s.Failed == nil
	switch {
	case s.Removed:
		return operation{Kind: gone}, !snap.Subordinates
	case !snap.MachineStarted:
		return operation{}, false
	case free && s.Started && s.Rebooted:
		return operation{Kind: start}, true
	}
	if free && snap.Life == model.Alive {
		if op, found := nextUrgent(snap, s); found {
			return op, true
		}
	}
	switch {
	case s.Installed && len(snap.Pending) > 0:
		return operation{Kind: runTask}, true
	case s.Failed != nil:
		if snap.Resolved == model.ResolveRetry || !now.Before(s.RetryAt) {
			return *s.Failed, true
		}
		return operation{}, false
	case snap.Life != model.Alive:
		return nextOfDying(unit, snap, s), true
	}
	for _, look := range []func(model.Snapshot, *state) (operation, bool){nextOfUnit, nextOfRelations, nextOfSecrets} {
		if op, found := look(snap, s); found {
			return op, true
		}
	}
	if s.Started && !now.Before(s.NextStatus) {
		return operation{Kind: updateStatus}, true
	}
	return operation{}, false
}

// nextOfDying ends relations first, those with peers after all others, then storage, then the unit.
func nextOfDying(unit string, snap model.Snapshot, s *state) operation {
	if !s.Installed {
		return operation{Kind: gone}
	}
	ids := s.relationIDs()
	slices.SortStableFunc(ids, func(a, b int) int { return rank(s.Relations[a]) - rank(s.Relations[b]) })
	for _, id := range ids {
		return leave(id, s.Relations[id], unit)
	}
	for _, st := range snap.Storage {
		if s.Storage[st.ID] {
			return operation{Kind: storageDetaching, Storage: st.ID, StoreName: st.Name}
		}
	}
	if s.Started && !s.Stopped {
		return operation{Kind: stop}
	}
	return operation{Kind: remove}
}

func rank(r *relation) int {
	if r.Peer {
		return 1
	}
	return 0
}

// pending is the relation-changed that follows a relation-joined before anything else of that relation.
func pending(op operation, r *relation, seen map[string]int) (operation, bool) {
	for _, member := range slices.Sorted(maps.Keys(r.Members)) {
		if r.Members[member] == unseen {
			op.Kind, op.RemoteUnit, op.Version = relationChanged, member, seen[member]
			return op, true
		}
	}
	return op, false
}

// leave is the next step out of a relation: departed for each member, then broken; a peer relation does not break. An empty
// departing means the member itself.
func leave(id int, r *relation, departing string) operation {
	op := operation{Relation: id, Endpoint: r.Endpoint, RemoteApp: r.RemoteApp, Kind: relationBroken}
	if changed, found := pending(op, r, nil); found {
		return changed
	}
	if members := slices.Sorted(maps.Keys(r.Members)); len(members) > 0 {
		op.Kind, op.RemoteUnit, op.Departing = relationDeparted, members[0], cmp.Or(departing, members[0])
		return op
	}
	if r.Peer {
		op.Kind = relationLeft
	}
	return op
}

// nextUrgent goes before actions.
func nextUrgent(snap model.Snapshot, s *state) (operation, bool) {
	for _, id := range slices.Sorted(maps.Keys(snap.Relations)) {
		r := snap.Relations[id]
		if s.Relations[id] == nil && r.Life == model.Alive {
			return operation{Kind: relationCreated, Relation: id, Endpoint: r.Endpoint, RemoteApp: r.RemoteApplication, Peer: r.Peer}, true
		}
	}
	if snap.Leader && !s.Leader {
		return operation{Kind: leaderElected}, true
	}
	return operation{}, false
}

// nextOfUnit is what concerns the unit itself.
func nextOfUnit(snap model.Snapshot, s *state) (operation, bool) {
	for _, st := range snap.Storage {
		if !s.Storage[st.ID] {
			return operation{Kind: storageAttached, Storage: st.ID, StoreName: st.Name}, true
		}
	}
	switch {
	case !s.Installed:
		return operation{Kind: install, CharmURL: snap.CharmURL, Version: snap.ResourceVersion}, true
	case s.CharmURL != snap.CharmURL || s.Resources != snap.ResourceVersion:
		return operation{Kind: upgradeCharm, CharmURL: snap.CharmURL, Version: snap.ResourceVersion}, true
	case s.Config != configKey(snap):
		return operation{Kind: configChanged, Config: configKey(snap), Twice: snap.ConfigTwice && s.reconfigured(snap)}, true
	case s.Again:
		return operation{Kind: configChanged, Config: configKey(snap)}, true
	case !s.Started:
		return operation{Kind: start}, true
	}
	return operation{}, false
}

func nextOfRelations(snap model.Snapshot, s *state) (operation, bool) {
	for _, id := range s.relationIDs() {
		seen, known := snap.Relations[id]
		mine := s.Relations[id]
		if !known || seen.Life != model.Alive {
			return leave(id, mine, ""), true
		}
		hears := func(member string) bool { return s.hears(seen, member, snap.SilentDepartures) }
		if op, found := nextOfRelation(seen, mine, snap.Leader && !snap.TellsLeader, hears); found {
			return op, true
		}
	}
	return operation{}, false
}

// nextOfRelation has Juju's order: a pending changed, departed, changed of the application, joined, changed. Who knowsOwn is not told
// of what peers share, as it has written that.
func nextOfRelation(seen model.RelationSnapshot, mine *relation, knowsOwn bool, hears func(member string) bool) (operation, bool) {
	op := operation{Relation: seen.ID, Endpoint: seen.Endpoint, RemoteApp: seen.RemoteApplication}
	if changed, found := pending(op, mine, seen.Members); found {
		return changed, true
	}
	for _, member := range slices.Sorted(maps.Keys(mine.Members)) {
		if _, there := seen.Members[member]; !there && hears(member) {
			op.Kind, op.RemoteUnit, op.Departing = relationDeparted, member, member
			return op, true
		}
	}
	if seen.ApplicationVersion != mine.AppVersion && !(seen.Peer && knowsOwn) {
		op.Kind, op.Version = relationChanged, seen.ApplicationVersion
		return op, true
	}
	members := slices.Sorted(maps.Keys(seen.Members))
	for _, member := range members {
		if _, joined := mine.Members[member]; !joined {
			op.Kind, op.RemoteUnit, op.Version = relationJoined, member, seen.Members[member]
			return op, true
		}
	}
	for _, member := range members {
		if mine.Members[member] != seen.Members[member] {
			op.Kind, op.RemoteUnit, op.Version = relationChanged, member, seen.Members[member]
			return op, true
		}
	}
	return operation{}, false
}

// nextOfSecrets tells once of each revision.
func nextOfSecrets(snap model.Snapshot, s *state) (operation, bool) {
	for _, n := range snap.Changed {
		if s.Secrets[n.ID] < n.Revision {
			return operation{Kind: secretChanged, Secret: n.ID, Label: n.Label, Version: n.Revision}, true
		}
	}
	for _, n := range snap.Obsolete {
		if !s.Obsolete[revisionKey(n.ID, n.Revision)] {
			return operation{Kind: secretRemove, Secret: n.ID, Label: n.Label, Version: n.Revision}, true
		}
	}
	return operation{}, false
}

func revisionKey(secret string, revision int) string { return fmt.Sprintf("%s/%d", secret, revision) }

// Backoff of a failed hook.
const (
	firstRetry = 5 * time.Second
	lastRetry  = 5 * time.Minute
)

func retryAfter(attempts int) time.Duration {
	d := firstRetry
	for i := 1; i < attempts && d < lastRetry; i++ {
		d *= 2
	}
	return min(d, lastRetry)
}
