package etcdops_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/test/etcdtest"
)

// v2Of is the v2 API of a cluster's first member.
func v2Of(t *testing.T, c *etcdtest.Cluster) etcdops.V2 {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: c.TLS()}
	t.Cleanup(transport.CloseIdleConnections)
	return etcdops.V2{Client: &http.Client{Transport: transport}, Base: c.Endpoints()[0]}
}

// putV2 writes as a client of the v2 API does.
func putV2(t *testing.T, v etcdops.V2, key string, form url.Values) {
	t.Helper()
	at, err := url.Parse(v.Base)
	if err != nil {
		t.Fatal(err)
	}
	at.Path = "/v2/keys" + key
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, at.String(), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := v.Client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); response.StatusCode >= 300 {
		t.Fatalf("%s: %s %s", key, response.Status, body)
	}
}

func keysOf(t *testing.T, v etcdops.V2) map[string]etcdops.V2Key {
	t.Helper()
	list, err := v.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]etcdops.V2Key{}
	for _, k := range list {
		all[k.Key] = k
	}
	return all
}

// TestV2KeysAreAdded to those that are there: with empty directories, with the ends that they had, and again without a change.
func TestV2KeysAreAdded(t *testing.T) {
	for from, to := range map[string]string{"3.4": "3.5", "3.5": "3.4"} {
		t.Run(from, func(t *testing.T) {
			old := v2Of(t, etcdtest.Start(t, etcdtest.Options{Minor: from, Args: []string{"--enable-v2"}}))
			odd := "/odd names/ä %2F?&=#+"
			putV2(t, old, "/a/b/c", url.Values{"value": {"1"}})
			putV2(t, old, odd, url.Values{"value": {"a=b&c\n%41"}})
			putV2(t, old, "/nothing", url.Values{"value": {""}})
			putV2(t, old, "/empty", url.Values{"dir": {"true"}})
			putV2(t, old, "/ends", url.Values{"value": {"x"}, "ttl": {"3600"}})
			putV2(t, old, "/ending", url.Values{"dir": {"true"}, "ttl": {"3600"}})
			putV2(t, old, "/ending/in", url.Values{"value": {"y"}})
			putV2(t, old, "/shared", url.Values{"dir": {"true"}, "ttl": {"3600"}})
			keys, err := old.ReadOnce(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			cluster := etcdtest.Start(t, etcdtest.Options{Minor: to, Args: []string{"--enable-v2"}})
			here := v2Of(t, cluster)
			putV2(t, here, "/a/b/other", url.Values{"value": {"2"}})
			putV2(t, here, "/a/b/c", url.Values{"value": {"old"}})
			putV2(t, here, "/shared/mine", url.Values{"value": {"3"}})
			if _, err := cluster.Client().Put(t.Context(), "v3", "kept"); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := here.Add(t.Context(), keys, time.Now); err != nil {
					t.Fatal(err)
				}
				all := keysOf(t, here)
				for key, value := range map[string]string{"/a/b/c": "1", "/a/b/other": "2", odd: "a=b&c\n%41", "/nothing": "", "/shared/mine": "3", "/ending/in": "y", "/ends": "x"} {
					if got, has := all[key]; !has || got.Value != value || got.Dir {
						t.Errorf("%s is %+v, %v", key, got, has)
					}
				}
				if !all["/empty"].Dir || !all["/shared"].Expires.IsZero() || !all["/a/b/c"].Expires.IsZero() {
					t.Errorf("%+v %+v", all["/empty"], all["/shared"])
				}
				for _, key := range []string{"/ends", "/ending"} {
					was := keys[slices.IndexFunc(keys, func(k etcdops.V2Key) bool { return k.Key == key })]
					if off := all[key].Expires.Sub(was.Expires).Abs(); off > 10*time.Second {
						t.Errorf("the end of %s is off by %s", key, off)
					}
				}
			}
			if got, err := cluster.Client().Get(t.Context(), "v3"); err != nil || len(got.Kvs) != 1 {
				t.Errorf("the v3 key is gone: %v", err)
			}
			// What has ended meanwhile does not come back.
			late := func() time.Time { return time.Now().Add(2 * time.Hour) }
			fresh := v2Of(t, etcdtest.Start(t, etcdtest.Options{Minor: to, Args: []string{"--enable-v2"}}))
			if err := fresh.Add(t.Context(), keys, late); err != nil {
				t.Fatal(err)
			}
			if all := keysOf(t, fresh); len(all) != 7 || all["/ending/in"].Key != "" {
				t.Errorf("it has %v", all)
			}
		})
	}
}

// TestV2KeysThatCannotBeAdded: the reason is said, and a key that is not as it was written is found.
func TestV2KeysThatCannotBeAdded(t *testing.T) {
	off := v2Of(t, etcdtest.Start(t, etcdtest.Options{Minor: "3.5"}))
	if _, err := off.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "does not serve the v2 API") {
		t.Errorf("without the API: %v", err)
	}
	on := v2Of(t, etcdtest.Start(t, etcdtest.Options{Minor: "3.5", Args: []string{"--enable-v2"}}))
	putV2(t, on, "/x/y", url.Values{"value": {"1"}})
	if err := on.Add(t.Context(), []etcdops.V2Key{{Key: "/x", Value: "2"}}, time.Now); err == nil || !strings.Contains(err.Error(), "cannot write the v2 key /x: Not a file") {
		t.Errorf("a key in the place of a directory: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := off.ReadOnce(ctx); err == nil || !strings.Contains(err.Error(), "deadline exceeded") {
		t.Errorf("it is waited for for ever: %v", err)
	}
	loses := on
	loses.Client = &http.Client{Transport: losing{on.Client.Transport}}
	if err := loses.Add(t.Context(), []etcdops.V2Key{{Key: "/z", Value: "2"}}, time.Now); err == nil || !strings.Contains(err.Error(), "cannot find the v2 key /z") {
		t.Errorf("a write that is lost: %v", err)
	}
	for answer, words := range map[int]string{http.StatusUnauthorized: "authentication of the v2 API is on", http.StatusBadGateway: "cannot be read"} {
		says := on
		says.Client = &http.Client{Transport: saying(answer)}
		if _, err := says.Read(t.Context()); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%d: %v", answer, err)
		}
	}
}

// losing acknowledges writes, and writes nothing.
type losing struct{ http.RoundTripper }

func (l losing) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("{}"))}, nil
	}
	return l.RoundTripper.RoundTrip(r)
}

// saying answers with a status and no JSON.
type saying int

func (s saying) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: int(s), Body: io.NopCloser(strings.NewReader("no"))}, nil
}
