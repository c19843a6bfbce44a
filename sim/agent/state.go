package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/sim/model"
)

// state is what the agent has done for its unit.
type state struct {
	CharmURL  string            `json:"charm,omitempty"`
	Resources int               `json:"resources,omitempty"` // the version that the charm was told of
	Installed bool              `json:"installed"`
	Started   bool              `json:"started"`
	Stopped   bool              `json:"stopped"`
	Rebooted  bool              `json:"rebooted,omitempty"` // start is to run once more
	Removed   bool              `json:"removed"`
	Leader    bool              `json:"leader"`
	Config    string            `json:"config,omitempty"`
	Again     bool              `json:"again,omitempty"` // config-changed has run, and is to run once more
	Relations map[int]*relation `json:"relations,omitempty"`
	Storage   map[string]bool   `json:"storage,omitempty"`
	// Secrets are the revisions that secret-changed has told of, by secret; Obsolete those that secret-remove has.
	Secrets  map[string]int  `json:"secrets,omitempty"`
	Obsolete map[string]bool `json:"obsolete,omitempty"`
	// Failed is the hook that failed last, and Attempts how often it did.
	Failed   *operation `json:"failed,omitempty"`
	Attempts int        `json:"attempts,omitempty"`
	// Mended are the peers, by relation and name, that have gone without a departed hook and are to have it now: whoever starts, or
	// has its charm upgraded, finds out.
	Mended map[int]map[string]bool `json:"-"`
	// NextStatus is when update-status is due; not kept over a restart.
	NextStatus time.Time `json:"-"`
	// RetryAt is when the failed hook is tried again; a new agent tries at once.
	RetryAt time.Time `json:"-"`
}

// relation is what the agent has done for one relation.
type relation struct {
	Endpoint  string `json:"endpoint"`
	RemoteApp string `json:"remote-app"`
	Peer      bool   `json:"peer,omitempty"`
	// Members are the remote units that have joined, with the version of the databag that the charm has seen; unseen after joined.
	Members map[string]int `json:"members"`
	// AppVersion is the version of the remote application's databag that the charm has seen.
	AppVersion int `json:"app-version"`
}

// unseen is the version of a databag of which relation-changed is still to be told.
const unseen = -1

func newState() *state {
	return &state{Relations: map[int]*relation{}, Storage: map[string]bool{}, Secrets: map[string]int{}, Obsolete: map[string]bool{}}
}

// configKey changes when config-changed is due.
func configKey(s model.Snapshot) string {
	return fmt.Sprintf("%d %s", s.ConfigVersion, strings.Join(s.Addresses, " "))
}

// reconfigured says that options have changed since config-changed ran: a charm that is new, or was
// upgraded, or is told of addresses, has it once.
func (s *state) reconfigured(snap model.Snapshot) bool {
	ran, _, _ := strings.Cut(s.Config, " ")
	now, _, _ := strings.Cut(configKey(snap), " ")
	return s.Started && ran != "" && ran != now
}

// done takes an operation that ended well into the state.
func (s *state) done(op operation) {
	s.Failed, s.Attempts = nil, 0
	rel := s.Relations[op.Relation]
	switch op.Kind {
	case install:
		s.Installed, s.CharmURL, s.Resources = true, op.CharmURL, op.Version
	case upgradeCharm:
		s.CharmURL, s.Resources = op.CharmURL, op.Version
		s.Config, s.Again = "", false // config-changed follows
	case leaderElected:
		s.Leader = true
	case configChanged:
		s.Config, s.Again = op.Config, op.Twice
	case start:
		s.Started, s.Rebooted = true, false
	case stop:
		s.Stopped = true
	case remove:
		s.Removed = true
	case storageAttached:
		s.Storage[op.Storage] = true
	case storageDetaching:
		delete(s.Storage, op.Storage)
	case secretChanged:
		s.Secrets[op.Secret] = op.Version
	case secretRemove:
		s.Obsolete[revisionKey(op.Secret, op.Version)] = true
	case relationCreated:
		s.Relations[op.Relation] = &relation{Endpoint: op.Endpoint, RemoteApp: op.RemoteApp, Peer: op.Peer, Members: map[string]int{}}
	case relationBroken, relationLeft:
		delete(s.Relations, op.Relation)
	case relationJoined:
		rel.Members[op.RemoteUnit] = unseen
	case relationDeparted:
		delete(rel.Members, op.RemoteUnit)
	case relationChanged:
		if op.RemoteUnit == "" {
			rel.AppVersion = op.Version
		} else {
			rel.Members[op.RemoteUnit] = op.Version
		}
	}
}

// mend has the hooks run that were left out when peers have gone.
func (s *state) mend(snap model.Snapshot) {
	s.Mended = map[int]map[string]bool{}
	for id, mine := range s.Relations {
		s.Mended[id] = map[string]bool{}
		for member := range mine.Members {
			if _, there := snap.Relations[id].Members[member]; !there {
				s.Mended[id][member] = true
			}
		}
	}
}

// hears says that the unit is told of a member of a relation that has gone.
func (s *state) hears(r model.RelationSnapshot, member string, silent bool) bool {
	return !silent || !r.Peer || s.Mended[r.ID][member]
}

func (s *state) relationIDs() []int { return slices.Sorted(maps.Keys(s.Relations)) }

func readState(path string) (*state, error) {
	s := newState()
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(data, s)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the agent's state: %w", err)
	}
	return s, nil
}

func (s *state) write(path string) error {
	data, err := json.Marshal(s)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path+".new", data, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("cannot write the agent's state: %w", err)
	}
	return nil
}
