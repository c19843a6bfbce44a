package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/machine/tlsfiles"
)

// aliasesFile is what root's interactive shells read, and where the charm before this one told etcdctl where etcd is.
const aliasesFile = "/root/.bash_aliases"

// The lines between these marks are ours; all others are the user's.
const (
	beginShell = "# >>> etcdctl: written by the etcd charm, do not edit between these marks >>>"
	endShell   = "# <<< etcdctl <<<"
)

// shell has root's etcdctl let in by this unit's member. It is a convenience: where it cannot be written, etcd lacks nothing.
func (a *application) shell() {
	if err := a.m.writeShell(); err != nil {
		a.m.log.Error(err, "Left root's shell without etcdctl's variables")
	}
}

func (m *Machine) writeShell() error {
	path := m.path(aliasesFile)
	if err := m.disk.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// A user may keep the file elsewhere, with a link here.
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	mode := fs.FileMode(0o644)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("cannot read %s: %w", aliasesFile, err)
	default:
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("cannot look at %s: %w", aliasesFile, err)
		}
		mode = info.Mode().Perm()
	}
	_, err = m.disk.Write(durable.File{Path: path, Data: []byte(withExports(string(text))), Mode: mode})
	return err
}

// exports are those of the former charm. The endpoints are not among them: etcdctl ends with "conflicting environment variable"
// where they are given as a flag, too, as lines of many runbooks do.
const exports = "export ETCDCTL_CACERT=" + CommonDir + "/" + tlsfiles.BundleFile + "\n" +
	"export ETCDCTL_CERT=" + CommonDir + "/client.crt\n" +
	"export ETCDCTL_KEY=" + CommonDir + "/client.key\n"

// withExports is the text with our lines in it: in their place if they have one, and otherwise at the end.
func withExports(text string) string {
	ours := beginShell + "\n" + exports + endShell + "\n"
	before, rest, found := strings.Cut(text, beginShell+"\n")
	if found {
		if _, after, closed := strings.Cut(rest, endShell+"\n"); closed {
			return before + ours + after
		}
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + ours
}
