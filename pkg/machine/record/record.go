// Package record keeps what a unit must remember of its own deeds across crashes: what it applied
// last, and which member was started on it. Juju's unit state and databags commit only when an
// action ends, which is too late for that.
//
// # Use
//
// Load the record of the unit's Store, change it, Save it, and only then do what it says. The
// example is a test.
//
// # Guarantees
//
//   - Save returns after the record is on disk, and writes nothing if it has not changed.
//   - A record that cannot be read is an error, never an empty one: to forget that a member was
//     started here loses data.
//   - The folder is 0700 and the file 0600. It holds no key.
//
// Only package machine writes it.
package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/durable"
)

// Record is what a unit remembers.
type Record struct {
	// Epoch and Action are the newest delivery that was admitted, Hash identifies its desired
	// state, Spec is all of it.
	Epoch  v1alpha1.Epoch         `json:"epoch"`
	Action int64                  `json:"action"`
	Hash   string                 `json:"hash,omitempty"`
	Spec   *v1alpha1.EtcdUnitSpec `json:"spec,omitempty"`

	Member Member `json:"member"`
	// Config is the configuration on disk, Process the one that etcd runs with.
	Config  Config  `json:"config"`
	Process Process `json:"process"`
	// Proof is what a process has proven of the authorities that it is told to use.
	Proof Proof `json:"proof,omitzero"`
	// Restore is one that is under way, or that the latch does not tell of yet.
	Restore *Restore `json:"restore,omitempty"`
	// V2 are v2 keys that were written by a restore of which the latch does not tell yet.
	V2 *V2 `json:"v2,omitempty"`
	// Defrag is the last defragmentation of the member's database.
	Defrag Defrag `json:"defrag,omitzero"`
	// Snapshots is what was done for the schedule of snapshots; nil if nothing.
	Snapshots *v1alpha1.SnapshotFacts `json:"snapshots,omitempty"`
	// Drill is what was done for the timetable of restore drills; nil if nothing.
	Drill *v1alpha1.DrillFacts `json:"drill,omitempty"`
	// Reload says that systemd has not been told of changed drop-ins yet.
	Reload bool `json:"reload,omitempty"`
}

// Member is the member of this unit.
type Member struct {
	// StartedNew is set before etcd is started with state new for the first time; the data
	// directory has been marked then.
	StartedNew bool `json:"startedNew,omitempty"`
	// Started is set as soon as a member's data has been seen: from then on an empty directory is
	// lost data.
	Started bool `json:"started,omitempty"`
	// Token is that of the cluster which the member was begun in. Agents of protocol 1 did not keep
	// it.
	Token     string `json:"token,omitempty"`
	MemberID  string `json:"memberID,omitempty"`
	ClusterID string `json:"clusterID,omitempty"`
	// DataDir is where the data was seen.
	DataDir string `json:"dataDir,omitempty"`
}

// Token is that of the cluster which the unit's member was begun in; empty where it is not known.
func (r Record) Token() string {
	if r.Member.Token == "" && r.Spec != nil && r.Spec.Etcd.Initial != nil {
		return r.Spec.Etcd.Initial.Token
	}
	return r.Member.Token
}

// Config identifies a configuration by a hash over all that etcd reads only when it starts.
type Config struct {
	Hash string `json:"hash,omitempty"`
	// Reads is what an etcd that is started with it has read.
	Reads v1alpha1.RunningFacts `json:"reads,omitzero"`
	// Since is when it was on disk for certain, in microseconds since boot, and Boot that boot;
	// zero while that is not known.
	Since int64  `json:"since,omitempty"`
	Boot  string `json:"boot,omitempty"`
}

// Process is etcd as it was last seen to run.
type Process struct {
	PID int `json:"pid,omitempty"`
	// Started is in microseconds since boot.
	Started int64  `json:"started,omitempty"`
	Boot    string `json:"boot,omitempty"`
	// Hash is the configuration that it was started with, and Read what it has read of it.
	Hash string                `json:"hash,omitempty"`
	Read v1alpha1.RunningFacts `json:"read,omitzero"`
	// Answered says that it has answered since.
	Answered bool `json:"answered,omitempty"`
}

// Restore is data that takes the place of the unit's. It is recorded before etcd is stopped for it; where
// the data is says how far it has come.
type Restore struct {
	// Task is Juju's number of the action that asked for it.
	Task int64 `json:"task"`
	// From is the cluster whose data is replaced; empty where there was none.
	From string `json:"from,omitempty"`
	// Latched is the cluster that the latch had then, in whose place the restored one is latched.
	Latched string `json:"latched,omitempty"`
	// Member is what the restored data is of.
	Member Member `json:"member"`
	// Before is what the replaced data was of, and Aside where that is now; empty before it was put
	// there.
	Before Member `json:"before"`
	Aside  string `json:"aside,omitempty"`
	// Staged is where the restored data was made.
	Staged string `json:"staged"`
	// Done says that the restored member has answered. Of a restore that no procedure asks for, there
	// is no way back any more.
	Done bool `json:"done,omitempty"`
	// Asked says that the controller was asked to go on with it: no hook ends it by itself. PeerURL is
	// where the restored member is in its member list.
	Asked   bool   `json:"asked,omitempty"`
	PeerURL string `json:"peerURL,omitempty"`
	// V2 says that the member of before serves the v2 API, which the restored one does not.
	V2 bool `json:"v2,omitempty"`
}

// V2 are v2 keys that a cluster has, or that it was about to get, from the task of that number.
type V2 struct {
	Task    int64  `json:"task"`
	Cluster string `json:"cluster"`
}

// Defrag is a defragmentation of the member's database.
type Defrag struct {
	// Stamp is the newest one that is seen to; Before and After are the sizes of the file then.
	Stamp  int64 `json:"stamp,omitempty"`
	Before int64 `json:"before,omitempty"`
	After  int64 `json:"after,omitempty"`
	// Began is the stamp of the one that etcd was asked for last, while it is not known to be over;
	// Inode and Size are those of the file that is replaced.
	Began int64  `json:"began,omitempty"`
	Inode uint64 `json:"inode,omitempty"`
	Size  int64  `json:"size,omitempty"`
}

// Proof is what fresh handshakes have shown of one process: see v1alpha1.ProofFacts.
type Proof struct {
	PID     int      `json:"pid,omitempty"`
	Started int64    `json:"started,omitempty"`
	Boot    string   `json:"boot,omitempty"`
	Serves  []string `json:"serves,omitempty"`
	Accepts []string `json:"accepts,omitempty"`
}

// Of says that the proof is the process'.
func (p Proof) Of(process Process) bool {
	return p.PID != 0 && p.PID == process.PID && p.Started == process.Started && p.Boot == process.Boot
}

// Store is where a record is kept.
type Store struct {
	Path string
	Disk *durable.Disk
}

// Load returns the record; an empty one if there is none.
func (s Store) Load() (Record, error) {
	var r Record
	text, err := os.ReadFile(s.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return Record{}, fmt.Errorf("cannot read the unit's record: %w", err)
	}
	return r, nil
}

// SetAside gives the record another name, under which nobody looks for it: its unit has left the
// machine. Nothing is done where there is none.
func (s Store) SetAside(now time.Time) error {
	if _, err := os.Lstat(s.Path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	base := s.Path + ".left-" + now.UTC().Format("20060102T150405Z")
	to := base
	for i := 2; ; i++ {
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		}
		to = fmt.Sprintf("%s-%d", base, i)
	}
	return s.Disk.Rename(s.Path, to)
}

// Save puts the record on disk and says whether it had to write.
func (s Store) Save(r Record) (bool, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return false, fmt.Errorf("cannot encode the unit's record: %w", err)
	}
	if err := s.Disk.MkdirAll(filepath.Dir(s.Path), 0o700); err != nil {
		return false, err
	}
	wrote, err := s.Disk.Write(durable.File{Path: s.Path, Data: text.Bytes(), Mode: 0o600})
	return len(wrote) > 0, err
}
