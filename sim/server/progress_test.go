package server_test

import (
	"encoding/json"
	"strings"
	"testing"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/profile"
	"jujuetcd.io/sim/server"
)

// A task is followed line by line, as juju run does it, and the Next that waits when its watcher is
// stopped ends in the words that were recorded.
func TestATaskIsFollowedByItsLines(t *testing.T) {
	for p, stopped := range map[string]string{
		"3.6": "watcher has been stopped",
		"4.0": "expected an error from *eventsource.NamespaceWatcher, got nil: watcher has been stopped",
	} {
		t.Run(p, func(t *testing.T) {
			played, err := profile.ByName(p)
			must(t, err)
			h, m := smallOf(t, played, server.Options{})
			c := h.login(t, m, "reader", password)
			_, tasks, err := m.Enqueue([]model.TaskRequest{{Receiver: "etcd/0", Name: "health"}})
			must(t, err)
			must(t, m.LogTask(tasks[0].Task.ID, "before"))
			entities := wire.Entities{Entities: []wire.Entity{{Tag: wire.ActionTag("1")}}}
			id := watcherID(t, c.call("Action", 7, "WatchActionsProgress", entities).Response)
			if named := strings.HasSuffix(id, "-1"); named != played.NamedWatchers {
				t.Errorf("a watcher is called %s", id)
			}
			lines := func(r wire.Response) (all string) {
				t.Helper()
				var next server.StringsWatchResult
				must(t, json.Unmarshal(r.Response, &next))
				for _, change := range next.Changes {
					var line struct{ Message, Timestamp string }
					must(t, json.Unmarshal([]byte(change), &line))
					all += line.Message + ";"
				}
				return all
			}
			if got := lines(c.callOf(id, "StringsWatcher", 1, "Next", struct{}{})); got != "before;" {
				t.Errorf("at first: %s", got)
			}
			next := func() {
				c.next++
				must(t, c.send(wire.Request{RequestID: c.next, Type: "StringsWatcher", Version: 1, ID: id, Request: "Next"}))
			}
			next()
			must(t, m.LogTask(tasks[0].Task.ID, "now"))
			if got := lines(c.read()); got != "now;" {
				t.Errorf("then: %s", got)
			}
			said := ""
			for said == "" { // Stop may overtake it.
				id = watcherID(t, c.call("Action", 7, "WatchActionsProgress", entities).Response)
				lines(c.callOf(id, "StringsWatcher", 1, "Next", struct{}{}))
				said = c.stoppedWhileItWaits(id)
			}
			if said != stopped {
				t.Errorf("stopped: got %q", said)
			}
			c.refused(wire.CodeNotFound, "unknown watcher id", "StringsWatcher", 1, "Next", nil)
		})
	}
}

// stoppedWhileItWaits is what a Next ends with when its watcher is stopped; nothing where the watcher
// was gone before.
func (c *client) stoppedWhileItWaits(id string) (said string) {
	c.t.Helper()
	for _, method := range []string{"Next", "Stop"} {
		c.next++
		must(c.t, c.send(wire.Request{RequestID: c.next, Type: "StringsWatcher", Version: 1, ID: id, Request: method}))
	}
	for range 2 {
		r := c.read()
		switch {
		case r.RequestID == c.next && r.Error == "":
		case r.RequestID == c.next-1 && r.ErrorCode == wire.CodeStopped:
			said = r.Error
		case r.RequestID == c.next-1 && r.ErrorCode == wire.CodeNotFound:
		default:
			c.t.Fatalf("got %+v", r)
		}
	}
	return said
}
