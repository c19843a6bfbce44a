package snapd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Snap is an installed snap.
type Snap struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Revision string `json:"revision"`
	// Channel is where the revision came from, TrackingChannel what is followed; a local snap has neither, unless it was
	// switched.
	Channel         string `json:"channel"`
	TrackingChannel string `json:"tracking-channel"`
	// Status is active or installed (disabled).
	Status string `json:"status"`
	// Hold and GatingHold are until when refreshes are held, RFC 3339.
	Hold string `json:"hold"`
	Apps []App  `json:"apps"`
}

// App is a program of a snap.
type App struct {
	Snap    string `json:"snap"`
	Name    string `json:"name"`
	Daemon  string `json:"daemon"`
	Enabled bool   `json:"enabled"`
	Active  bool   `json:"active"`
}

// Local says that the snap came from a file: it has no asserted revision, and the store never refreshes it.
func (s *Snap) Local() bool { return strings.HasPrefix(s.Revision, "x") }

// Snap returns an installed snap, nil if it is not installed.
func (c *Client) Snap(ctx context.Context, name string) (*Snap, error) {
	var s Snap
	err := c.get(ctx, "/v2/snaps/"+url.PathEscape(name), &s)
	if Is(err, KindNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot look at snap %s: %w", name, err)
	}
	return &s, nil
}

// Install starts the installation of a snap from a channel and returns the change.
func (c *Client) Install(ctx context.Context, name, channel string) (string, error) {
	id, err := c.snapAction(ctx, name, map[string]any{"action": "install", "channel": channel})
	if err != nil {
		return "", fmt.Errorf("cannot install snap %s from channel %s: %w", name, channel, err)
	}
	return id, nil
}

// Refresh starts a refresh to what the channel has now.
func (c *Client) Refresh(ctx context.Context, name, channel string) (string, error) {
	id, err := c.snapAction(ctx, name, map[string]any{"action": "refresh", "channel": channel})
	if err != nil {
		return "", fmt.Errorf("cannot refresh snap %s to channel %s: %w", name, channel, err)
	}
	return id, nil
}

// Revert starts a return to the revision before.
func (c *Client) Revert(ctx context.Context, name string) (string, error) {
	id, err := c.snapAction(ctx, name, map[string]any{"action": "revert"})
	if err != nil {
		return "", fmt.Errorf("cannot revert snap %s: %w", name, err)
	}
	return id, nil
}

func (c *Client) snapAction(ctx context.Context, name string, action map[string]any) (string, error) {
	return c.change(ctx, http.MethodPost, "/v2/snaps/"+url.PathEscape(name), action)
}

// InstallFile starts the installation of a local file, which is not asserted; snapd refuses one that holds another snap than the named
// one: whoever uploads the file may choose a version of it, not what else runs as root. A snap that is installed gets a new revision.
func (c *Client) InstallFile(ctx context.Context, name, path string) (string, error) {
	id, err := c.installFile(ctx, name, path)
	if err != nil {
		return "", fmt.Errorf("cannot install snap file %s: %w", filepath.Base(path), err)
	}
	return id, nil
}

func (c *Client) installFile(ctx context.Context, name, path string) (string, error) {
	var around bytes.Buffer
	form := multipart.NewWriter(&around)
	for _, field := range [][2]string{{"dangerous", "true"}, {"action", "install"}, {"name", name}} {
		if err := form.WriteField(field[0], field[1]); err != nil {
			return "", err
		}
	}
	if _, err := form.CreateFormFile("snap", filepath.Base(path)); err != nil {
		return "", err
	}
	before := around.Len()
	if err := form.Close(); err != nil {
		return "", err
	}
	// The file is sent as it is read: a snap has tens of megabytes, and a unit's machine may be small.
	head, tail := around.Bytes()[:before], around.Bytes()[before:]
	return c.startChange(ctx, http.MethodPost, "/v2/snaps", form.FormDataContentType(), func() (io.ReadCloser, int64, error) {
		file, err := os.Open(path)
		if err != nil {
			return nil, 0, err
		}
		info, err := file.Stat()
		if err == nil && info.Size() == 0 {
			// Juju resources that were never uploaded are empty files.
			err = errors.New("the file is empty")
		}
		if err != nil {
			_ = file.Close()
			return nil, 0, err
		}
		text := io.MultiReader(bytes.NewReader(head), io.LimitReader(file, info.Size()), bytes.NewReader(tail))
		return struct {
			io.Reader
			io.Closer
		}{text, file}, int64(around.Len()) + info.Size(), nil
	})
}

// Option is a configuration value of the system, nil if it is not set.
func (c *Client) Option(ctx context.Context, key string) (any, error) {
	values := map[string]any{}
	err := c.get(ctx, "/v2/snaps/system/conf?keys="+url.QueryEscape(key), &values)
	if Is(err, KindNoOption) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read snapd's option %s: %w", key, err)
	}
	return values[key], nil
}

// SetOption starts to set a configuration value of the system. A bad value shows only in the change.
func (c *Client) SetOption(ctx context.Context, key string, value any) (string, error) {
	id, err := c.change(ctx, http.MethodPut, "/v2/snaps/system/conf", map[string]any{key: value})
	if err != nil {
		return "", fmt.Errorf("cannot set snapd's option %s: %w", key, err)
	}
	return id, nil
}

// SystemInfo is snapd itself.
type SystemInfo struct {
	Version string `json:"version"`
	Series  string `json:"series"`
	Refresh struct {
		Timer string `json:"timer"`
		Hold  string `json:"hold"`
	} `json:"refresh"`
}

// SystemInfo returns snapd's version and refresh settings in effect.
func (c *Client) SystemInfo(ctx context.Context) (SystemInfo, error) {
	var info SystemInfo
	if err := c.get(ctx, "/v2/system-info", &info); err != nil {
		return SystemInfo{}, fmt.Errorf("cannot look at snapd: %w", err)
	}
	return info, nil
}
