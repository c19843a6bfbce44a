//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// jujusDelays has the agents of a world hear of changes as late as those of a real Juju 4.0, as
// recorded: wherever a test claims a time.
const jujusDelays = "--change-stream=juju"

// logged is a line of the daemon's log.
type logged struct {
	Time                        time.Time
	Msg, Step, Unit, Target, At string
}

// phases is what the daemon has done since its log was so long: each step, how many deliveries have
// ended until the next one, and the seconds from one to the other.
func (w *world) phases(since int) string {
	w.t.Helper()
	var table strings.Builder
	var first, last logged
	deliveries, sum := 0, 0
	row := func(until time.Time) {
		if last.Step != "" {
			fmt.Fprintf(&table, "  %-16s %-24s %d deliveries, %4.1f s\n", last.Step, last.Target, deliveries, until.Sub(last.Time).Seconds())
		}
		sum, deliveries = sum+deliveries, 0
	}
	for _, text := range strings.Split(strings.TrimSpace(w.Log("jujuetcd")[since:]), "\n") {
		var line logged
		if json.Unmarshal([]byte(text), &line) != nil {
			continue // the log is being written
		}
		switch {
		case line.Msg == "Delivery ended":
			deliveries++
		case line.Msg == "Step", line.Msg == "Cluster is as wanted" && last.Step != "":
			row(line.Time)
			if last = line; first.Step == "" {
				first = line
			}
		}
	}
	if first.Step == "" {
		w.t.Error("the daemon's log has no step: this tells nothing")
	}
	fmt.Fprintf(&table, "  in sum: %d deliveries, %.1f s", sum, last.Time.Sub(first.Time).Seconds())
	return table.String()
}
