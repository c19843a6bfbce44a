package snapd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// Services lists the services of a snap.
func (c *Client) Services(ctx context.Context, snap string) ([]App, error) {
	var apps []App
	if err := c.get(ctx, "/v2/apps?select=service&names="+url.QueryEscape(snap), &apps); err != nil {
		return nil, fmt.Errorf("cannot list the services of snap %s: %w", snap, err)
	}
	return apps, nil
}

// Start starts the services of a snap, now and at every boot.
func (c *Client) Start(ctx context.Context, snap string) (string, error) {
	return c.services(ctx, "start", snap, map[string]any{"enable": true})
}

// Stop stops the services of a snap, now and at every boot.
func (c *Client) Stop(ctx context.Context, snap string) (string, error) {
	return c.services(ctx, "stop", snap, map[string]any{"disable": true})
}

// Restart restarts those services of a snap that run.
func (c *Client) Restart(ctx context.Context, snap string) (string, error) {
	return c.services(ctx, "restart", snap, nil)
}

func (c *Client) services(ctx context.Context, action, snap string, extra map[string]any) (string, error) {
	body := map[string]any{"action": action, "names": []string{snap}}
	for key, value := range extra {
		body[key] = value
	}
	id, err := c.change(ctx, http.MethodPost, "/v2/apps", body)
	if err != nil {
		return "", fmt.Errorf("cannot %s the services of snap %s: %w", action, snap, err)
	}
	return id, nil
}

// LogLine is what a service wrote.
type LogLine struct {
	Timestamp string `json:"timestamp"`
	Message   string `json:"message"`
	PID       string `json:"pid"`
}

// Logs are the last n lines that the services of a snap wrote, oldest first.
func (c *Client) Logs(ctx context.Context, snap string, n int) ([]LogLine, error) {
	path := "/v2/logs?names=" + url.QueryEscape(snap) + "&n=" + strconv.Itoa(n)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://snapd"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cannot reach snapd: %w", err)
	}
	defer resp.Body.Close()
	const limit = 4 << 20
	text, err := io.ReadAll(io.LimitReader(resp.Body, limit))
	if err != nil {
		return nil, fmt.Errorf("cannot read the logs of snap %s: %w", snap, err)
	}
	if resp.StatusCode != http.StatusOK {
		_, err := decode(resp.StatusCode, text)
		return nil, fmt.Errorf("cannot read the logs of snap %s: %w", snap, err)
	}
	return parseLogs(text)
}

// parseLogs reads a JSON text sequence: each line has a record separator before it.
func parseLogs(text []byte) ([]LogLine, error) {
	decoder := json.NewDecoder(bytes.NewReader(bytes.ReplaceAll(text, []byte{0x1e}, nil)))
	var lines []LogLine
	for {
		var line LogLine
		err := decoder.Decode(&line)
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return lines, fmt.Errorf("cannot read a log line: %w", err)
		}
		lines = append(lines, line)
	}
}
