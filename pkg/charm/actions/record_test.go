package actions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/actions"
	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/charm/detached"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/pkg/snapshot/store"
)

// fakeMachine is what a test sets.
type fakeMachine struct {
	restores []machine.Restore
	restored machine.Restored
	added    []machine.RestoreV2
	takenV2  int // how often v2 keys were
	fault    error
	// resumed counts how often a restore was taken up.
	resumed int

	facts v1alpha1.UnitFacts
	own   etcdops.EndpointHealth
	view  etcdops.View
	last  *v1alpha1.EtcdUnitSpec
	keys  machine.Credentials
	// handed are the files that were handed out.
	handed map[string][]byte
	broken error
	// unasked is why etcd could not be asked.
	unasked error
	// disarmed and compacted are what etcd answers.
	disarmed  []etcdops.Alarm
	compacted int64
	texts     []machine.Diagnostic
	// asked is how Compact was called.
	asked string

	taken   snapshot.Archive
	behind  string
	takings []machine.Snapshots
	listed  []snapshot.Listed
	looked  []string // folders that were listed
	staged  []machine.Restore
	folder  string // what is fetched comes there
	// identity is where the identity lies that opens what is encrypted.
	identity string
}

func (m *fakeMachine) TakeSnapshot(_ context.Context, s machine.Snapshots) (snapshot.Archive, string, error) {
	m.takings = append(m.takings, s)
	s.Progress("verifying it")
	return m.taken, m.behind, m.broken
}

func (m *fakeMachine) TakeV2Snapshot(_ context.Context, s machine.Snapshots) (snapshot.Archive, error) {
	m.takings = append(m.takings, s)
	m.takenV2++
	return m.taken, m.broken
}

func (m *fakeMachine) ListSnapshots(_ context.Context, dir string, verify bool) ([]snapshot.Listed, error) {
	m.looked = append(m.looked, fmt.Sprint(dir, " ", verify))
	return m.listed, m.broken
}

// OpenStore is the machine's, without a spec; with one that is broken there is a fault.
func (m *fakeMachine) OpenStore(p store.Provider) (*store.Store, error) {
	related, err := store.FromRelation(p)
	if err != nil || related.Bucket == "" {
		return nil, err
	}
	return store.Open(v1alpha1.SnapshotStore{}, related, "/")
}

func (m *fakeMachine) FetchStored(ctx context.Context, s *store.Store, id, prefix string) (string, func(), error) {
	path := filepath.Join(m.folder, "fetched")
	return path, func() { _ = os.Remove(path) }, s.Fetch(ctx, id, prefix, path)
}

func (m *fakeMachine) Facts(context.Context) (v1alpha1.UnitFacts, error) { return m.facts, nil }

func (m *fakeMachine) Restore(_ context.Context, r machine.Restore) (machine.Restored, error) {
	m.restores = append(m.restores, r)
	return m.restored, m.fault
}

func (m *fakeMachine) ResumeRestore(context.Context) (bool, machine.Restored, error) {
	m.resumed++
	return m.restored.To != "", m.restored, m.fault
}

func (m *fakeMachine) RestoreV2(_ context.Context, r machine.RestoreV2) (machine.RestoredV2, error) {
	m.added = append(m.added, r)
	return machine.RestoredV2{Keys: 3, Directories: 2, ClusterID: latched}, m.fault
}

func (m *fakeMachine) StageRestore(_ context.Context, r machine.Restore) (v1alpha1.RestoreFacts, error) {
	m.staged = append(m.staged, r)
	return v1alpha1.RestoreFacts{ID: strconv.FormatInt(r.Task, 10), ClusterID: "00000000000000d1", Token: r.Token, Name: "etcd0",
		PeerURL: "https://10.0.0.4:2380"}, m.fault
}

func (m *fakeMachine) Path(path string) string {
	if path == v1alpha1.IdentityFile && m.identity != "" {
		return m.identity
	}
	return path
}

func (m *fakeMachine) Health(context.Context) (etcdops.EndpointHealth, etcdops.View, error) {
	return m.own, m.view, m.unasked
}

func (m *fakeMachine) Last() (*v1alpha1.EtcdUnitSpec, error)           { return m.last, m.broken }
func (m *fakeMachine) ClientCredentials() (machine.Credentials, error) { return m.keys, nil }

func (m *fakeMachine) Disarm(context.Context) ([]etcdops.Alarm, error) { return m.disarmed, m.broken }

func (m *fakeMachine) Compact(_ context.Context, revision int64, physical bool) (int64, error) {
	m.asked = fmt.Sprint(revision, physical)
	return m.compacted, m.broken
}

func (m *fakeMachine) Diagnostics(context.Context) []machine.Diagnostic { return m.texts }

func (m *fakeMachine) HandOut(name string, data []byte) (string, error) {
	if m.handed == nil {
		m.handed = map[string][]byte{}
	}
	m.handed[name] = data
	return v1alpha1.LoginHome + "/" + name, nil
}

// unit is etcd/0 on a fake Juju and a fake machine.
type unit struct {
	t       *testing.T
	juju    *charmtest.Juju
	machine fakeMachine
	// works stands for the work if it is set.
	works func(actions.RestoreOrder) (actions.RestoreOutcome, error)
	task  int64 // the one that ran last
}

const (
	latched = "0000000000000007"
	token   = "token"
)

// newUnit is one that has published facts, in a cluster that was born.
func newUnit(t *testing.T) *unit {
	u := &unit{t: t, juju: charmtest.NewJuju(), task: 10}
	u.publish(nil)
	u.latch(v1alpha1.LatchClusterIDKey, latched)
	u.latchJSON(v1alpha1.LatchSeedsKey, v1alpha1.Seeds{Token: token})
	return u
}

// publish makes the unit have published that it asks for this.
func (u *unit) publish(request *v1alpha1.Request) {
	text, err := json.Marshal(v1alpha1.UnitFacts{Protocol: v1alpha1.Protocol, Request: request})
	if err != nil {
		u.t.Fatal(err)
	}
	u.juju.Bags["cluster:0 etcd/0"] = map[string]string{v1alpha1.FactsKey: string(text)}
}

func (u *unit) latch(key, value string) {
	if u.juju.Bags["cluster:0 etcd"] == nil {
		u.juju.Bags["cluster:0 etcd"] = map[string]string{}
	}
	u.juju.Bags["cluster:0 etcd"][key] = value
}

func (u *unit) latchJSON(key string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		u.t.Fatal(err)
	}
	u.latch(key, string(text))
}

// ended gives the latch the mark that no unit stayed.
func (u *unit) ended() {
	u.latchJSON(v1alpha1.LatchEndingKey, v1alpha1.Ending{ClusterID: latched, Token: token})
}

// do runs an action, which is given the parameter, as Juju's next task, or as another one.
func (u *unit) do(name, parameter string, task ...int64) {
	u.t.Helper()
	u.task++
	if len(task) > 0 {
		u.task = task[0]
	}
	u.juju.Calls, u.juju.Failure, u.juju.Desired = nil, "", parameter
	clear(u.juju.Results)
	if err := actions.Do(u.t.Context(), u.dispatch(name), &u.machine, u.work); err != nil {
		u.t.Fatal(err)
	}
}

// work is what the program of the unit's own does.
func (u *unit) work(ctx context.Context, order actions.RestoreOrder, tell detached.Tell) (actions.RestoreOutcome, error) {
	if u.works != nil {
		return u.works(order)
	}
	return actions.PerformRestore(ctx, &u.machine, order, tell.Progress), nil
}

// dispatch is one of an action, as the task that ran last.
func (u *unit) dispatch(name string) *dispatch.Run {
	return &dispatch.Run{
		Env:   dispatch.Env{Kind: dispatch.KindAction, Name: name, Unit: "etcd/0", Action: u.task},
		Tools: hooktool.New(u.juju), Log: logr.Discard(), Now: func() time.Time { return charmtest.Now },
	}
}

// request is what the unit has recorded.
func (u *unit) request() *v1alpha1.Request {
	u.t.Helper()
	var facts v1alpha1.UnitFacts
	if err := json.Unmarshal([]byte(u.juju.Bags["cluster:0 etcd/0"][v1alpha1.FactsKey]), &facts); err != nil {
		u.t.Fatal(err)
	}
	return facts.Request
}

// recorded fails the test unless the task that ran last was recorded with this subject.
func (u *unit) recorded(kind, subject string) {
	u.t.Helper()
	want := v1alpha1.Request{Task: u.task, Kind: kind, Subject: subject}
	if got := u.request(); got == nil || *got != want || u.juju.Failure != "" || !strings.Contains(u.juju.Results["output"], "asked the controller") {
		u.t.Errorf("recorded %+v, not %+v; failure %q, output %q", got, want, u.juju.Failure, u.juju.Results["output"])
	}
}

// refused fails the test unless the task that ran last failed with these words, and changed
// nothing.
func (u *unit) refused(words string) {
	u.t.Helper()
	if !strings.Contains(u.juju.Failure, words) || len(u.juju.Writes()) > 0 || len(u.juju.Results) > 0 {
		u.t.Errorf("it fails with %q, not %q, and writes %v", u.juju.Failure, words, u.juju.Writes())
	}
}

// everyKind are the actions that are recorded, with a parameter that is right for each.
var everyKind = map[string]string{
	v1alpha1.ActionRestart: "", v1alpha1.ActionDefrag: "", v1alpha1.ActionRotateCA: "vault", v1alpha1.ActionProceed: "", v1alpha1.ActionGoBack: "",
	v1alpha1.ActionBeginAnew: latched,
}

// underway lets a rotation of the authority rest.
func (u *unit) underway() {
	u.latchJSON(v1alpha1.LatchJournalKey, []v1alpha1.JournalEntry{{Procedure: "rotate-ca", Phase: "both", ID: "5", Seq: 1}})
}

// TestARequestIsRecordedWithWhatItIsFor: under Juju's number, with what was typed in, or the phase
// that a person's word is for.
func TestARequestIsRecordedWithWhatItIsFor(t *testing.T) {
	for kind, subject := range map[string]string{
		v1alpha1.ActionRestart: "", v1alpha1.ActionDefrag: "", v1alpha1.ActionRotateCA: "vault", v1alpha1.ActionProceed: "5/both", v1alpha1.ActionGoBack: "5/both",
		v1alpha1.ActionBeginAnew: latched,
	} {
		u := newUnit(t)
		u.underway()
		u.do(kind, everyKind[kind])
		u.recorded(kind, subject)
		u.do(kind, everyKind[kind]) // once more: the newer one counts
		u.recorded(kind, subject)
	}
}

// TestEveryRequestBeginsAlike: none is recorded before the unit has published its facts, for a
// latch that cannot be read, where nothing was born, before one that is newer, or in the place of
// one for something else that nobody has seen to yet.
func TestEveryRequestBeginsAlike(t *testing.T) {
	waiting := func(kind string) *v1alpha1.Request {
		other := v1alpha1.ActionRestart
		if kind == other {
			other = v1alpha1.ActionRotateCA
		}
		return &v1alpha1.Request{Task: 9, Kind: other}
	}
	for kind, parameter := range everyKind {
		for name, c := range map[string]struct {
			change  func(u *unit)
			task    int64
			refused string // empty: it is recorded
		}{
			"nothing published":     {func(u *unit) { delete(u.juju.Bags, "cluster:0 etcd/0") }, 11, "run it again in a minute"},
			"no peers":              {func(u *unit) { u.juju.Relations["cluster"] = nil }, 11, "run it again in a minute"},
			"a latch beyond us":     {func(u *unit) { u.latch(v1alpha1.LatchSeedsKey, "{") }, 11, "cannot read"},
			"nothing born":          {func(u *unit) { u.latch(v1alpha1.LatchClusterIDKey, "") }, 11, "there "},
			"another waits":         {func(u *unit) { u.publish(waiting(kind)) }, 11, "has not been seen to yet; juju status tells why"},
			"another was seen to":   {func(u *unit) { u.publish(waiting(kind)); u.latch(v1alpha1.LatchHandledKey, `{"etcd/0":9}`) }, 11, ""},
			"another unit's waits":  {func(u *unit) { u.latch(v1alpha1.LatchHandledKey, `{"etcd/1":90}`) }, 11, ""},
			"the same kind waits":   {func(u *unit) { u.publish(&v1alpha1.Request{Task: 9, Kind: kind}) }, 11, ""},
			"a newer one was taken": {func(u *unit) { u.publish(&v1alpha1.Request{Task: 12, Kind: kind}) }, 11, "a later action of this unit"},
			"a newer one was seen to": {func(u *unit) { u.latch(v1alpha1.LatchHandledKey, `{"etcd/0":11}`) }, 11,
				"a later action of this unit was seen to before this one; run it again"},
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				u := newUnit(t)
				u.underway()
				c.change(u)
				u.do(kind, parameter, c.task)
				if c.refused != "" {
					u.refused(c.refused)
				} else if got := u.request(); got == nil || got.Task != c.task || u.juju.Failure != "" {
					t.Errorf("recorded %+v, failure %q", got, u.juju.Failure)
				}
			})
		}
	}
}

// TestWhatWaitsForAClusterThatHasEndedHoldsNothingUp: nobody sees to it any more, and only another
// cluster can come.
func TestWhatWaitsForAClusterThatHasEndedHoldsNothingUp(t *testing.T) {
	u := newUnit(t)
	u.publish(&v1alpha1.Request{Task: 9, Kind: v1alpha1.ActionRestart})
	u.do(v1alpha1.ActionBeginAnew, latched)
	u.refused("another unit can be asked instead")
	u.ended()
	u.do(v1alpha1.ActionRotateCA, "")
	u.refused("has not been seen to yet")
	u.do(v1alpha1.ActionBeginAnew, latched)
	u.recorded(v1alpha1.ActionBeginAnew, latched)
}

// TestAJournalBeyondUsIsForANewerCharm: what concerns a cluster that goes on is not asked for then;
// one that is lost can be given up.
func TestAJournalBeyondUsIsForANewerCharm(t *testing.T) {
	for kind, parameter := range everyKind {
		u := newUnit(t)
		u.latch(v1alpha1.LatchJournalKey, `[7]`)
		u.do(kind, parameter)
		if kind == v1alpha1.ActionBeginAnew {
			u.recorded(kind, latched)
		} else {
			u.refused("cannot ask the controller: ")
		}
	}
}

// TestNothingUnderWayIsNoMoment: a person's word is for a phase, and for no later one.
func TestNothingUnderWayIsNoMoment(t *testing.T) {
	for _, kind := range []string{v1alpha1.ActionProceed, v1alpha1.ActionGoBack} {
		u := newUnit(t)
		u.do(kind, "")
		u.refused("cannot ask the controller: nothing is under way")
	}
}

// A person gives a cluster up by its ID: the unit records it for the controller, and refuses what
// cannot be right.
func TestBeginAnewTakesTheIDOfTheClusterThatIsGivenUp(t *testing.T) {
	for _, c := range []struct {
		name, id string
		change   func(u *unit)
		refused  string
	}{
		{"another one", "00000000000000ff", func(*unit) {}, "is not the ID of the cluster that was here"},
		{"none", "", func(*unit) {}, "is not the ID of the cluster that was here"},
		{"where none was born", latched, func(u *unit) { u.latch(v1alpha1.LatchClusterIDKey, "") }, "there was no cluster here"},
		{"where the data is", latched, func(u *unit) { u.machine.facts.Member.Present = true }, "has data of the cluster"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := newUnit(t)
			c.change(u)
			u.do(v1alpha1.ActionBeginAnew, c.id)
			u.refused("cannot begin anew: ")
			u.refused(c.refused)
		})
	}
}
