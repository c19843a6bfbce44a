package snapd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// state is what survives a restart.
type state struct {
	Snaps      map[string]*snap `json:"snaps"`
	Config     map[string]any   `json:"config"`
	Changes    []*change        `json:"changes"`
	LastChange int              `json:"last-change"`
	LastTask   int              `json:"last-task"`
}

// snap is one installed snap.
type snap struct {
	Name      string     `json:"name"`
	Current   string     `json:"current"`
	Revisions []revision `json:"revisions"` // in the order of their installation
	Tracking  string     `json:"tracking,omitempty"`
	Disabled  bool       `json:"disabled,omitempty"`
	Hold      *time.Time `json:"hold,omitempty"`
	Installed time.Time  `json:"installed"`
	LastLocal int        `json:"last-local,omitempty"`
}

// revision is one revision of a snap on the machine.
type revision struct {
	Name    string   `json:"name"` // x1, 30616
	Version string   `json:"version"`
	Channel string   `json:"channel,omitempty"` // where it came from; empty for a local one
	Apps    []string `json:"apps"`
	Size    int64    `json:"size"`
}

func (r revision) local() bool { return strings.HasPrefix(r.Name, "x") }

func (s *snap) revision(name string) (revision, bool) {
	i := slices.IndexFunc(s.Revisions, func(r revision) bool { return r.Name == name })
	if i < 0 {
		return revision{}, false
	}
	return s.Revisions[i], true
}

// current is the revision in use; a snap in state always has one.
func (s *snap) current() revision {
	r, _ := s.revision(s.Current)
	return r
}

// previous is the revision before the current one.
func (s *snap) previous() (revision, bool) {
	i := slices.IndexFunc(s.Revisions, func(r revision) bool { return r.Name == s.Current })
	if i < 1 {
		return revision{}, false
	}
	return s.Revisions[i-1], true
}

const statePath = "var/lib/snapd/state.json"

func readState(root string, now time.Time) (state, error) {
	s := state{
		Snaps: map[string]*snap{},
		Config: map[string]any{
			"refresh": map[string]any{"hold": now.Add(2 * time.Hour).UTC().Format(time.RFC3339Nano)},
			"seed":    map[string]any{"loaded": true},
			"system":  map[string]any{"hostname": filepath.Base(root), "network": map[string]any{}, "timezone": "UTC"},
		},
	}
	data, err := os.ReadFile(filepath.Join(root, statePath))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("cannot read snapd's state: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("cannot read snapd's state: %w", err)
	}
	return s, nil
}

// keepChanges is how many finished changes are remembered.
const keepChanges = 50

// save writes the state; the caller holds the lock. A write that fails is logged: the answer to the client stays true.
func (d *Daemon) save() {
	if n := len(d.state.Changes) - keepChanges; n > 0 {
		d.state.Changes = slices.DeleteFunc(d.state.Changes, func(c *change) bool {
			n--
			return n >= 0 && c.ready()
		})
	}
	if err := writeJSON(filepath.Join(d.root, statePath), d.state); err != nil {
		d.log.Error(err, "Cannot keep snapd's state")
	}
}

func writeJSON(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
