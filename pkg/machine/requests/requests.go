// Package requests keeps what a unit has asked to be signed: for each of its leaves a private key that never leaves the machine, and
// the certificate signing requests that were made with it.
//
// # Use
//
//	store := requests.Store{Dir: "/var/lib/jujuetcd/etcd-0/requests", Disk: disk}
//	asked, err := store.Load(tlsfiles.Server)
//	asked, err = asked.Ask(subject)           // in memory only
//	err = store.Save(tlsfiles.Server, asked)  // and only then tell the provider
//
// What is not asked for any more is removed with its key: Names says what there is, and Remove takes it away.
//
// # Guarantees
//
//   - Save returns after it is on disk, and writes nothing if it has not changed.
//   - Files are 0600 in a folder that is 0700. No error holds key material.
package requests

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
)

// Store is where requests are kept. One goroutine at a time uses it: hooks and actions of a unit never run at once.
type Store struct {
	Dir  string
	Disk *durable.Disk
}

// ending ends the names of the files.
const ending = ".json"

func (s Store) path(name tlsfiles.Name) string { return filepath.Join(s.Dir, string(name)+ending) }

// Names are the leaves for which something was asked, sorted; none before anything was.
func (s Store) Names() ([]tlsfiles.Name, error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot list what was asked to be signed: %w", err)
	}
	var names []tlsfiles.Name
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ending); ok {
			names = append(names, tlsfiles.Name(name))
		}
	}
	return names, nil
}

// Remove removes the leaf's key and what was asked with it, also where that cannot be read; it is no fault if there is nothing.
func (s Store) Remove(name tlsfiles.Name) error {
	_, err := s.Disk.Remove(s.path(name))
	return err
}

// Load returns what was asked for the leaf; the zero value if nothing was.
func (s Store) Load(name tlsfiles.Name) (pki.Asked, error) {
	var a pki.Asked
	text, err := os.ReadFile(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return a, fmt.Errorf("cannot read what was asked for the %s certificate: %w", name, err)
	}
	if err := json.Unmarshal(text, &a); err != nil {
		// The text holds a key: the cause is not passed on.
		return pki.Asked{}, fmt.Errorf("cannot read what was asked for the %s certificate: %s is damaged; remove it to ask anew", name, s.path(name))
	}
	return a, nil
}

// Save returns after it is on disk.
func (s Store) Save(name tlsfiles.Name, a pki.Asked) error {
	text, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("cannot encode what is asked for the %s certificate: %w", name, err)
	}
	if err := s.Disk.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	_, err = s.Disk.Write(durable.File{Path: s.path(name), Data: text, Mode: 0o600})
	return err
}
