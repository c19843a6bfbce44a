package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/printable"
)

// taskPause is between two looks at a task: a hook takes seconds, and each look costs the controller a call.
const taskPause = time.Second

// run has an action run, and prints its answer.
func (o *orderOptions) run(c *cobra.Command, action, application string) error {
	if strings.Contains(application, "/") {
		return usageError{fmt.Errorf("%q is a unit: name the application, of which Juju's leader is asked", application)}
	}
	return o.in(c, application, func(ctx context.Context, s link) error {
		return o.order(ctx, c, s, action, application)
	})
}

// in calls do with a session in the application's model, for as long as the command may take.
func (o *orderOptions) in(c *cobra.Command, application string, do func(context.Context, link) error) error {
	switch {
	case len(o.models) > 1:
		return usageError{errors.New("the application is in one model: give --model once")}
	case o.timeout < taskPause:
		return usageError{fmt.Errorf("--timeout is %s; it must be at least %s", o.timeout, taskPause)}
	}
	targets, err := o.targets()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context(), o.timeout)
	defer cancel()
	links, err := open(ctx, targets, knownBookIn(o.stateDir), false, logr.Discard(), func(error) {})
	if err != nil {
		return err
	}
	defer links.close()
	if err := isEtcd(ctx, links.all[0], application); err != nil {
		return err
	}
	return do(ctx, links.all[0])
}

func (o *orderOptions) order(ctx context.Context, c *cobra.Command, s link, action, application string) error {
	var params map[string]any
	if o.provider != "" {
		params = map[string]any{v1alpha1.ParameterProvider: o.provider}
	}
	task, err := s.Enqueue(ctx, application+"/leader", action, params)
	if err != nil {
		return notEnqueued(application, action, err)
	}
	said := printable.Writer(c.ErrOrStderr())
	fmt.Fprintf(said, "Task %s: %s of %s.\n", task.ID, action, application)
	if task, err = await(ctx, s, task, said); err != nil {
		return err
	}
	if err := completed(task); err != nil {
		return err
	}
	_, err = fmt.Fprint(c.OutOrStdout(), answer(task))
	return err
}

// completed is why a task has not done what it should.
func completed(task jujuapi.Task) error {
	if task.Status == jujuapi.TaskCompleted {
		return nil
	}
	return fmt.Errorf("task %s of %s (%s) has %s: %s", task.ID, task.Unit, task.Name, ending(task.Status), task.Message)
}

// isEtcd says why an application is none of ours. Other charms have actions of these names, too, which do something else.
func isEtcd(ctx context.Context, s link, application string) error {
	units, err := s.UnitsInfo(ctx, application)
	if err != nil {
		return fmt.Errorf("cannot find out what %s is: %w", application, err)
	}
	for _, u := range units {
		for _, r := range u.RelationData {
			if r.Endpoint == v1alpha1.EndpointCluster && r.Units[u.Name].Data[v1alpha1.FactsKey] != "" {
				return nil
			}
		}
	}
	return fmt.Errorf("cannot ask %s for anything: no unit of it has published facts, as units of our charm do", application)
}

func notEnqueued(application, action string, err error) error {
	_, refused := errors.AsType[*jujuapi.Error](err)
	switch {
	case refused && strings.Contains(err.Error(), "not defined"):
		return personError{fmt.Errorf("the charm of %s has no action %s: refresh it (%w)", application, action, err)}
	case refused:
		return fmt.Errorf("cannot have %s run by Juju's leader of %s: %w", action, application, err)
	}
	return fmt.Errorf("it is not known whether Juju has taken the order: see juju operations before you give it again (%w)", err)
}

// await waits for a task's end, and tells meanwhile how it goes. A controller that is away for a
// moment has not forgotten the task.
func await(ctx context.Context, s link, task jujuapi.Task, said io.Writer) (jujuapi.Task, error) {
	ticker := time.NewTicker(taskPause)
	defer ticker.Stop()
	told := 0
	for {
		for ; told < len(task.Progress); told++ {
			fmt.Fprintf(said, "%s: %s\n", task.Unit, task.Progress[told])
		}
		if task.Status.Final() {
			return task, nil
		}
		select {
		case <-ctx.Done():
			return task, fmt.Errorf("task %s of %s is still %s, and goes on without this command: juju show-task %s tells how it ends",
				task.ID, task.Unit, task.Status, task.ID)
		case <-ticker.C:
		}
		now, err := s.Task(ctx, task.ID)
		switch {
		case err == nil:
			task = now
		case ctx.Err() == nil && !jujuapi.Retriable(err):
			return task, fmt.Errorf("cannot look at task %s, which goes on: %w", task.ID, err)
		}
	}
}

// ending is how a task has ended that is not completed.
func ending(s jujuapi.TaskStatus) string {
	switch s {
	case jujuapi.TaskCancelled, jujuapi.TaskAborted:
		return "been " + string(s)
	}
	return "failed"
}

// answer is what the charm's action has to say.
func answer(task jujuapi.Task) string {
	if text, ok := task.Output["output"].(string); ok {
		return wrapped(task.Unit+" has "+text+".", "")
	}
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(task.Output)) {
		fmt.Fprintf(&b, "%s: %v\n", key, task.Output[key])
	}
	return b.String()
}
