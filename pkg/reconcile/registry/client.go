package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// ErrNoDaemon says that no daemon listens on the socket.
var ErrNoDaemon = errors.New("no daemon listens")

// Client asks a daemon over its socket.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient makes a client for the socket at path. It connects when it is used, and speaks to nobody else than its own user or root.
func NewClient(path string) *Client {
	connect := func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, path) }
	return &Client{socket: path, http: &http.Client{Transport: &http.Transport{DialContext: connect, DisableKeepAlives: true}}}
}

// About asks who serves.
func (c *Client) About(ctx context.Context) (About, error) {
	return get[About](ctx, c, pathAbout, Ref{})
}

// Access asks how to reach a cluster.
func (c *Client) Access(ctx context.Context, ref Ref) (Access, error) {
	return get[Access](ctx, c, pathCredentials, ref)
}

// Clusters lists the clusters that match.
func (c *Client) Clusters(ctx context.Context, want Ref) ([]v1alpha1.EtcdCluster, error) {
	return get[[]v1alpha1.EtcdCluster](ctx, c, pathClusters, want)
}

// Units lists the units that match.
func (c *Client) Units(ctx context.Context, want Ref) ([]v1alpha1.EtcdUnit, error) {
	return get[[]v1alpha1.EtcdUnit](ctx, c, pathUnits, want)
}

// Records lists what has happened with a cluster or a unit, oldest first. The model is named in full, owner/name.
func (c *Client) Records(ctx context.Context, ref Ref) ([]Record, error) {
	return get[[]Record](ctx, c, pathRecords, ref)
}

// WatchClusters calls on with each cluster that matches, and with each change, until ctx or the daemon ends.
func (c *Client) WatchClusters(ctx context.Context, want Ref, on func(Event[v1alpha1.EtcdCluster]) error) error {
	return watch(ctx, c, pathClusters, want, on)
}

// WatchUnits calls on with each unit that matches, and with each change, until ctx or the daemon ends.
func (c *Client) WatchUnits(ctx context.Context, want Ref, on func(Event[v1alpha1.EtcdUnit]) error) error {
	return watch(ctx, c, pathUnits, want, on)
}

func (c *Client) open(ctx context.Context, path string, want Ref, more ...string) (io.ReadCloser, error) {
	values := url.Values{}
	for key, value := range map[string]string{"model": want.Model, "name": want.Name} {
		if value != "" {
			values.Set(key, value)
		}
	}
	for _, key := range more {
		values.Set(key, "1")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://jujuetcd"+path+"?"+values.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("cannot ask the daemon: %w", err)
	}
	response, err := c.http.Do(request)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("cannot ask the daemon at %s: %w", c.socket, ErrNoDaemon)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("cannot ask the daemon at %s: only its own user and root may (sudo)", c.socket)
	case err != nil:
		return nil, fmt.Errorf("cannot ask the daemon at %s: %w", c.socket, err)
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
		return nil, fmt.Errorf("cannot ask the daemon: %s", strings.TrimSpace(string(text)))
	}
	return response.Body, nil
}

func get[T any](ctx context.Context, c *Client, path string, want Ref) (T, error) {
	var out T
	body, err := c.open(ctx, path, want)
	if err != nil {
		return out, err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(&out); err != nil {
		return out, fmt.Errorf("cannot understand the daemon: %w", err)
	}
	return out, nil
}

func watch[T any](ctx context.Context, c *Client, path string, want Ref, on func(Event[T]) error) error {
	body, err := c.open(ctx, path, want, "watch")
	if err != nil {
		return err
	}
	defer body.Close()
	decoder := json.NewDecoder(body)
	for {
		var event Event[T]
		if err := decoder.Decode(&event); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("cannot watch any longer: the daemon has ended the stream: %w", err)
		}
		if err := on(event); err != nil {
			return err
		}
	}
}
