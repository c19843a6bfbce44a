package etcdops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"jujuetcd.io/pkg/printable"
)

const (
	// atOnceV2 is how many v2 keys are written at a time: each waits for a disk.
	atOnceV2 = 32
	// mostV2 bounds what a member answers: it is held in memory.
	mostV2 = 512 << 20
	// soonV2 is how long before its end a key may be gone: clocks and requests take some time.
	soonV2 = 5 * time.Second
	// notAFile is etcd's error where a directory is in the place of what is written.
	notAFile = 102
)

// V2Key is a key of the v2 API, or a directory.
type V2Key struct {
	Key, Value string
	Dir        bool
	// Expires is when etcd removes it, with all that is in it; zero for never.
	Expires time.Time
}

// V2 is a member that serves the v2 API, which etcd has up to 3.5.
type V2 struct {
	Client *http.Client
	// Base is its URL.
	Base string
}

// v2Answer is what a member says: a node, or an error.
type v2Answer struct {
	Code    int    `json:"errorCode"`
	Message string `json:"message"`
	Cause   string `json:"cause"`
	Node    v2Node `json:"node"`
}

type v2Node struct {
	Key        string    `json:"key"`
	Value      string    `json:"value"`
	Dir        bool      `json:"dir"`
	Expiration time.Time `json:"expiration"`
	Nodes      []v2Node  `json:"nodes"`
}

// errV2Auth: nobody but a user with a password reads what is there.
var errV2Auth = errors.New("authentication of the v2 API is on in it")

// Read reads all keys, directories before what is in them. Those whose names begin with _ are hidden: no
// list has them.
func (v V2) Read(ctx context.Context) ([]V2Key, error) {
	answer, err := v.ask(ctx, http.MethodGet, "/", url.Values{"recursive": {"true"}, "quorum": {"true"}, "sorted": {"true"}})
	if err == nil && answer.Code != 0 {
		err = answer.fault()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the v2 keys: %w", err)
	}
	return flat(nil, answer.Node.Nodes), nil
}

// ReadOnce is Read of a member that starts: it asks until the member serves, or ctx ends.
func (v V2) ReadOnce(ctx context.Context) ([]V2Key, error) {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		keys, err := v.Read(ctx)
		if err == nil || errors.Is(err, errV2Auth) {
			return keys, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w (%w)", context.Cause(ctx), err)
		}
	}
}

func flat(keys []V2Key, nodes []v2Node) []V2Key {
	for _, n := range nodes {
		keys = flat(append(keys, V2Key{Key: n.Key, Value: n.Value, Dir: n.Dir, Expires: n.Expiration}), n.Nodes)
	}
	return keys
}

// Add writes keys beside those that are there, in the place of those of the same names, and reads all of
// them back. What has a time to live keeps its end, but for a directory that is there already: etcd 3.5
// takes another end of it for a fault. It may be called again: the keys are the same then.
func (v V2) Add(ctx context.Context, keys []V2Key, now func() time.Time) error {
	ends := map[string]time.Time{}
	for _, k := range alive(keys, now()) {
		if !k.Dir {
			continue
		}
		ends[k.Key] = k.Expires
		if err := v.put(ctx, k, withEnd(url.Values{"dir": {"true"}}, k, now())); err != nil {
			return err
		}
	}
	// A key that is written when its directory has ended would stay for ever.
	over := func(key string) bool {
		for dir := path.Dir(key); dir != "/"; dir = path.Dir(dir) {
			if end := ends[dir]; !end.IsZero() && !end.After(now()) {
				return true
			}
		}
		return false
	}
	group, limited := errgroup.WithContext(ctx)
	group.SetLimit(atOnceV2)
	for _, k := range alive(keys, now()) {
		if !k.Dir {
			group.Go(func() error {
				if over(k.Key) {
					return nil
				}
				return v.put(limited, k, withEnd(url.Values{"value": {k.Value}}, k, now()))
			})
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return v.proves(ctx, keys, now)
}

// alive are the keys that have not ended by now, nor a directory that they are in.
func alive(keys []V2Key, now time.Time) (left []V2Key) {
	gone := ""
	for _, k := range keys {
		ended := !k.Expires.IsZero() && !k.Expires.After(now)
		switch {
		case gone != "" && strings.HasPrefix(k.Key, gone):
		case ended && k.Dir:
			gone = k.Key + "/"
		case !ended:
			left = append(left, k)
		}
	}
	return left
}

func withEnd(form url.Values, k V2Key, now time.Time) url.Values {
	if !k.Expires.IsZero() {
		form.Set("ttl", strconv.FormatInt(max(1, int64((k.Expires.Sub(now)+time.Second-1)/time.Second)), 10))
	}
	return form
}

// put writes one key or directory. A directory that is there already is no fault.
func (v V2) put(ctx context.Context, k V2Key, form url.Values) error {
	answer, err := v.ask(ctx, http.MethodPut, k.Key, form)
	if err == nil && answer.Code != 0 && (!k.Dir || answer.Code != notAFile) {
		err = answer.fault()
	}
	if err != nil {
		return fmt.Errorf("cannot write the v2 key %s: %w", printable.Line(k.Key, printable.Name), err)
	}
	return nil
}

// proves reads back what was written.
func (v V2) proves(ctx context.Context, keys []V2Key, now func() time.Time) error {
	there, err := v.Read(ctx)
	if err != nil {
		return err
	}
	named := map[string]V2Key{}
	for _, k := range there {
		named[k.Key] = k
	}
	for _, want := range alive(keys, now().Add(soonV2)) {
		if got, has := named[want.Key]; !has || got.Dir != want.Dir || got.Value != want.Value {
			return fmt.Errorf("cannot find the v2 key %s as it was written: another client may have changed it; run it again when none writes",
				printable.Line(want.Key, printable.Name))
		}
	}
	return nil
}

func (v V2) ask(ctx context.Context, method, key string, form url.Values) (answer v2Answer, err error) {
	at, err := url.Parse(v.Base)
	if err != nil {
		return answer, err
	}
	at.Path = "/v2/keys" + key
	var body io.Reader
	if method == http.MethodGet {
		at.RawQuery = form.Encode()
	} else {
		body = strings.NewReader(form.Encode())
	}
	request, err := http.NewRequestWithContext(ctx, method, at.String(), body)
	if err != nil {
		return answer, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := v.Client.Do(request)
	if err != nil {
		return answer, err
	}
	defer response.Body.Close()
	limited := &io.LimitedReader{R: response.Body, N: mostV2}
	err = json.NewDecoder(limited).Decode(&answer)
	switch {
	case response.StatusCode == http.StatusUnauthorized:
		return answer, errV2Auth
	case limited.N <= 0:
		return answer, fmt.Errorf("there are more than %d MiB of them", mostV2>>20)
	case response.StatusCode == http.StatusNotFound && answer.Code == 0:
		return answer, errors.New("the member does not serve the v2 API")
	case err != nil:
		return answer, fmt.Errorf("the answer (%s) cannot be read: %w", response.Status, err)
	}
	return answer, nil
}

func (a v2Answer) fault() error {
	return fmt.Errorf("%s (%s)", printable.Line(a.Message, printable.Reason), printable.Line(a.Cause, printable.Name))
}
