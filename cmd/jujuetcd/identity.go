package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/google/uuid"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/keyring"
	"jujuetcd.io/pkg/reconcile/world"
)

// The daemon's stable identity, in its state directory. Whoever holds it is the same daemon to its
// clusters.
const identityFile = "identity"

var identityForm = regexp.MustCompile(`^[0-9a-f-]{8,64}$`)

// claimIdentity reads the identity, makes one where there is none, and holds it until release: two
// processes with one identity could not be told apart by the clusters that they lead.
func claimIdentity(dir string) (id string, release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("cannot make the state directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", nil, fmt.Errorf("cannot use the state directory: %w", err)
	}
	release = func() { _ = lock.Close() }
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		release()
		return "", nil, fmt.Errorf("cannot use the state directory %s: another jujuetcd run does (stop it, or give another --state-dir)", dir)
	}
	if id, err = readIdentity(dir); errors.Is(err, fs.ErrNotExist) {
		id = uuid.NewString()
		err = writeDurably(filepath.Join(dir, identityFile), id+"\n")
	}
	if err != nil {
		release()
		return "", nil, err
	}
	return id, release, nil
}

func readIdentity(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, identityFile))
	if err != nil {
		return "", fmt.Errorf("cannot read the daemon's identity: %w", err)
	}
	id := strings.TrimSpace(string(text))
	if !identityForm.MatchString(id) {
		return "", personError{fmt.Errorf("cannot use the identity in %s: it is damaged (restore it, or remove it and start once with --take-over)",
			filepath.Join(dir, identityFile))}
	}
	return id, nil
}

// keysIn are the daemon's own keys, in its state directory.
func keysIn(dir string) func(modelUUID, application string) world.Keys {
	return keysOf(dir, func(path, text string) error {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		return writeDurably(path, text)
	})
}

// knownKeysIn are the same for who only looks: what it would ask for is not kept.
func knownKeysIn(dir string) func(modelUUID, application string) world.Keys {
	return keysOf(dir, func(string, string) error { return nil })
}

func keysOf(dir string, write func(path, text string) error) func(modelUUID, application string) world.Keys {
	ring := keyring.Ring{Dir: filepath.Join(dir, "clusters"), Write: write}
	return func(modelUUID, application string) world.Keys { return ring.For(modelUUID, application) }
}

// bookIn has the addresses that controllers gave in logins, in the daemon's state directory.
func bookIn(dir string, log logr.Logger) *jujuapi.AddressBook {
	return jujuapi.OpenAddressBook(bookPath(dir), writeDurably, func(err error) { log.Error(err, "Addresses are not remembered") })
}

// knownBookIn is the same for who only looks: what a daemon has learnt helps, and what cannot be
// read is the daemon's trouble.
func knownBookIn(dir string) *jujuapi.AddressBook {
	if dir == "" {
		return &jujuapi.AddressBook{} // whoever has no home has no daemon
	}
	return jujuapi.OpenAddressBook(bookPath(dir), nil, func(error) {})
}

func bookPath(dir string) string { return filepath.Join(dir, "controllers.json") }

// writeDurably writes a file that is there whole or not at all, and survives a power cut.
func writeDurably(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// defaultStateDir is systemd's for the service, else the user's own.
func defaultStateDir(getenv func(string) string, uid int) string {
	if dirs := getenv("STATE_DIRECTORY"); dirs != "" {
		dir, _, _ := strings.Cut(dirs, ":")
		return dir
	}
	switch {
	case uid == 0:
		return "/var/lib/jujuetcd-controller"
	case getenv("XDG_STATE_HOME") != "":
		return filepath.Join(getenv("XDG_STATE_HOME"), "jujuetcd")
	case getenv("HOME") != "":
		return filepath.Join(getenv("HOME"), ".local", "state", "jujuetcd")
	}
	return ""
}

// defaultSocket is where the daemon listens and the other verbs ask.
func defaultSocket(getenv func(string) string, uid int) string {
	const name = "jujuetcd.sock"
	if path := getenv("JUJUETCD_SOCKET"); path != "" {
		return path
	}
	if dirs := getenv("RUNTIME_DIRECTORY"); dirs != "" {
		dir, _, _ := strings.Cut(dirs, ":")
		return filepath.Join(dir, name)
	}
	switch {
	case uid == 0:
		return "/run/jujuetcd/" + name
	case getenv("XDG_RUNTIME_DIR") != "":
		return filepath.Join(getenv("XDG_RUNTIME_DIR"), name)
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("jujuetcd-%d", uid), name)
}
