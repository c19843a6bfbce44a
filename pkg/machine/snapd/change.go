package snapd

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"jujuetcd.io/pkg/pause"
	"jujuetcd.io/pkg/printable"
)

// Change is work that snapd does in the background.
type Change struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	Summary string `json:"summary"`
	// Status is Do, Doing, Done, Undo, Undoing, Undone, Hold, Error or Wait.
	Status string `json:"status"`
	Ready  bool   `json:"ready"`
	// Err is why a change failed.
	Err   string `json:"err"`
	Tasks []Task `json:"tasks"`
}

// Task is one step of a change.
type Task struct {
	Kind     string   `json:"kind"`
	Summary  string   `json:"summary"`
	Status   string   `json:"status"`
	Log      []string `json:"log"`
	Progress struct {
		Label string `json:"label"`
		Done  int64  `json:"done"`
		Total int64  `json:"total"`
	} `json:"progress"`
}

// Failed says why a change that is ready did not do what it was for; nil if it did, or is not
// ready. Done says nothing about the health of what was changed.
func (c Change) Failed() error {
	if !c.Ready || c.Status == "Done" {
		return nil
	}
	reason := c.Err
	if reason == "" {
		reason = "it ended as " + c.Status
	}
	return fmt.Errorf("cannot finish change %s of snapd (%s): %s", c.ID, c.Summary, oneLine(reason))
}

// Progress says how far the change is, for people.
func (c Change) Progress() string {
	for i, t := range c.Tasks {
		if t.Status != "Doing" && t.Status != "Undoing" {
			continue
		}
		text := fmt.Sprintf("%s, step %d of %d: %s", c.Summary, i+1, len(c.Tasks), t.Summary)
		if t.Progress.Total > 1 {
			text += fmt.Sprintf(" (%d%%)", t.Progress.Done*100/t.Progress.Total)
		}
		return text
	}
	return c.Summary
}

// Change returns a change as it is now.
func (c *Client) Change(ctx context.Context, id string) (Change, error) {
	var change Change
	if err := c.get(ctx, "/v2/changes/"+url.PathEscape(id), &change); err != nil {
		return Change{}, fmt.Errorf("cannot look at change %s: %w", id, err)
	}
	return change, nil
}

// InProgress lists the changes of a snap that are not ready.
func (c *Client) InProgress(ctx context.Context, snap string) ([]Change, error) {
	var changes []Change
	if err := c.get(ctx, "/v2/changes?select=in-progress&for="+url.QueryEscape(snap), &changes); err != nil {
		return nil, fmt.Errorf("cannot list the changes of snap %s: %w", snap, err)
	}
	return changes, nil
}

// Wait watches a change until it is ready, or for at most the limit. The error is about watching,
// or the context's; a change that failed, or is not ready yet, is returned without one.
func (c *Client) Wait(ctx context.Context, id string, limit time.Duration) (Change, error) {
	deadline := time.Now().Add(limit)
	for interval := 20 * time.Millisecond; ; interval = min(2*interval, 250*time.Millisecond) {
		change, err := c.Change(ctx, id)
		if err != nil || change.Ready || time.Now().After(deadline) {
			return change, err
		}
		if err := pause.For(ctx, interval); err != nil {
			return change, err
		}
	}
}

func oneLine(text string) string { return printable.Line(text, printable.Status) }
