package agent

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"time"
	"unicode/utf8"

	"jujuetcd.io/sim/hooktool"
	"jujuetcd.io/sim/model"
)

// task runs the unit's oldest pending task.
func (a *Agent) task(ctx context.Context) error {
	t, found, err := a.Model.ClaimTask(a.Unit)
	if err != nil {
		return err
	}
	a.forget(func(s *model.Snapshot) {
		s.Pending = s.Pending[min(1, len(s.Pending)):]
		if !found {
			s.Pending = nil
		}
	})
	if !found {
		return nil
	}
	if !t.Parallel {
		release, err := a.lock(ctx)
		if err != nil {
			return err
		}
		defer release()
	}
	if a.state.Failed == nil { // the error stays in sight
		if err := a.setAgentStatus("executing", "running action "+t.Name); err != nil {
			return err
		}
	}
	tools := a.newContext(t.Name + "-" + strconv.Itoa(t.ID))
	tools.Task, tools.Params = &t, t.Params
	end := a.server.Begin(tools)
	defer end()
	if t.Name == model.Exec {
		return a.shell(ctx, t, tools)
	}
	return a.action(ctx, t, tools)
}

func (a *Agent) action(ctx context.Context, t model.Task, tools *hooktool.Context) error {
	out, err := a.run(ctx, process{
		path: filepath.Join(a.charmDir(), "dispatch"), env: a.taskEnvironment(t, tools), name: t.Name,
	})
	if ctx.Err() != nil {
		return ctx.Err() // the next agent fails it
	}
	status, message := model.TaskCompleted, ""
	switch reason, failed := tools.Failed(); {
	case err != nil:
		status, message = model.TaskFailed, err.Error()
	case out.signaled:
		status, message = model.TaskFailed, "signal: killed"
	case out.code != 0:
		status, message = model.TaskFailed, fmt.Sprintf("exit status %d", out.code)
	case failed:
		status, message = model.TaskFailed, reason
	}
	if err == nil && out.code == 0 && !a.commit(t, tools) {
		status, message = model.TaskFailed, refusedCommit
	}
	return a.Model.FinishTask(t.ID, status, message, results(tools, out))
}

// refusedCommit is what is said of an action that would have changed another's secret.
const refusedCommit = "committing requested changes failed"

// commit makes an action's changes. What is refused is logged, and the task reads as completed all the same, as with Juju; one that
// would change a secret of somebody else fails.
func (a *Agent) commit(t model.Task, tools *hooktool.Context) bool {
	err := a.Model.Commit(a.Unit, tools.Changes())
	if err != nil {
		a.Model.Log(Tag(a.Unit), "ERROR", "juju.worker.uniter.operation", fmt.Sprintf("cannot commit the changes of action %d: %v", t.ID, err))
	}
	return !errors.Is(err, model.ErrSecretRefused)
}

// shell is juju exec: a shell command with the hook tools.
func (a *Agent) shell(ctx context.Context, t model.Task, tools *hooktool.Context) error {
	script := filepath.Join(a.dir, fmt.Sprintf("exec-%d.sh", t.ID))
	text, _ := t.Params["command"].(string)
	if err := os.WriteFile(script, []byte(text+"\n"), 0o700); err != nil {
		return a.Model.FinishTask(t.ID, model.TaskFailed, err.Error(), nil)
	}
	defer func() { _ = os.Remove(script) }()
	limited, cancel := ctx, func() {}
	if d := duration(t.Params["timeout"]); d > 0 {
		limited, cancel = context.WithTimeout(ctx, d)
	}
	defer cancel()
	out, err := a.run(limited, process{path: "/bin/bash", args: []string{script}, env: a.taskEnvironment(t, tools), name: t.Name})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		out.code = 0 // as Juju shows it
		return a.Model.FinishTask(t.ID, model.TaskFailed, "command cancelled", results(tools, out))
	case err != nil:
		return a.Model.FinishTask(t.ID, model.TaskFailed, err.Error(), nil)
	}
	if !a.commit(t, tools) {
		return a.Model.FinishTask(t.ID, model.TaskFailed, refusedCommit, results(tools, out))
	}
	return a.Model.FinishTask(t.ID, model.TaskCompleted, "", results(tools, out))
}

// duration reads a number of nanoseconds, in whatever way it was stored.
func duration(v any) time.Duration {
	switch v := v.(type) {
	case int:
		return time.Duration(v)
	case int64:
		return time.Duration(v)
	case float64:
		return time.Duration(v)
	case string:
		n, err := strconv.ParseFloat(v, 64)
		if err == nil {
			return time.Duration(n)
		}
	}
	return 0
}

// results are what action-set gave, and what the agent adds.
func results(tools *hooktool.Context, out output) map[string]any {
	all := map[string]any{"return-code": out.code}
	maps.Copy(all, tools.Results())
	for name, stream := range map[string][]byte{"stdout": out.stdout, "stderr": out.stderr} {
		switch {
		case len(stream) == 0:
		case utf8.Valid(stream):
			all[name] = string(stream)
		default:
			all[name], all[name+"-encoding"] = base64.StdEncoding.EncodeToString(stream), "base64"
		}
	}
	return all
}
