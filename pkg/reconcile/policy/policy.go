// Package policy reads EtcdCluster files from the daemon's configuration directory.
//
// A file is YAML (*.yaml, *.yml) with one policy or several; each names its application
// (metadata.name) and, if it is not meant for all models, its model (metadata.namespace: prod, or
// admin/prod). No file is needed: every field has a default.
//
// Files are read strictly, and all faults are reported at once, each with file, line and column. A
// file that has become bad does not undo what it said before: the last good policy stays in force,
// and the fault is shown in the cluster's condition PolicyValid and in the log. Changes are noticed
// by themselves.
package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// InvalidError is what is wrong with a directory of policies.
type InvalidError struct{ Faults []Fault }

// Error lists all faults, one a line.
func (e *InvalidError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	if len(lines) == 1 {
		return "cannot use the policy: " + lines[0]
	}
	return fmt.Sprintf("cannot use the policies, %d faults:\n  %s", len(lines), strings.Join(lines, "\n  "))
}

// Store is the policies of one directory. It is safe for concurrent use.
type Store struct {
	dir string

	mu     sync.Mutex
	good   []policy
	faults []Fault
}

type policy struct {
	file    string
	cluster v1alpha1.EtcdCluster
}

// Open makes a store for dir, and reads it. An empty dir holds no policies. The error is an
// *InvalidError if files are bad; the store is made all the same, without those.
func Open(dir string) (*Store, error) {
	s := &Store{dir: dir}
	err := s.Load()
	return s, err
}

// Load reads all files again. Policies of bad files stay as they were.
func (s *Store) Load() error {
	if s.dir == "" {
		return nil
	}
	names, err := s.files()
	if err != nil {
		return err
	}
	var now []policy
	var faults []Fault
	bad := map[string]bool{}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			faults, bad[name] = append(faults, Fault{File: name, Text: err.Error()}), true
			continue
		}
		for _, d := range parse(name, text) {
			if len(d.faults) > 0 {
				faults, bad[name] = append(faults, d.faults...), true
				continue
			}
			if other := slices.IndexFunc(now, func(p policy) bool { return same(p.cluster, d.cluster) }); other >= 0 {
				faults, bad[name] = append(faults, Fault{File: name, Text: fmt.Sprintf("there is a policy for %s in %s already", d.cluster.Name, now[other].file)}), true
				continue
			}
			now = append(now, policy{file: name, cluster: d.cluster})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now = slices.DeleteFunc(now, func(p policy) bool { return bad[p.file] })
	for _, p := range s.good {
		if bad[p.file] {
			now = append(now, p)
		}
	}
	s.good, s.faults = now, faults
	if len(faults) > 0 {
		return &InvalidError{Faults: faults}
	}
	return nil
}

func (s *Store) files() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration directory: %w", err)
	}
	var names []string
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); (ext == ".yaml" || ext == ".yml") && !strings.HasPrefix(e.Name(), ".") && !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func same(a, b v1alpha1.EtcdCluster) bool { return a.Name == b.Name && a.Namespace == b.Namespace }

// Spec is the policy for a cluster: of the file that names its model, else of the one that names
// none, else the defaults.
func (s *Store) Spec(model, application string) v1alpha1.EtcdClusterSpec {
	s.mu.Lock()
	defer s.mu.Unlock()
	var spec v1alpha1.EtcdClusterSpec
	spec.SetDefaults()
	best := -1
	for _, p := range s.good {
		if n := fit(p.cluster, model, application); n > best {
			best, spec = n, *p.cluster.Spec.DeepCopy()
		}
	}
	return spec
}

// fit is how well a policy fits a cluster; negative if it is not meant for it.
func fit(c v1alpha1.EtcdCluster, model, application string) int {
	switch {
	case c.Name != application:
		return -1
	case c.Namespace == model:
		return 2
	case c.Namespace != "" && strings.HasSuffix(model, "/"+c.Namespace):
		return 1
	case c.Namespace == "":
		return 0
	}
	return -1
}

// Fault is what is wrong with the files now. A bad file may be meant for any cluster: each shows
// it.
func (s *Store) Fault(string, string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		return ""
	}
	return (&InvalidError{Faults: s.faults}).Error()
}

// quiet is how long the directory must be quiet before it is read: editors write in several steps.
const quiet = 200 * time.Millisecond

// Watch reads the files again whenever the directory changes, until ctx ends, and calls changed
// with the outcome.
func (s *Store) Watch(ctx context.Context, changed func(error)) error {
	if s.dir == "" {
		return nil
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("cannot watch the configuration directory: %w", err)
	}
	defer watcher.Close()
	if err := watcher.Add(s.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot watch the configuration directory: %w", err)
	}
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-watcher.Events:
			timer.Reset(quiet)
		case err := <-watcher.Errors:
			changed(fmt.Errorf("cannot watch the configuration directory: %w", err))
		case <-timer.C:
			changed(s.Load())
		}
	}
}
