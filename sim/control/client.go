package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"jujuetcd.io/sim/model"
)

// SocketName is the socket's name in an instance's folder.
const SocketName = "control.sock"

// ErrNotRunning says that no instance answers.
var ErrNotRunning = errors.New("jujusim is not running")

// Client talks to an instance.
type Client struct {
	dir  string
	http *http.Client
}

// NewClient talks to the instance of a folder.
func NewClient(dir string) *Client {
	path := filepath.Join(dir, SocketName)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return &Client{dir: dir, http: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// Info asks what runs.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var info Info
	err := c.do(ctx, http.MethodGet, "/info", nil, &info)
	return info, err
}

// Refusal is an error that Juju's API has answered with.
type Refusal struct{ Message, Code string }

func (r *Refusal) Error() string { return r.Message }

// Call makes a call of Juju's API and decodes its response into result, which may be nil.
func (c *Client) Call(ctx context.Context, call Call, params, result any) error {
	raw, err := json.Marshal(params)
	if err != nil {
		return err
	}
	call.Params = raw
	var a Answer
	if err := c.do(ctx, http.MethodPost, "/call", call, &a); err != nil {
		return err
	}
	if a.Error != nil {
		return &Refusal{a.Error.Message, a.Error.Code}
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(a.Response, result)
}

// Deploy deploys or refreshes.
func (c *Client) Deploy(ctx context.Context, d Deploy) (Deployed, error) {
	var result Deployed
	err := c.do(ctx, http.MethodPost, "/deploy", d, &result)
	return result, err
}

// Attach gives an application a resource.
func (c *Client) Attach(ctx context.Context, a Attach) error {
	return c.do(ctx, http.MethodPost, "/resources", a, nil)
}

// AddModel makes a model.
func (c *Client) AddModel(ctx context.Context, name string) (Model, error) {
	var result Model
	err := c.do(ctx, http.MethodPost, "/models", Model{Name: name}, &result)
	return result, err
}

// Offer offers an application and returns the offer's URL.
func (c *Client) Offer(ctx context.Context, o Offer) (Named, error) {
	var result Named
	err := c.do(ctx, http.MethodPost, "/offers", o, &result)
	return result, err
}

// RemoveOffer takes an offer back.
func (c *Client) RemoveOffer(ctx context.Context, r RemoveOffer) error {
	return c.do(ctx, http.MethodDelete, "/offers", r, nil)
}

// Consume takes an offer into a model and returns the application's name there.
func (c *Client) Consume(ctx context.Context, o Consume) (Named, error) {
	var result Named
	err := c.do(ctx, http.MethodPost, "/consumed", o, &result)
	return result, err
}

// Root asks for the root of a machine.
func (c *Client) Root(ctx context.Context, t Target) (Folder, error) {
	var result Folder
	err := c.do(ctx, http.MethodPost, "/root", t, &result)
	return result, err
}

// Fault makes or heals a fault.
func (c *Client) Fault(ctx context.Context, f Fault) error {
	return c.do(ctx, http.MethodPost, "/faults", f, nil)
}

// Stop asks the instance to end.
func (c *Client) Stop(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/stop", struct{}{}, nil)
}

// Logs calls each with every line after the given number, until there are no more, or with follow until ctx is done.
func (c *Client) Logs(ctx context.Context, modelName string, after int, follow bool, each func(model.LogLine) error) error {
	query := url.Values{"model": {modelName}, "after": {strconv.Itoa(after)}, "follow": {strconv.FormatBool(follow)}}
	response, err := c.send(ctx, http.MethodGet, "/logs?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := json.NewDecoder(response.Body)
	for {
		var line model.LogLine
		if err := lines.Decode(&line); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || ctx.Err() != nil {
				return nil
			}
			return err
		}
		if err := each(line); err != nil {
			return err
		}
	}
}

func (c *Client) do(ctx context.Context, verb, path string, params, result any) error {
	response, err := c.send(ctx, verb, path, params)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if result == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(result)
}

// send returns only what was answered well.
func (c *Client) send(ctx context.Context, verb, path string, params any) (*http.Response, error) {
	var body io.Reader = http.NoBody
	if params != nil {
		data, err := json.Marshal(params)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, verb, "http://jujusim"+path, body)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%w in %s (jujusim start --dir %s)", ErrNotRunning, c.dir, c.dir)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot ask jujusim: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		text, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
		if err != nil {
			return nil, fmt.Errorf("cannot ask jujusim: %w", err)
		}
		return nil, errors.New(strings.TrimSpace(string(text)))
	}
	return response, nil
}
