// Package owner keeps whose a machine is. Everything that etcd has on a machine is there once: the snap, the service, the ports, the
// files below the snap's common directory. So a machine carries one member, and the unit that this file names is the only one that
// may install, write, start or stop there.
//
// # Use
//
//	file := owner.File{Path: "/var/lib/jujuetcd/owner.json", Disk: disk}
//	has, err := file.Claim(owner.Owner{Unit: "etcd/0", ModelUUID: uuid})
//	if has != us { ... } // somebody was faster
//
// # Guarantees
//
//   - Of any number of units that claim a machine at once one gets it, and Claim returns after that is on disk.
//   - A file that cannot be read is an error, never nobody's machine.
//   - Only the owner itself gives a machine up, or who clears what an owner has left that is gone: both name it.
//
// Only package machine writes it.
package owner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"jujuetcd.io/pkg/machine/durable"
)

// Owner is a unit of a model.
type Owner struct {
	Unit      string `json:"unit"`
	ModelUUID string `json:"modelUUID"`
}

// File is the owner's file of a machine.
type File struct {
	Path string
	Disk *durable.Disk
}

// Load returns the owner; a zero one if there is none.
func (f File) Load() (Owner, error) {
	var o Owner
	text, err := os.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return o, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	if err == nil && o.Unit == "" {
		err = errors.New("it names no unit")
	}
	if err != nil {
		return Owner{}, fmt.Errorf("cannot tell whose machine this is from %s: %w", f.Path, err)
	}
	return o, nil
}

// Claim makes the machine somebody's if it is nobody's, and returns whose it is then.
func (f File) Claim(o Owner) (Owner, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return Owner{}, fmt.Errorf("cannot encode the owner of this machine: %w", err)
	}
	if err := f.Disk.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
		return Owner{}, err
	}
	made, err := f.Disk.Create(durable.File{Path: f.Path, Data: append(text, '\n'), Mode: 0o644})
	switch {
	case err != nil:
		return Owner{}, err
	case made:
		return o, nil
	}
	return f.Load()
}

// GiveUp makes a machine nobody's that is o's. One that is another's stays as it is.
func (f File) GiveUp(o Owner) error {
	has, err := f.Load()
	if err != nil || has != o {
		return err
	}
	_, err = f.Disk.Remove(f.Path)
	return err
}
