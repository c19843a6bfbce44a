package snapd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/pause"
)

// Kinds of errors that a caller may act on.
const (
	KindNotFound         = "snap-not-found"
	KindAppNotFound      = "app-not-found"
	KindAlreadyInstalled = "snap-already-installed"
	KindLocal            = "snap-local"
	KindNoUpdate         = "snap-no-update-available"
	KindConflict         = "snap-change-conflict"
	KindNoOption         = "option-not-found"
	// What the store does not have: in that channel, for this architecture, at all under these
	// conditions.
	KindNoChannel      = "snap-channel-not-available"
	KindNoArchitecture = "snap-architecture-not-available"
	KindNoRevision     = "snap-revision-not-available"
	// The store cannot be reached.
	KindTimeout = "network-timeout"
	KindDNS     = "dns-failure"
)

// Error is a refusal of snapd's.
type Error struct {
	StatusCode int
	Kind       string
	Message    string
	// Releases are the channels in which the store has the snap for this machine, where it has none
	// in the one that was asked for.
	Releases []string
}

func (e *Error) Error() string {
	if len(e.Releases) == 0 {
		return e.Message
	}
	return e.Message + ", but in " + strings.Join(e.Releases, ", ")
}

// Is says whether the error is a refusal of that kind.
func Is(err error, kind string) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == kind
}

// StoreUnreachable says that an error, of a request or of a change, is about the way to the snap
// store. Outside of a search snapd has no kind for it, but its own words.
func StoreUnreachable(err error) bool {
	if err == nil || Is(err, KindTimeout) || Is(err, KindDNS) {
		return err != nil
	}
	for _, words := range []string{"persistent network error", "unable to contact snap store", "dial tcp", "api.snapcraft.io"} {
		if strings.Contains(err.Error(), words) {
			return true
		}
	}
	return false
}

// requestTimeout bounds one request; snapd answers all of ours at once.
const requestTimeout = 20 * time.Second

// Client is a connection to one snapd.
type Client struct {
	// Patience is how long a request is tried again while another change of the snap is under way;
	// default 3 s.
	Patience time.Duration
	http     *http.Client
}

// New returns a client of the snapd that listens on the socket.
func New(socket string) *Client {
	var dialer net.Dialer
	return &Client{
		Patience: 3 * time.Second,
		http: &http.Client{
			Timeout: requestTimeout,
			Transport: &http.Transport{
				DisableKeepAlives: true,
				DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
					return dialer.DialContext(ctx, "unix", socket)
				},
			},
		},
	}
}

// envelope is what every answer is wrapped in.
type envelope struct {
	Type       string          `json:"type"`
	StatusCode int             `json:"status-code"`
	Result     json.RawMessage `json:"result"`
	Change     string          `json:"change"`
}

// failure is the result of an error answer.
type failure struct {
	Message string          `json:"message"`
	Kind    string          `json:"kind"`
	Value   json.RawMessage `json:"value"` // of a type that depends on the kind
}

// releases are the channels that a failure names for the architecture that was asked for.
func (f failure) releases() []string {
	var value struct {
		Architecture string
		Releases     []struct{ Architecture, Channel string }
	}
	if f.Kind != KindNoChannel || json.Unmarshal(f.Value, &value) != nil {
		return nil
	}
	var list []string
	for _, r := range value.Releases {
		if r.Architecture == value.Architecture && r.Channel != "" {
			list = append(list, r.Channel)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// get reads a resource.
func (c *Client) get(ctx context.Context, path string, into any) error {
	e, err := c.do(ctx, http.MethodGet, path, "", bytesBody(nil))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(e.Result, into); err != nil {
		return fmt.Errorf("cannot read snapd's answer: %w", err)
	}
	return nil
}

// change starts a change and returns its ID. A conflict is tried again for a while.
func (c *Client) change(ctx context.Context, method, path string, body any) (string, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	return c.startChange(ctx, method, path, "application/json", bytesBody(text))
}

// body opens what a request says, and returns how long it is: it is read anew with each attempt.
type body func() (io.ReadCloser, int64, error)

func bytesBody(text []byte) body {
	return func() (io.ReadCloser, int64, error) {
		return io.NopCloser(bytes.NewReader(text)), int64(len(text)), nil
	}
}

func (c *Client) startChange(ctx context.Context, method, path, contentType string, body body) (string, error) {
	const interval = 200 * time.Millisecond
	deadline := time.Now().Add(c.Patience)
	for {
		e, err := c.do(ctx, method, path, contentType, body)
		if err == nil && (e.Type != "async" || e.Change == "") {
			err = fmt.Errorf("cannot read snapd's answer: it is %q and names no change", e.Type)
		}
		if !Is(err, KindConflict) || time.Now().Add(interval).After(deadline) {
			return e.Change, err
		}
		if err := pause.For(ctx, interval); err != nil {
			return "", err
		}
	}
}

func (c *Client) do(ctx context.Context, method, path, contentType string, body body) (envelope, error) {
	text, length, err := body()
	if err != nil {
		return envelope{}, err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://snapd"+path, text)
	if err != nil {
		_ = text.Close()
		return envelope{}, err
	}
	if req.ContentLength = length; length == 0 {
		req.Body = http.NoBody
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	// A process that was stopped goes on before its timers fire: what is asked for too late is not
	// asked for.
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return envelope{}, fmt.Errorf("cannot ask snapd: %w", context.DeadlineExceeded)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return envelope{}, fmt.Errorf("cannot reach snapd: %w", err)
	}
	defer resp.Body.Close()
	const limit = 16 << 20
	answer, err := io.ReadAll(io.LimitReader(resp.Body, limit))
	if err != nil {
		return envelope{}, fmt.Errorf("cannot read snapd's answer: %w", err)
	}
	return decode(resp.StatusCode, answer)
}

// decode opens the envelope; an answer of type error becomes an *Error.
func decode(status int, text []byte) (envelope, error) {
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil {
		return envelope{}, fmt.Errorf("cannot read snapd's answer (HTTP status %d): %w", status, err)
	}
	if e.Type == "error" || status >= http.StatusBadRequest {
		var f failure
		if err := json.Unmarshal(e.Result, &f); err != nil || f.Message == "" {
			f.Message = fmt.Sprintf("snapd answers with HTTP status %d", status)
		}
		return envelope{}, &Error{StatusCode: status, Kind: f.Kind, Message: f.Message, Releases: f.releases()}
	}
	return e, nil
}
