package jujuapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/test/recordings"
)

// reading is how the answer to a call becomes what callers see. A nil result is a call that we
// never make.
func reading(r recordings.Request) func(json.RawMessage) (any, error) {
	replay := func(do func(context.Context, *jujuapi.Conn) (any, error)) func(json.RawMessage) (any, error) {
		return func(answer json.RawMessage) (any, error) {
			return jujuapi.Replay(answer, anotherPage, func(c *jujuapi.Conn) (any, error) { return do(context.Background(), c) })
		}
	}
	switch r.Type + "." + r.Method {
	case "Admin.Login":
		return replay(func(ctx context.Context, c *jujuapi.Conn) (any, error) {
			return c.Login(ctx, jujuapi.Controller{Username: "admin"})
		})
	case "Client.FullStatus":
		return replay(func(ctx context.Context, c *jujuapi.Conn) (any, error) {
			m, err := c.FullStatus(ctx, ref)
			if m != nil {
				m.AskedAt = time.Time{} // no word of the controller's
			}
			return m, err
		})
	case "Application.UnitsInfo":
		return replay(func(ctx context.Context, c *jujuapi.Conn) (any, error) { return c.UnitsInfo(ctx, "application-etcd") })
	case "Application.Get":
		return replay(func(ctx context.Context, c *jujuapi.Conn) (any, error) { return c.Options(ctx, "etcd") })
	case "Application.CharmConfig":
		return replay(func(ctx context.Context, c *jujuapi.Conn) (any, error) { return c.CharmConfig(ctx, "etcd") })
	case "Application.ApplicationsInfo":
		return replay(func(ctx context.Context, c *jujuapi.Conn) (any, error) { return c.ApplicationsInfo(ctx, "etcd") })
	case "Application.Leader":
		return replay(func(ctx context.Context, c *jujuapi.Conn) (any, error) { return c.Leader(ctx, "etcd") })
	case "Action.EnqueueOperation":
		return replay(func(ctx context.Context, c *jujuapi.Conn) (any, error) {
			return c.Enqueue(ctx, "etcd/0", "health", nil)
		})
	case "Action.Actions":
		var params wire.Entities
		_ = json.Unmarshal(r.Params, &params)
		var ids []string
		for _, e := range params.Entities {
			id, _ := wire.ID(e.Tag, "action")
			ids = append(ids, id)
		}
		return replay(func(ctx context.Context, c *jujuapi.Conn) (any, error) { return c.Tasks(ctx, ids...) })
	case "Action.ListOperations":
		return replay(func(ctx context.Context, c *jujuapi.Conn) (any, error) { return c.ListTasks(ctx, jujuapi.TaskFilter{}) })
	case "ModelManager.ListModels":
		return replay(func(ctx context.Context, c *jujuapi.Conn) (any, error) { return c.ListModels(ctx) })
	}
	return nil
}

// anotherPage is what a second call gets, where a first one leads to it.
var anotherPage = json.RawMessage(`{"results":[{"operation":"operation-998","summary":"","actions":[
	{"action":{"tag":"action-999","receiver":"unit-etcd-0","name":"health"},"status":"completed"}]}]}`)

// ignored names each key of the recorded answers that this package does not read, and why. "*"
// stands for any name or index.
var ignored = map[string]string{
	"Admin.Login/user-info/display-name":                                 "for people",
	"Admin.Login/servers/*/*/type":                                       "an address says itself whether it is IPv4, IPv6 or a name",
	"Admin.Login/servers/*/*/scope":                                      "puts addresses in order, and there is one in these recordings",
	"Admin.Login/discharge-required/*":                                   "discharges are refused, whatever they ask for",
	"Admin.Login/bakery-discharge-required/*":                            "discharges are refused, whatever they ask for",
	"Admin.Login/discharge-required-error":                               "discharges are refused, whatever they ask for",
	"Client.FullStatus/branches":                                         "a feature of 2.9 that nobody uses; null since 4.0",
	"Client.FullStatus/offers":                                           "etcd is not offered to other models",
	"Client.FullStatus/remote-applications":                              "etcd's clients are in the model",
	"Client.FullStatus/storage/*/kind":                                   "whatever its kind, it may hold data",
	"Client.FullStatus/storage/*/status/*":                               "storage that is on its way counts as well",
	"Client.FullStatus/storage/*/life":                                   "storage that is about to go is still there",
	"Client.FullStatus/storage/*/persistent":                             "what does not outlive its machine is gone with it",
	"Client.FullStatus/storage/*/attachments/*":                          "only whose it is matters, which the key shows",
	"Client.FullStatus/filesystems/*":                                    "what is on it belongs to the storage instance",
	"Client.FullStatus/model/type":                                       "the charm runs on machines only",
	"Client.FullStatus/model/cloud-tag":                                  "nothing depends on the cloud",
	"Client.FullStatus/model/region":                                     "nothing depends on the cloud",
	"Client.FullStatus/model/available-version":                          "upgrades of Juju are not ours",
	"Client.FullStatus/model/model-status/*":                             "calls fail by themselves where this would matter; since follows the time of the request",
	"Client.FullStatus/machines/*/agent-status/data":                     "empty in practice",
	"Client.FullStatus/machines/*/agent-status/kind":                     "empty in practice",
	"Client.FullStatus/machines/*/agent-status/version":                  "empty on 4.0; the unit's agent tells its version",
	"Client.FullStatus/machines/*/instance-status/*":                     "an instance that is not there shows in instance-id and in the agent",
	"Client.FullStatus/machines/*/modification-status/*":                 "of LXD profiles",
	"Client.FullStatus/machines/*/hostname":                              "the agent reports the host's name",
	"Client.FullStatus/machines/*/display-name":                          "for people",
	"Client.FullStatus/machines/*/base/*":                                "the charm's own manifest bounds it",
	"Client.FullStatus/machines/*/id":                                    "same as the key",
	"Client.FullStatus/machines/*/network-interfaces/*":                  "the agent reports its bind addresses, by the binding of the relation",
	"Client.FullStatus/machines/*/constraints":                           "for deploying",
	"Client.FullStatus/machines/*/hardware":                              "the agent reports its architecture",
	"Client.FullStatus/machines/*/jobs/*":                                "of controllers' machines",
	"Client.FullStatus/machines/*/has-vote":                              "of controllers' machines",
	"Client.FullStatus/machines/*/wants-vote":                            "of controllers' machines",
	"Client.FullStatus/applications/*/charm-version":                     "the agent reports its own version",
	"Client.FullStatus/applications/*/charm-profile":                     "of LXD profiles",
	"Client.FullStatus/applications/*/base/*":                            "the charm's own manifest bounds it",
	"Client.FullStatus/applications/*/relations/*":                       "the list of relations has more",
	"Client.FullStatus/applications/*/can-upgrade-to":                    "upgrades of the charm are not ours",
	"Client.FullStatus/applications/*/subordinate-to":                    "the charm is no subordinate",
	"Client.FullStatus/applications/*/status/data/*":                     "4.0 fills it only for hook errors, which the message says",
	"Client.FullStatus/applications/*/status/kind":                       "empty in practice",
	"Client.FullStatus/applications/*/status/version":                    "empty in practice",
	"Client.FullStatus/applications/*/status/life":                       "the application's own life is beside it",
	"Client.FullStatus/applications/*/endpoint-bindings/*":               "the agent asks network-get, which applies them",
	"Client.FullStatus/applications/*/public-address":                    "of Kubernetes",
	"Client.FullStatus/applications/*/units/*/agent-status/data":         "empty in practice",
	"Client.FullStatus/applications/*/units/*/agent-status/kind":         "empty in practice",
	"Client.FullStatus/applications/*/units/*/workload-status/data/*":    "only a relation's id, after a hook error",
	"Client.FullStatus/applications/*/units/*/workload-status/kind":      "empty in practice",
	"Client.FullStatus/applications/*/units/*/workload-status/version":   "empty in practice",
	"Client.FullStatus/applications/*/units/*/workload-status/life":      "the unit's life is in its agent status",
	"Client.FullStatus/applications/*/units/*/charm":                     "only while the charm is upgraded; the agent reports its own version",
	"Client.FullStatus/relations/*/scope":                                "the charm has no container-scoped relation",
	"Client.FullStatus/relations/*/endpoints/*/role":                     "peers are known by having one endpoint; else the endpoint's name shows it",
	"Client.FullStatus/relations/*/endpoints/*/subordinate":              "the charm is no subordinate",
	"Client.FullStatus/relations/*/status/info":                          "empty in practice",
	"Client.FullStatus/relations/*/status/data":                          "empty in practice",
	"Client.FullStatus/relations/*/status/since":                         "when does not matter, since the status is there",
	"Client.FullStatus/relations/*/status/kind":                          "empty in practice",
	"Client.FullStatus/relations/*/status/version":                       "empty in practice",
	"Client.FullStatus/relations/*/status/life":                          "empty in practice",
	"Application.UnitsInfo/results/*/result/charm":                       "the agent reports its own version",
	"Application.UnitsInfo/results/*/result/relation-data/*/cross-model": "always false on 4.0",
	"Application.Get/application":                                        "we asked for it",
	"Application.Get/charm":                                              "FullStatus has it",
	"Application.Get/application-config/*":                               "trust is not needed",
	"Application.Get/constraints/*":                                      "for deploying",
	"Application.Get/base/*":                                             "the charm's own manifest bounds it",
	"Application.Get/channel":                                            "of the charm; upgrades of it are not ours",
	"Application.Get/endpoint-bindings/*":                                "the agent asks network-get, which applies them",
	"Application.Get/config/*/description":                               "for people",
	"Application.CharmConfig/Results/*/config/*/description":             "for people",
	"Application.ApplicationsInfo/results/*/result/charm":                "FullStatus has it",
	"Application.ApplicationsInfo/results/*/result/base/*":               "the charm's own manifest bounds it",
	"Application.ApplicationsInfo/results/*/result/constraints/*":        "for deploying",
	"Application.ApplicationsInfo/results/*/result/remote":               "etcd's clients are in the model",
	"Application.ApplicationsInfo/results/*/result/endpoint-bindings/*":  "the agent asks network-get, which applies them",
	"Action.EnqueueOperation/operation":                                  "a task is followed by its own number",
	"Action.EnqueueOperation/actions/*/action/parallel":                  "we said so ourselves",
	"Action.Actions/results/*/action/parameters/*":                       "the agent's result names the spec that it applied",
	"Action.Actions/results/*/action/parallel":                           "for queueing",
	"Action.Actions/results/*/action/execution-group":                    "for queueing",
	"Action.Actions/results/*/log/*":                                     "for people",
	"Action.ListOperations/results/*/operation":                          "a task is followed by its own number",
	"Action.ListOperations/results/*/summary":                            "for people",
	"Action.ListOperations/results/*/enqueued":                           "the task's own is beside it",
	"Action.ListOperations/results/*/started":                            "the task's own is beside it",
	"Action.ListOperations/results/*/status":                             "the task's own is beside it",
	"Action.ListOperations/results/*/completed":                          "the task's status shows it",
	"Action.ListOperations/results/*/actions/*/action/parameters/*":      "the agent's result names the spec that it applied",
	"Action.ListOperations/results/*/actions/*/action/parallel":          "for queueing",
	"Action.ListOperations/results/*/actions/*/action/execution-group":   "for queueing",
	"Action.ListOperations/results/*/actions/*/log/*":                    "for people",
	"ModelManager.ListModels/user-models/*/last-connection":              "for people",
	"ModelManager.ListModels/user-models/*/model/type":                   "the charm runs on machines only",
}

// TestEveryRecordedKeyIsReadOrIgnoredWithAReason changes every value of every recorded answer, one
// at a time, and looks whether what callers get to see changes with it. So a key counts as read
// only if it has an effect.
func TestEveryRecordedKeyIsReadOrIgnoredWithAReason(t *testing.T) {
	t.Parallel()
	connections, err := recordings.Juju()
	if err != nil {
		t.Fatal(err)
	}
	read, unread := map[string]bool{}, map[string]string{}
	for _, c := range connections {
		for _, call := range c.Calls {
			see := reading(call.Request)
			if see == nil || call.Response.Error != "" {
				continue
			}
			root := value(t, call.Response.Response)
			want, wantErr := see(call.Response.Response)
			walk(root, nil, func(path []string, old any) {
				key := call.Request.Type + "." + call.Request.Method + "/" + generic(path)
				unread[key] = c.Name
				for _, other := range others(old) {
					data, err := json.Marshal(replace(root, path, other))
					if err != nil {
						t.Fatal(err)
					}
					got, gotErr := see(data)
					if gotErr != nil && strings.Contains(gotErr.Error(), " is not a ") && !strings.Contains(gotErr.Error(), " tag") {
						continue // a value of the wrong kind shows nothing
					}
					if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) || !cmp.Equal(got, want) {
						read[key] = true
					}
				}
			})
		}
	}
	used := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(unread)) {
		if read[key] || readBelow(read, key) {
			continue
		}
		pattern := match(key)
		if pattern == "" {
			t.Errorf("%s (in %s) is neither read, nor in the list of what is ignored", key, unread[key])
		}
		used[pattern] = true
	}
	for pattern := range ignored {
		if !used[pattern] {
			t.Errorf("%s is in the list of what is ignored, and is read, or is in no recording", pattern)
		}
	}
	if len(read) < 60 {
		t.Errorf("only %d keys are read at all: does this test still look?", len(read))
	}
}

// readBelow says that an object or list that is empty somewhere is read where it is not.
func readBelow(read map[string]bool, key string) bool {
	for r := range read {
		if strings.HasPrefix(r, key+"/") {
			return true
		}
	}
	return false
}

// match returns the entry of the list that covers key: itself, or "*" below it, or one above it
// that ends in "*".
func match(key string) string {
	for _, pattern := range []string{key, key + "/*"} {
		if _, ok := ignored[pattern]; ok {
			return pattern
		}
	}
	for parts := strings.Split(key, "/"); len(parts) > 1; parts = parts[:len(parts)-1] {
		if pattern := strings.Join(parts[:len(parts)-1], "/") + "/*"; ignored[pattern] != "" {
			return pattern
		}
	}
	return ""
}

// named has the places where a key is a name that somebody chose, not a word of the protocol.
var named = regexp.MustCompile(`^(\d+|.*/\d+|etcd.*|client.*|eth\d|lan\d|wlan\d|unit-.*|machine-.*)$`)

// open holds the objects all of whose keys are names.
var openObjects = []string{"config", "application-config", "endpoint-bindings", "units", "applications", "machines", "relations", "UnitData", "ApplicationData",
	"unit-relation-data", "parameters", "output", "network-interfaces", "constraints", "attachments"}

func generic(path []string) string {
	out := slices.Clone(path)
	for i, key := range out {
		if _, err := strconv.Atoi(key); err == nil || (i > 0 && slices.Contains(openObjects, path[i-1])) || named.MatchString(key) {
			out[i] = "*"
		}
		if i > 0 && slices.Contains([]string{"output", "parameters"}, path[i-1]) {
			return strings.Join(out[:i+1], "/") // what is below is the charm's own
		}
	}
	return strings.Join(out, "/")
}

// walk calls visit for each value below the root that is no object or list, or an empty one.
func walk(node any, path []string, visit func(path []string, value any)) {
	switch n := node.(type) {
	case map[string]any:
		if len(n) > 0 {
			for key, child := range n {
				walk(child, append(slices.Clone(path), key), visit)
			}
			return
		}
	case []any:
		if len(n) > 0 {
			for i, child := range n {
				walk(child, append(slices.Clone(path), strconv.Itoa(i)), visit)
			}
			return
		}
	}
	if len(path) > 0 {
		visit(path, node)
	}
}

// replace returns a copy of a tree in which there is another value at path.
func replace(node any, path []string, other any) any {
	if len(path) == 0 {
		return other
	}
	switch n := node.(type) {
	case map[string]any:
		n = maps.Clone(n)
		n[path[0]] = replace(n[path[0]], path[1:], other)
		return n
	case []any:
		n = slices.Clone(n)
		i, _ := strconv.Atoi(path[0])
		n[i] = replace(n[i], path[1:], other)
		return n
	}
	return node
}

// others are values to put in the place of v; for a null, of each kind that it may stand for.
func others(v any) []any {
	switch v := v.(type) {
	case string:
		if at, err := time.Parse(time.RFC3339, v); err == nil {
			return []any{at.Add(time.Hour).Format(time.RFC3339Nano)}
		}
		return []any{v + "9"}
	case json.Number:
		n, _ := v.Float64()
		return []any{n + 1}
	case bool:
		return []any{!v}
	case []any:
		return []any{[]any{"other"}, []any{map[string]any{}}}
	case map[string]any:
		return []any{map[string]any{"etcd/9": map[string]any{}}, map[string]any{"other": "other"}}
	}
	return []any{"2030-01-01T00:00:00Z", []any{"other"}, []any{map[string]any{}}, map[string]any{"etcd/9": map[string]any{}}, map[string]any{"other": "other"}}
}

func value(t *testing.T, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
