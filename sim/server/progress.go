package server

import (
	"context"
	"encoding/json"
	"time"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
)

// StringsWatchResults is the result of Action.WatchActionsProgress.
type StringsWatchResults struct {
	Results []StringsWatchResult `json:"results"`
}

// StringsWatchResult is a watcher, or what it has next, or an error.
type StringsWatchResult struct {
	WatcherID string      `json:"watcher-id"`
	Changes   []string    `json:"changes,omitempty"`
	Error     *wire.Error `json:"error,omitempty"`
}

// progress is a line of action-log, as a watcher sends it: as JSON within a string.
type progress struct {
	Message   string    `json:"message"`
	Timestamp time.Time `json:"timestamp"`
}

// watchActionsProgress is what juju run and juju exec follow a task by. Each watcher sends the lines
// that there are, and then each new one.
func watchActionsProgress(c *call, params wire.Entities) (StringsWatchResults, error) {
	if c.watchers == nil {
		return StringsWatchResults{}, failure(wire.CodeNotSupported, "watchers need a connection")
	}
	results := StringsWatchResults{Results: []StringsWatchResult{}}
	for _, e := range params.Entities {
		id, err := number(e.Tag, "action")
		if err == nil {
			_, err = c.model.Task(id)
		}
		if err != nil {
			results.Results = append(results.Results, StringsWatchResult{Error: inner(err)})
			continue
		}
		watcher := c.watchers.open("StringsWatcher", linesOf(c.model, id))
		results.Results = append(results.Results, StringsWatchResult{WatcherID: watcher})
	}
	return results, nil
}

// linesOf waits for lines of a task's log that were not yet sent.
func linesOf(m *model.Model, id int) func(context.Context) (any, error) {
	sent := 0
	return func(ctx context.Context) (any, error) {
		for {
			revision := m.Revision()
			t, err := m.Task(id)
			if err != nil {
				return nil, err
			}
			var changes []string
			for _, l := range t.Log[sent:] {
				line, err := json.Marshal(progress{l.Message, l.At.UTC()})
				if err != nil {
					return nil, err
				}
				changes = append(changes, string(line))
			}
			if sent = len(t.Log); len(changes) > 0 {
				return StringsWatchResult{Changes: changes}, nil
			}
			if _, err := m.WaitChange(ctx, revision); err != nil {
				return nil, err
			}
		}
	}
}

var stringsWatcherMethods = map[string]method{
	"Next": {run: typed(func(c *call, _ struct{}) (any, error) { return c.serve("StringsWatcher", nil) })},
	"Stop": {run: typed(func(c *call, _ struct{}) (any, error) { return nil, c.stopWatcher("StringsWatcher") })},
}
