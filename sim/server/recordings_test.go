package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/server"
	"jujuetcd.io/test/recordings"
)

// chapter is one recorded connection, and what happened before each of its calls.
type chapter struct {
	name   string
	before map[int]func(*story)
}

// chapters are all recordings, in the order in which they were made: state and numbers go on from one to the next.
var chapters = []chapter{
	{name: "login-controller"}, {name: "login-model"},
	{name: "fullstatus-watchall"},
	{name: "application"},
	{name: "action-enqueue", before: map[int]func(*story){0: func(s *story) {
		must(s.t, s.m.UnsetConfig("etcd", []string{"snap-count"}))
	}}},
	{name: "action-errors", before: map[int]func(*story){0: func(s *story) {
		s.health("etcd/0")
		s.enqueue("etcd/0", "snapshot", map[string]any{"keys-version": "v3", "sleep": 3})
		s.snapshot("etcd/0")
	}}},
	{name: "action-after", before: map[int]func(*story){0: func(s *story) { s.runs("etcd/0", "snapshot starting") }}},
	{name: "controller-models"},
	{name: "action-lifecycle", before: map[int]func(*story){
		0: func(s *story) {
			nine, err := s.m.Task(9)
			must(s.t, err)
			s.ends(nine, model.TaskCompleted, "", snapshotOutput)
			s.enqueue("etcd/0", model.Exec, map[string]any{"command": "hostname", "timeout": 30000000000})
			s.ends(s.runs("etcd/0", ""), model.TaskCompleted, "", nil)
		},
		2: func(s *story) { s.snapshot("etcd/0") },
		6: func(s *story) { s.ends(s.runs("etcd/0", "snapshot starting"), model.TaskFailed, "asked to fail", nil) },
		8: func(s *story) { s.runs("etcd/0", "snapshot starting") },
	}},
	{name: "login-model-reader"},
	{name: "reader-refused", before: map[int]func(*story){0: func(s *story) {
		seventeen, err := s.m.Task(17)
		must(s.t, err)
		s.ends(seventeen, model.TaskCompleted, "", snapshotOutput)
		s.health("etcd/0")
	}}},
	{name: "login-no-access"}, {name: "login-bad-password"}, {name: "login-unknown-user"}, {name: "login-unknown-model"},
	{name: "login-client-3.6"}, {name: "login-local-suffix"}, {name: "no-login"},
	{name: "fullstatus-relations", before: map[int]func(*story){0: func(s *story) {
		_, err := s.m.AddUnits("etcd", 1, nil)
		must(s.t, err)
		s.machine("1", "10.213.0.12", "jjm2")
		s.deploy("client", lab(s.t, "name: clientcharm\nrequires: {db: {interface: labdb}}", "", ""), "0")
		_, err = s.m.AddRelation("etcd:db", "client:db")
		must(s.t, err)
		for _, unit := range []string{"etcd/0", "etcd/1", "client/0"} {
			s.starts(unit)
		}
		s.healthy("etcd/0")
		s.healthy("etcd/1")
		must(s.t, s.m.Commit("client/0", model.Changes{UnitSettings: map[int]map[string]string{1: {"hello": "world"}}}))
	}}},
	{name: "unitsinfo-relations", before: map[int]func(*story){3: func(s *story) {
		s.runs("etcd/0", "checking")
		s.runs("etcd/1", "checking")
	}}},
	{name: "fullstatus-hook-error-agent-lost", before: map[int]func(*story){0: func(s *story) {
		for _, id := range []int{21, 22} {
			task, err := s.m.Task(id)
			must(s.t, err)
			s.ends(task, model.TaskCompleted, "", healthOutput)
		}
		s.deploy("client2", lab(s.t, "name: clientcharm\nrequires: {db: {interface: labdb}}", "", ""), "0")
		_, err := s.m.AddRelation("etcd:db", "client2:db")
		must(s.t, err)
		s.starts("client2/0")
		must(s.t, s.m.EnterScope("etcd/0", 2))
		must(s.t, s.m.FailHook("client2/0", model.FailedHook{Name: "db-relation-joined", Relation: 2, RemoteUnit: "etcd/0"}))
		must(s.t, s.m.AgentGone("etcd/1"))
		must(s.t, s.m.MachineStopped("1"))
	}}},
	{name: "action-agent-lost"},
	{name: "fullstatus-scaled", before: map[int]func(*story){0: func(s *story) {
		s.machine("1", "10.213.0.12", "jjm2")
		s.starts("etcd/1")
		s.healthy("etcd/1")
		s.health("etcd/1")
		s.starts("client2/0")
		_, err := s.m.AddUnits("client", 2, []model.Placement{"1"})
		must(s.t, err)
		must(s.t, s.m.UnitGone("client/1"))
		must(s.t, s.m.DestroyRelation("client2", "etcd", false))
		must(s.t, s.m.LeaveScope("etcd/0", 2))
		must(s.t, s.m.LeaveScope("etcd/1", 2))
		must(s.t, s.m.LeaveScope("client2/0", 2))
		s.refreshes()
	}}},
	{name: "action-while-blocked"},
	{name: "action-list-all", before: map[int]func(*story){0: func(s *story) {
		s.enqueue("etcd/0", "health", nil)
		s.health("etcd/0")
		s.health("etcd/0")
	}}},
	{name: "action-unknown-parameter"},
	{name: "secrets"},
}

// differs are the values that differ by nature, as recording, and path in the reply, with the reason. Their types have to be the
// same all the same. The paths in gone may also be absent on either side.
var differs = []struct {
	recording, path *regexp.Regexp
	reason          string
}{
	{every, re(`(^|\.)(since|enqueued|started|completed|timestamp|controller-timestamp|last-connection)$`), "times"},
	{every, re(`^changes\[`), "a line of a log with its time, in one text"},
	{every, re(`(^|\.)watcher-id$`), "each connection's watchers have names of their own"},
	{every, re(`^servers\[`), "the controller's address"},
	{every, re(`\.(cloud-tag|hardware|constraints)$`), "another cloud, other machines"},
	{every, re(`\.(location|mount-point)$`), "Juju puts storage in a folder with a random name"},
	{every, re(`^filesystems\[\d+\]\.info\.size$`), "another disk"},
	{re(`^secrets$`), re(`(^|\.)uri$|^results\[\d+\]\.result$`), "random"},
	{re(`^secrets$`), re(`\.(create|update)-time$`), "times"},
	{re(`^no-login$`), re(`discharge-required\.`), "a macaroon is random"},
	{every, re(`^results\[\d+\]\.result\.id$`), "random"},
}

// gone are parts that are made otherwise, with the reason; they are not looked into.
var gone = []struct {
	recording, path *regexp.Regexp
	reason          string
}{
	{every, re(`\.network-interfaces$`), "jujusim's machines have the loopback interface alone"},
	{re(`^action-after$`), re(`^results\[3\]\.(actions\[0\]\.)?(status|message)$`), "Juju's agent took task 9 before 7: they run in no order, and ours is another"},
	{re(`^controller-models$`), re(`^results\[0\]\.result\.counts$`), "jujusim's controller is on none of its machines"},
	{re(`^controller-models$`), re(`\.(users|secret-backends|cloud-credential-.*)$`), "carol was there later; no secret is kept in a backend, and there is no cloud"},
	{re(`^fullstatus-scaled$`), re(`^machines\.2\.(agent|instance)-status$`), "the recorded cloud could not make machine 2"},
}

var every = re(``)

func re(text string) *regexp.Regexp { return regexp.MustCompile(text) }

func TestRepliesAreTheRecordedOnes(t *testing.T) {
	connections, err := recordings.Juju()
	must(t, err)
	byName := map[string]recordings.Connection{}
	for _, c := range connections {
		byName[c.Name] = c
	}
	s := newStory(t)
	for _, ch := range chapters {
		recorded, ok := byName[ch.name]
		if !ok {
			t.Errorf("there is no recording %s", ch.name)
			continue
		}
		delete(byName, ch.name)
		s.replay(ch, recorded)
	}
	for name := range byName {
		t.Errorf("recording %s is not replayed", name)
	}
}

func (s *story) replay(ch chapter, recorded recordings.Connection) {
	s.t.Helper()
	address, err := url.Parse(recorded.URL)
	must(s.t, err)
	c := s.dial(s.t, address.Path)
	first := recorded.Calls[0].Request
	if first.Type != "Admin" && ch.name != "no-login" {
		user := "admin"
		if ch.name == "reader-refused" {
			user = "carol"
		}
		if r := c.call("Admin", 3, "Login", map[string]string{"auth-tag": "user-" + user, "credentials": password}); r.Error != "" {
			s.t.Fatal(r.Error)
		}
	}
	watchers := map[string]string{} // ours, by the recorded names
	for i, call := range recorded.Calls {
		if before := ch.before[i]; before != nil {
			before(s)
		}
		where := fmt.Sprintf("%s: call %d, %s.%s", ch.name, i, call.Request.Type, call.Request.Method)
		got := c.callOf(watchers[call.Request.Object], call.Request.Type, call.Request.Version, call.Request.Method, call.Request.Params)
		if call.Request.Method == "WatchActionsProgress" {
			watchers[watcherID(s.t, call.Response.Response)] = watcherID(s.t, got.Response)
		}
		if got.Error != call.Response.Error || got.ErrorCode != call.Response.ErrorCode {
			s.t.Errorf("%s: got error %q (%s), recorded %q (%s)", where, got.Error, got.ErrorCode, call.Response.Error, call.Response.ErrorCode)
			continue
		}
		compare(s.t, where, ch.name, "", tree(s.t, call.Response.Response), tree(s.t, got.Response))
	}
}

func watcherID(t *testing.T, answer json.RawMessage) string {
	t.Helper()
	var r server.StringsWatchResults
	must(t, json.Unmarshal(answer, &r))
	if len(r.Results) != 1 || r.Results[0].WatcherID == "" {
		t.Fatalf("there is no watcher in %s", answer)
	}
	return r.Results[0].WatcherID
}

func tree(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	must(t, json.Unmarshal(data, &v))
	return v
}

// compare reports each path at which what is recorded and what we answered differ.
func compare(t *testing.T, where, recording, path string, recorded, got any) {
	t.Helper()
	for _, g := range gone {
		if g.recording.MatchString(recording) && g.path.MatchString(path) {
			return
		}
	}
	if fmt.Sprintf("%T", recorded) != fmt.Sprintf("%T", got) {
		t.Errorf("%s: at %s: got %T %v, recorded %T %v", where, path, got, got, recorded, recorded)
		return
	}
	switch recorded := recorded.(type) {
	case map[string]any:
		got := got.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(merge(maps.Clone(recorded), got))) {
			_, inRecorded := recorded[key]
			_, inGot := got[key]
			next := key
			if path != "" {
				next = path + "." + key
			}
			switch {
			case inRecorded && inGot:
				compare(t, where, recording, next, recorded[key], got[key])
			case !absent(recording, next):
				t.Errorf("%s: key %s: recorded %t, got %t", where, next, inRecorded, inGot)
			}
		}
	case []any:
		got := got.([]any)
		if len(recorded) != len(got) {
			t.Errorf("%s: at %s: got %d entries, recorded %d", where, path, len(got), len(recorded))
			return
		}
		sortEntries(recorded)
		sortEntries(got)
		for i := range recorded {
			compare(t, where, recording, fmt.Sprintf("%s[%d]", path, i), recorded[i], got[i])
		}
	default:
		if recorded != got && !differ(recording, path) {
			t.Errorf("%s: at %s: got %v, recorded %v", where, path, got, recorded)
		}
	}
}

// sortEntries orders lists whose order Juju does not promise, by what names their entries.
func sortEntries(list []any) {
	key := func(v any) string {
		entry, _ := v.(map[string]any)
		for _, name := range []string{"relation-id", "storage-tag", "filesystem-tag", "key"} {
			if id, ok := entry[name]; ok {
				return fmt.Sprint(id)
			}
		}
		return ""
	}
	slices.SortStableFunc(list, func(a, b any) int { return strings.Compare(key(a), key(b)) })
}

func absent(recording, path string) bool {
	for _, g := range gone {
		if g.recording.MatchString(recording) && g.path.MatchString(path) {
			return true
		}
	}
	return false
}

func differ(recording, path string) bool {
	for _, d := range differs {
		if d.recording.MatchString(recording) && d.path.MatchString(path) {
			return true
		}
	}
	return false
}
