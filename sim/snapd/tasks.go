package snapd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// installTasks are the tasks of an install or refresh; file is empty for the store.
func (d *Daemon) installTasks(name string, rev revision, file string, first bool) []*task {
	label := "(" + rev.Name + ")"
	tasks := []*task{{Kind: "prerequisites", Summary: fmt.Sprintf("Ensure prerequisites for %q are available", name)}}
	if file == "" {
		tasks = append(tasks,
			&task{Kind: "download-snap", Summary: fmt.Sprintf("Download snap %q %s from channel %q", name, label, rev.Channel)},
			&task{Kind: "validate-snap", Summary: fmt.Sprintf("Fetch and check assertions for snap %q %s", name, label)})
	} else {
		label = "(unset)" // a local file gets its revision late
		tasks = append(tasks, &task{Kind: "prepare-snap", Summary: fmt.Sprintf("Prepare snap %q (unset)", file)})
	}
	tasks = append(tasks, d.waitTask(name)...)
	tasks = append(tasks, &task{Kind: "mount-snap", Summary: fmt.Sprintf("Mount snap %q %s", name, label), Do: "mount"})
	hook := "install"
	if !first {
		hook = "post-refresh"
		tasks = append(tasks, &task{Kind: "run-hook", Summary: fmt.Sprintf("Run pre-refresh hook of %q snap if present", name)})
		tasks = append(tasks, unlinkTasks(name)...)
	}
	tasks = append(tasks, &task{Kind: "copy-snap-data", Summary: fmt.Sprintf("Copy snap %q data", name), Do: "copy-data"})
	tasks = append(tasks, d.linkTasks(name, label)...)
	tasks = append(tasks, &task{Kind: "run-hook", Summary: fmt.Sprintf("Run %s hook of %q snap if present", hook, name)}, startTask(name, label))
	if !first {
		tasks = append(tasks, &task{Kind: "cleanup", Summary: fmt.Sprintf("Clean up %q %s install", name, label)})
	}
	tasks = append(tasks, lastTasks(name)...)
	if d.atLeast(2, 70) {
		tasks = append(tasks, &task{Kind: "process-delayed-security-backend-effects", Summary: "Process delayed security backend side effects for affected snaps"})
	}
	return append(tasks, d.lateProfiles(name, rev)...)
}

func (d *Daemon) revertTasks(name string, rev revision) []*task {
	label := "(" + rev.Name + ")"
	tasks := []*task{
		{Kind: "prerequisites", Summary: fmt.Sprintf("Ensure prerequisites for %q are available", name)},
		{Kind: "prepare-snap", Summary: fmt.Sprintf("Prepare snap \"\" %s", label)},
	}
	tasks = append(tasks, d.waitTask(name)...)
	tasks = append(tasks, unlinkTasks(name)...)
	tasks = append(tasks, d.linkTasks(name, label)...)
	tasks = append(tasks, startTask(name, label))
	tasks = append(tasks, lastTasks(name)...)
	return append(tasks, d.lateProfiles(name, rev)...)
}

// waitTask is what snapd 2.70 and later do a second time.
func (d *Daemon) waitTask(name string) []*task {
	if !d.atLeast(2, 70) {
		return nil
	}
	return []*task{{Kind: "prerequisites", Summary: fmt.Sprintf("Wait until prerequisites for %q are available", name)}}
}

// lateProfiles is the second half of setting up security profiles since 2.70.
func (d *Daemon) lateProfiles(name string, rev revision) []*task {
	if !d.atLeast(2, 70) {
		return nil
	}
	return []*task{{Kind: "setup-profiles", Summary: fmt.Sprintf("Setup snap %q (%s) security profiles", name, rev.Name)}}
}

func unlinkTasks(name string) []*task {
	return []*task{
		{Kind: "stop-snap-services", Summary: fmt.Sprintf("Stop snap %q services", name), Do: "stop"},
		{Kind: "remove-aliases", Summary: fmt.Sprintf("Remove aliases for snap %q", name)},
		{Kind: "unlink-current-snap", Summary: fmt.Sprintf("Make current revision for snap %q unavailable", name)},
	}
}

func (d *Daemon) linkTasks(name, label string) []*task {
	profiles := fmt.Sprintf("Setup snap %q %s security profiles", name, label)
	if d.atLeast(2, 70) {
		profiles = fmt.Sprintf("Prepare snap %q %s for security profile setup", name, label)
	}
	return []*task{
		{Kind: "setup-profiles", Summary: profiles},
		{Kind: "link-snap", Summary: fmt.Sprintf("Make snap %q %s available to the system", name, label), Do: "link"},
		{Kind: "auto-connect", Summary: fmt.Sprintf("Automatically connect eligible plugs and slots of snap %q", name)},
		{Kind: "set-auto-aliases", Summary: fmt.Sprintf("Set automatic aliases for snap %q", name)},
		{Kind: "setup-aliases", Summary: fmt.Sprintf("Setup snap %q aliases", name)},
	}
}

func startTask(name, label string) *task {
	return &task{Kind: "start-snap-services", Summary: fmt.Sprintf("Start snap %q %s services", name, label), Do: "start"}
}

func lastTasks(name string) []*task {
	return []*task{
		{Kind: "run-hook", Summary: fmt.Sprintf("Run configure hook of %q snap if present", name)},
		{Kind: "run-hook", Summary: fmt.Sprintf("Run health check of %q snap", name)},
	}
}

func toggleTasks(s *snap, action string) []*task {
	label := "(" + s.Current + ")"
	stop := &task{Kind: "stop-snap-services", Summary: fmt.Sprintf("Stop snap %q services", s.Name), Do: "stop"}
	aliases := &task{Kind: "remove-aliases", Summary: fmt.Sprintf("Remove aliases for snap %q", s.Name)}
	unlink := &task{Kind: "unlink-snap", Summary: fmt.Sprintf("Make snap %q %s unavailable to the system", s.Name, label), Do: action}
	profiles := &task{Kind: "remove-profiles", Summary: fmt.Sprintf("Remove security profiles of snap %q", s.Name)}
	switch action {
	case "enable":
		return []*task{
			{Kind: "prepare-snap", Summary: fmt.Sprintf("Prepare snap %q %s", s.Name, label)},
			{Kind: "setup-profiles", Summary: fmt.Sprintf("Setup snap %q %s security profiles", s.Name, label)},
			{Kind: "link-snap", Summary: fmt.Sprintf("Make snap %q %s available to the system", s.Name, label), Do: "enable"},
			{Kind: "setup-aliases", Summary: fmt.Sprintf("Setup snap %q aliases", s.Name)},
			startTask(s.Name, label),
			{Kind: "auto-connect", Summary: fmt.Sprintf("Automatically connect eligible plugs and slots of snap %q", s.Name)},
		}
	case "disable":
		return []*task{stop, aliases, unlink, profiles}
	}
	return []*task{stop, aliases, unlink, profiles,
		{Kind: "clear-snap", Summary: fmt.Sprintf("Remove data for snap %q %s", s.Name, label), Do: "clear"},
		{Kind: "discard-snap", Summary: fmt.Sprintf("Remove snap %q %s from the system", s.Name, label)}}
}

// effect does what a task does. It is called without the lock, and must bear being done twice: a restart may fall in between.
func (d *Daemon) effect(name string, c *change) error {
	a := &c.Args
	unit := unitName(a.Snap, a.Snap)
	switch name {
	case "mount":
		return d.mount(c)
	case "copy-data":
		return d.copyData(a)
	case "stop":
		return ignoreMissing(d.services.Stop(d.ctx, unit))
	case "link":
		return d.link(a)
	case "start":
		return d.startAfterLink(a)
	case "service-control":
		return d.serviceControl(*a)
	case "configure":
		return d.configure(*a)
	case "switch":
		return d.change(a.Snap, func(s *snap) { s.Tracking = a.Tracking })
	case "enable", "disable":
		return d.change(a.Snap, func(s *snap) { s.Disabled = name == "disable" })
	case "remove":
		return d.unlink(a.Snap)
	case "clear":
		return d.clear(a.Snap)
	}
	return fmt.Errorf("%w %q", errEffect, name)
}

func ignoreMissing(err error) error {
	if err != nil && strings.Contains(err.Error(), "unit not found") {
		return nil // a snap without a service
	}
	return err
}

// change edits a snap's state.
func (d *Daemon) change(name string, edit func(*snap)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.state.Snaps[name]
	if s == nil {
		return fmt.Errorf("snap %q is not installed", name)
	}
	edit(s)
	d.save()
	return nil
}

// undo brings a snap whose install or refresh has failed back to what it was before; the caller holds the lock.
func (d *Daemon) undo(c *change) error {
	a := c.Args
	if a.Revision.Name == "" || a.Revision.Name == a.Was {
		return nil
	}
	s := d.state.Snaps[a.Snap]
	if a.First {
		delete(d.state.Snaps, a.Snap)
		return os.RemoveAll(d.mountDir(a.Snap, a.Revision.Name))
	}
	if s == nil {
		return nil
	}
	var err error
	if old, found := s.revision(a.Was); found && s.Current == a.Revision.Name {
		s.Current = a.Was
		err = d.writeLinks(s.Name, old)
	}
	if c.Kind != "revert-snap" {
		s.Revisions = slices.DeleteFunc(s.Revisions, func(r revision) bool { return r.Name == a.Revision.Name })
		err = errors.Join(err, os.RemoveAll(d.mountDir(a.Snap, a.Revision.Name)))
	}
	return errors.Join(err, ignoreMissing(d.services.Start(d.ctx, unitName(a.Snap, a.Snap))))
}

// link makes a revision the current one.
func (d *Daemon) link(a *args) error {
	if err := d.writeLinks(a.Snap, a.Revision); err != nil {
		return err
	}
	d.mu.Lock()
	s := d.state.Snaps[a.Snap]
	if s == nil {
		s = &snap{Name: a.Snap}
		d.state.Snaps[a.Snap] = s
	}
	if _, known := s.revision(a.Revision.Name); !known {
		s.Revisions = append(s.Revisions, a.Revision)
	}
	if a.Revision.local() {
		var n int
		if _, err := fmt.Sscanf(a.Revision.Name, "x%d", &n); err == nil {
			s.LastLocal = max(s.LastLocal, n)
		}
	}
	s.Current, s.Tracking, s.Installed = a.Revision.Name, a.Tracking, time.Now()
	d.save()
	d.mu.Unlock()
	if !slices.Contains(a.Revision.Apps, a.Snap) {
		return nil
	}
	if err := d.writeUnit(a.Snap); err != nil {
		return err
	}
	if a.First {
		return d.services.Enable(unitName(a.Snap, a.Snap), true)
	}
	return nil
}

// startAfterLink starts the service, unless somebody has disabled it.
func (d *Daemon) startAfterLink(a *args) error {
	unit := unitName(a.Snap, a.Snap)
	if !d.services.Enabled(unit) {
		return nil
	}
	return ignoreMissing(d.services.Start(d.ctx, unit))
}

func (d *Daemon) unlink(name string) error {
	unit := unitName(name, name)
	err := errors.Join(d.services.Enable(unit, false), removeIfThere(d.unitPath(name)), d.services.DaemonReload(),
		removeIfThere(filepath.Join(d.root, "snap", name, "current")))
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.state.Snaps, name)
	return err
}

func (d *Daemon) clear(name string) error {
	return errors.Join(os.RemoveAll(filepath.Join(d.root, "var/snap", name)), os.RemoveAll(filepath.Join(d.root, "snap", name)))
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
