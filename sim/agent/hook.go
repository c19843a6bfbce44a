package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"jujuetcd.io/sim/charm"
	"jujuetcd.io/sim/hooktool"
	"jujuetcd.io/sim/model"
)

// do does one operation.
func (a *Agent) do(ctx context.Context, op operation) error {
	switch op.Kind {
	case runTask:
		return a.task(ctx)
	case relationLeft:
		return a.finished(op)
	}
	release, err := a.lock(ctx)
	if err != nil {
		return err
	}
	defer release()
	if a.state.Failed != nil {
		if err := a.Model.ClearResolved(a.Unit); err != nil {
			return err
		}
		a.forget(func(s *model.Snapshot) { s.Resolved = model.ResolveNone })
	}
	if err := a.prepare(op); errors.Is(err, errStale) || model.IsNotFound(err) {
		return err
	} else if err != nil {
		return a.hookFailed(op, err)
	}
	return a.hook(ctx, op)
}

func (a *Agent) lock(ctx context.Context) (func(), error) {
	select {
	case a.Lock <- struct{}{}:
		return func() { <-a.Lock }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// prepare does what comes before a hook.
func (a *Agent) prepare(op operation) error {
	switch op.Kind {
	case install:
		if err := a.unpack(); err != nil {
			return err
		}
		return a.Model.SetWorkloadStatus(a.Unit, "maintenance", "installing charm software")
	case upgradeCharm:
		return a.unpack()
	case stop:
		return a.Model.SetWorkloadStatus(a.Unit, "maintenance", "stopping charm software")
	case remove:
		return a.Model.SetWorkloadStatus(a.Unit, "maintenance", "cleaning up prior to charm deletion")
	case relationCreated:
		if err := a.Model.EnterScope(a.Unit, op.Relation); err != nil {
			if model.IsNotFound(err) {
				return errStale
			}
			a.Log.Info("Relation is not entered", "unit", a.Unit, "relation", op.Relation, "reason", err.Error())
			return errStale
		}
	}
	return nil
}

// unpack puts the charm's files in place.
func (a *Agent) unpack() error {
	c := a.snapshot().Charm
	if err := fits(c); err != nil {
		return err
	}
	// No process may be forked meanwhile: it would hold the new program open for writing until its own exec, and running the
	// program would fail with "text file busy" (https://go.dev/issue/22315).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return c.Unpack(a.charmDir())
}

// fits refuses a charm that says it is for other machines than this one.
func fits(c *charm.Charm) error {
	for _, b := range c.Bases {
		if len(b.Architectures) == 0 || slices.Contains(b.Architectures, runtime.GOARCH) {
			return nil
		}
	}
	if len(c.Bases) == 0 {
		return nil
	}
	return fmt.Errorf("cannot run charm %s: it is not for %s", c.Metadata.Name, runtime.GOARCH)
}

func (a *Agent) newContext(id string) *hooktool.Context {
	members := map[int][]string{}
	for id, r := range a.state.Relations {
		members[id] = slices.Sorted(maps.Keys(r.Members))
	}
	return &hooktool.Context{ID: fmt.Sprintf("%s-%s-%d", a.Unit, id, time.Now().UnixNano()), Model: a.Model, Unit: a.Unit, RelationID: -1, Members: members,
		Resource: a.resource}
}

// memberOf adds the unit that joins in this hook, and takes out the one that departs.
func memberOf(members map[int][]string, op operation) {
	list := slices.DeleteFunc(members[op.Relation], func(u string) bool { return u == op.RemoteUnit })
	if op.Kind == relationJoined || op.Kind == relationChanged && op.RemoteUnit != "" {
		list = append(list, op.RemoteUnit)
		slices.Sort(list)
	}
	members[op.Relation] = list
}

// hook runs one hook, and draws the consequences.
func (a *Agent) hook(ctx context.Context, op operation) error {
	name := op.hook()
	if op.Kind != updateStatus { // as Juju, to spare the controller
		if err := a.setAgentStatus("executing", "running "+name+" hook"); err != nil {
			return err
		}
	}
	tools := a.newContext(name)
	tools.RelationID, tools.Endpoint = op.relationID(), op.Endpoint
	tools.RemoteUnit, tools.RemoteApplication, tools.StorageID = op.RemoteUnit, op.RemoteApp, op.Storage
	tools.Departing = a.bags[op.Relation]
	if op.RemoteUnit != "" {
		memberOf(tools.Members, op)
	}
	end := a.server.Begin(tools)
	defer end()
	out, err := a.run(ctx, process{
		path: filepath.Join(a.charmDir(), "dispatch"), env: a.hookEnvironment(op, tools), name: name,
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // cut off: it runs again when the agent does
	case err == nil && out.signaled:
		a.Model.Log(Tag(a.Unit), "WARNING", "juju.worker.uniter", fmt.Sprintf("hook %q was killed, it runs again", name))
		return nil
	case err == nil && out.code == 0:
		err = a.Model.Commit(a.Unit, tools.Changes())
	case err == nil:
		err = fmt.Errorf("exit status %d", out.code)
	}
	if model.IsNotFound(err) {
		return err
	}
	if err != nil {
		return a.hookFailed(op, err)
	}
	a.Model.Log(Tag(a.Unit), "INFO", "juju.worker.uniter.operation", fmt.Sprintf("ran %q hook (via hook dispatching script: dispatch)", name))
	a.remember(op)
	if op.Kind == start && !tools.StatusSet() {
		if err := a.unknownStatus(); err != nil {
			return err
		}
	}
	return a.finished(op)
}

// unknownStatus is what Juju shows of a unit whose charm has started and never set a status.
func (a *Agent) unknownStatus() error {
	s, err := a.Model.View(a.Unit).Status()
	if err != nil || s.Message != "installing charm software" {
		return err
	}
	return a.Model.SetWorkloadStatus(a.Unit, "unknown", "")
}

// remember keeps a remote unit's databag for the hook in which it departs.
func (a *Agent) remember(op operation) {
	if op.RemoteUnit == "" || op.Kind != relationJoined && op.Kind != relationChanged {
		return
	}
	bag, err := a.Model.View(a.Unit).RelationSettings(op.Relation, op.RemoteUnit)
	if err != nil {
		return
	}
	if a.bags[op.Relation] == nil {
		a.bags[op.Relation] = map[string]map[string]string{}
	}
	a.bags[op.Relation][op.RemoteUnit] = bag
}

func (a *Agent) hookFailed(op operation, cause error) error {
	name := op.hook()
	a.Model.Log(Tag(a.Unit), "ERROR", "juju.worker.uniter.operation", fmt.Sprintf("hook %q failed: %v", name, cause))
	if err := a.Model.FailHook(a.Unit, model.FailedHook{Name: name, Relation: op.relationID(), RemoteUnit: op.RemoteUnit}); err != nil {
		return err
	}
	a.state.Failed = &op
	a.state.Attempts++
	a.state.RetryAt = time.Now().Add(retryAfter(a.state.Attempts))
	if err := a.state.write(a.statePath()); err != nil {
		return errors.Join(cause, err)
	}
	return nil
}
