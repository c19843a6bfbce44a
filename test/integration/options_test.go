//go:build integration

package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// optionChange is a change of options on a running cluster, and what it must be seen to do on each
// unit, from outside.
type optionChange struct {
	name    string
	set     []string
	rolls   int // how often each member is restarted
	effect  func(m memberOnMachine) error
	cluster func(w *world) error
	// beside: it has nothing to do with the one before it, and may be set with that.
	beside bool
}

// optionChanges are made one after the other, each on top of those before.
var optionChanges = []optionChange{
	{name: "port", set: []string{"port=4379"}, rolls: 1, effect: all(listens(4379), listensNot(2379), opened("4379/tcp")),
		cluster: (*world).nobodyPinsThePort},
	{name: "management_port", set: []string{"management_port=4380"}, rolls: 1, effect: all(listens(4380), listensNot(2380), advertisesPeer(4380))},
	{name: "heartbeat_interval and election_timeout", set: []string{"heartbeat_interval=150", "election_timeout=1200"}, rolls: 1,
		effect: started(`"heartbeat-interval":"150ms"`, `"election-timeout":"1.2s"`)},
	{name: "snapshot_count", set: []string{"snapshot_count=5000"}, rolls: 1, effect: started(`"snapshot-count":5000`)},
	{name: "bind_to_all_interfaces", set: []string{"bind_to_all_interfaces=false"}, rolls: 1,
		effect: all(configured("listen-client-urls: https://ADDRESS:4379"), configured("listen-peer-urls: https://ADDRESS:4380"), healthAction)},
	{name: "bind_with_insecure_http", set: []string{"bind_with_insecure_http=true"}, rolls: 1,
		effect: all(configured("listen-client-urls: http://127.0.0.1:4001,https://ADDRESS:4379"), answers("http://ADDRESS:4001/health", `"health":"true"`))},
	{name: "tls_cipher_suites", set: []string{"tls_cipher_suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
		rolls: 1, effect: servesSuites(4379)},
	{name: "quota_backend_bytes", set: []string{"quota_backend_bytes=3GiB"}, rolls: 1, effect: measures("etcd_server_quota_backend_bytes 3.221225472e+09")},
	{name: "max_request_bytes", set: []string{"max_request_bytes=4MiB"}, beside: true, rolls: 1, effect: takesRequestsTo(4 << 20)},
	{name: "auto_compaction", set: []string{"auto_compaction_retention=2h"}, beside: true, rolls: 1,
		effect: started(`"auto-compaction-mode":"periodic"`, `"auto-compaction-retention":"2h0m0s"`)},
	{name: "log_level", set: []string{"log_level=debug"}, beside: true, rolls: 1, effect: started(`"level":"debug"`)},
	{name: "metrics_url", set: []string{"metrics_url=http://127.0.0.1:2381"}, beside: true, rolls: 1, effect: answers("http://ADDRESS:2381/metrics", "etcd_server_has_leader 1")},
	{name: "extra_sans", set: []string{"extra_sans=etcd.example.com,10.9.8.7"}, rolls: 0, effect: certifiedFor(4379, "etcd.example.com", "10.9.8.7")},
	{name: "several at once, back to the defaults", set: []string{"port=2379", "management_port=2380", "heartbeat_interval=100", "election_timeout=1000",
		"snapshot_count=auto", "bind_to_all_interfaces=true", "bind_with_insecure_http=false", "tls_cipher_suites=", "quota_backend_bytes=auto",
		"max_request_bytes=auto", "auto_compaction_retention=0", "log_level=info", "metrics_url="}, rolls: 1,
		effect: all(listens(2379), listens(2380), listensNot(4379, 4380, 4001, 2381), opened("2379/tcp"), started(`"heartbeat-interval":"100ms"`),
			takesRequestsTo(1536<<10))},
}

// inFewerRolls sets options at once that have nothing to do with each other; make test-full sets
// each alone.
func inFewerRolls(changes []optionChange) []optionChange {
	if fullMatrix() {
		return changes
	}
	var fewer []optionChange
	for _, c := range changes {
		last := len(fewer) - 1
		if last < 0 || !c.beside {
			fewer = append(fewer, c)
			continue
		}
		with := &fewer[last]
		with.name += ", " + c.name
		with.set = append(slices.Clone(with.set), c.set...)
		with.effect = all(with.effect, c.effect)
	}
	return fewer
}

// TestEveryOptionWorksOnARunningCluster changes one option after the other on three members under
// writes: each has its effect on every member, with at most one restart of each, and no
// acknowledged write is lost. A client that only reads its relation, slowly, never fails.
func TestEveryOptionWorksOnARunningCluster(t *testing.T) {
	w := beginOptions(t)
	client := w.startDBClient()
	client.awaitEndpoints(w, 3)
	// Where a member moves, the next one waits for hooks like these.
	w.juju("config", "etcdclient", "slow=3")
	config, endpoints := w.serving()
	writer, err := rig.StartWriter(w.ctx, config, endpoints)
	must(t, err)
	follow, stop := context.WithCancel(w.ctx)
	defer stop()
	go w.followDB(follow, client, writer)

	for _, c := range inFewerRolls(optionChanges) {
		before := w.starts()
		began := time.Now()
		w.juju(append([]string{"config", "etcd"}, c.set...)...)
		w.hasEffect(t, c)
		w.settledOptions(t)
		for unit, n := range w.starts() {
			if got := n - before[unit]; got != c.rolls {
				t.Errorf("%s: %s was started %d times, not %d", c.name, unit, got, c.rolls)
			}
		}
		t.Logf("%s: %.0f s, longest gap between two acknowledged writes %d ms", c.name, time.Since(began).Seconds(), writer.Lap().Milliseconds())
		client.lap(t, c.name)
	}
	stop()
	acknowledged, err := writer.Stop(w.ctx)
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d writes were acknowledged, and all are there", acknowledged)
}

// TestTheOldPairAndTheNewOneNeverMeetInAnElection: heartbeats that are longer than the old election
// timeout, and back: two rolls by way of a pair that both can live beside, and nobody calls an
// election but for a leader that was stopped.
func TestTheOldPairAndTheNewOneNeverMeetInAnElection(t *testing.T) {
	w := beginOptions(t)
	config, endpoints := w.serving()
	writer := etcdtest.StartWriter(t, config, endpoints)
	for _, c := range []optionChange{
		{name: "slower", set: []string{"heartbeat_interval=900", "election_timeout=4500"}, rolls: 2,
			effect: started(`"heartbeat-interval":"900ms"`, `"election-timeout":"4.5s"`)},
		{name: "faster", set: []string{"heartbeat_interval=100", "election_timeout=600"}, rolls: 2,
			effect: started(`"heartbeat-interval":"100ms"`, `"election-timeout":"600ms"`)},
	} {
		before, term := w.starts(), w.term()
		w.juju(append([]string{"config", "etcd"}, c.set...)...)
		w.hasEffect(t, c)
		w.settledOptions(t)
		for unit, n := range w.starts() {
			if got := n - before[unit]; got != c.rolls {
				t.Errorf("%s: %s was started %d times, not %d", c.name, unit, got, c.rolls)
			}
		}
		// One for the leader of each roll.
		if got := w.term() - term; got > uint64(c.rolls) {
			t.Errorf("%s: %d elections in %d rolls", c.name, got, c.rolls)
		} else {
			t.Logf("%s: %d elections in %d rolls", c.name, got, c.rolls)
		}
	}
	t.Log(writer.VerifyNoneLost())
}

// wrongValue is what a user may set and etcd cannot have, and what the status then shows.
type wrongValue struct {
	set  []string
	show []string
}

var wrongValues = []wrongValue{
	{[]string{"port=70000"}, []string{"Option port is 70000; it must be a port from 1 to 65535"}},
	{[]string{"port=2380"}, []string{"it must be another port than 2380, where port is"}},
	{[]string{"port=2380", "management_port=2379"}, []string{"Option port is 2380, where members talk", "Option management_port is 2379, where members serve"}},
	{[]string{"heartbeat_interval=500"}, []string{"Option election_timeout is 1000; it must be at least five times heartbeat_interval, which is 500"}},
	{[]string{"election_timeout=60000"}, []string{"Option election_timeout is 60000; it must be 5 to 50000 milliseconds"}},
	{[]string{"snapshot_count=often"}, []string{`Option snapshot_count is "often"; it must be auto or a number`}},
	{[]string{"tls_cipher_suites=TLS_AES_128_GCM_SHA256"}, []string{"Option tls_cipher_suites"}},
	{[]string{"tls_cipher_suites=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"}, []string{"which HTTP/2 needs"}},
	{[]string{"quota_backend_bytes=1MiB", "auto_compaction_mode=sometimes", "extra_sans=Not_A_Name", "log_level=loud", "metrics_url=http://0.0.0.0:2381"},
		[]string{"Option quota_backend_bytes", "Option auto_compaction_mode", "Option extra_sans", "Option log_level", "Option metrics_url"}},
	{[]string{"max_request_bytes=11MiB"}, []string{`Option max_request_bytes is "11MiB"; it must be auto, or bytes from 1536KiB to 10MiB`}},
	{[]string{"auto_compaction_retention=1s"}, []string{"Option auto_compaction_retention"}},
	{[]string{"bind_with_insecure_http=true", "port=4001"}, []string{"another port than 4001, where bind_with_insecure_http is"}},
}

// TestAWrongOptionBlocksWithASentenceAndTheLastGoodOneStays: nothing is restarted for a wrong
// value, also not by a daemon that was started after it was set; what else is changed meanwhile is
// done.
func TestAWrongOptionBlocksWithASentenceAndTheLastGoodOneStays(t *testing.T) {
	w := beginOptions(t)
	w.juju("config", "etcd", "heartbeat_interval=120", "election_timeout=1200")
	w.hasEffect(t, optionChange{name: "the pair", effect: started(`"heartbeat-interval":"120ms"`)})
	w.settledOptions(t)
	w.juju("config", "etcd", "heartbeat_interval=100", "election_timeout=1000")
	w.hasEffect(t, optionChange{name: "the pair", effect: started(`"heartbeat-interval":"100ms"`)})
	w.settledOptions(t)
	before := w.starts()
	reset := func(set []string) {
		var names []string
		for _, s := range set {
			name, _, _ := strings.Cut(s, "=")
			names = append(names, name)
		}
		w.juju("config", "etcd", "--reset", strings.Join(names, ","))
		w.await(rig.ApplicationShows("etcd", "active", "3 members, can lose 1"))
	}
	for _, v := range wrongValues {
		w.juju(append([]string{"config", "etcd"}, v.set...)...)
		for _, sentence := range v.show {
			w.await(rig.ApplicationShows("etcd", "blocked", sentence))
		}
		w.await(rig.Healthy("etcd", 3))
		reset(v.set)
	}

	// The last good pair is not the default one, and the daemon that finds the wrong one has never
	// seen it.
	w.juju("config", "etcd", "heartbeat_interval=130", "election_timeout=1300")
	w.hasEffect(t, optionChange{name: "the pair", effect: started(`"heartbeat-interval":"130ms"`)})
	w.settledOptions(t)
	w.KillDaemon()
	w.juju("config", "etcd", "election_timeout=200", "log_level=debug")
	w.daemon("--config-dir", w.optionPolicies)
	w.await(rig.ApplicationShows("etcd", "blocked", "Option election_timeout is 200"))
	w.hasEffect(t, optionChange{name: "the other option", effect: configured("log-level: debug", "heartbeat-interval: 130", "election-timeout: 1300")})
	eventuallyStarts(t, w, before, 2)
	w.juju("config", "etcd", "election_timeout=1300")
	w.await(rig.ApplicationShows("etcd", "active", "3 members, can lose 1"))
	w.settledOptions(t)
	// One for the pair of 130, one for the log level.
	for unit, n := range w.starts() {
		if got := n - before[unit]; got != 2 {
			t.Errorf("%s was started %d times, not 2", unit, got)
		}
	}
}

func eventuallyStarts(t *testing.T, w *world, before map[string]int, n int) {
	t.Helper()
	w.eventually(t, fmt.Sprintf("each member is started %d times", n), func() bool {
		for unit, now := range w.starts() {
			if now-before[unit] < n {
				return false
			}
		}
		return true
	})
}

// TestOneOfTwoMembersIsNotRestartedForAnOption: that would be an outage, and the status says what
// to do. A third unit is what it waits for.
func TestOneOfTwoMembersIsNotRestartedForAnOption(t *testing.T) {
	w := begin(t)
	w.optionPolicies = optionPolicies(t)
	w.daemon("--config-dir", w.optionPolicies)
	w.deploy("1")
	w.await(rig.Healthy("etcd", 1))
	before := w.starts()
	w.juju("config", "etcd", "port=4379")
	w.hasEffect(t, optionChange{name: "port", effect: listens(4379)})
	w.settledOptions(t)
	if got := w.starts()["etcd/0"] - before["etcd/0"]; got != 1 {
		t.Errorf("the only member was started %d times", got)
	}
	w.juju("add-unit", "etcd")
	w.await(rig.Healthy("etcd", 2))
	w.settledOptions(t)
	before = w.starts()
	w.juju("config", "etcd", "port=5379")
	w.await(rig.ApplicationShows("etcd", "blocked", "a restart of one of two members stops the cluster: add a unit"))
	if now := w.starts(); now["etcd/0"] != before["etcd/0"] || now["etcd/1"] != before["etcd/1"] {
		t.Errorf("members were restarted: %v, then %v", before, now)
	}
	w.juju("add-unit", "etcd")
	w.await(rig.Healthy("etcd", 3))
	w.hasEffect(t, optionChange{name: "port", effect: all(listens(5379), listensNot(4379))})
	w.await(rig.ApplicationShows("etcd", "active", "3 members, can lose 1"))
}

// TestAPortThatAnotherProcessHasIsNotTaken: the member goes on as it is, and the status says why.
// So do the others.
func TestAPortThatAnotherProcessHasIsNotTaken(t *testing.T) {
	w := beginOptions(t)
	before := w.starts()
	var end []func() error
	for _, unit := range []string{"etcd/0", "etcd/1", "etcd/2"} {
		end = append(end, occupy(t, w.memberOn(unit).address, 4379))
	}
	w.juju("config", "etcd", "port=4379")
	w.await(rig.ApplicationShows("etcd", "blocked", "another process listens at"))
	w.await(rig.Healthy("etcd", 3))
	if now := w.starts(); fmt.Sprint(now) != fmt.Sprint(before) {
		t.Errorf("members were restarted: %v, then %v", before, now)
	}
	for _, stop := range end {
		must(t, stop())
	}
	w.hasEffect(t, optionChange{name: "port", effect: all(listens(4379), listensNot(2379))})
	w.await(rig.ApplicationShows("etcd", "active", "3 members, can lose 1"))
}

// beginOptions is a settled cluster of three with a client, whose rolls go a little faster than the
// policy's default.
func beginOptions(t *testing.T) *world {
	t.Helper()
	w := begin(t)
	ctx, cancel := context.WithTimeout(context.Background(), 12*time.Minute)
	t.Cleanup(cancel)
	w.ctx = ctx
	w.optionPolicies = optionPolicies(t)
	w.daemon("--config-dir", w.optionPolicies)
	w.deploy("3")
	w.relateClient()
	w.await(rig.Healthy("etcd", 3))
	w.settledOptions(t)
	return w
}

func optionPolicies(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "etcd.yaml"), []byte(`apiVersion: jujuetcd.io/v1alpha1
kind: EtcdCluster
metadata: {name: etcd}
spec:
  growth: {stable: 2s}
`), 0o600))
	return dir
}

// hasEffect waits until the change has its effect on every unit.
func (w *world) hasEffect(t *testing.T, c optionChange) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		var missing []string
		for _, unit := range w.etcdUnits() {
			if err := c.effect(w.memberOn(unit)); err != nil {
				missing = append(missing, unit+": "+err.Error())
			}
		}
		if c.cluster != nil && len(missing) == 0 {
			if err := c.cluster(w); err != nil {
				missing = append(missing, err.Error())
			}
		}
		if len(missing) == 0 {
			return
		}
		if time.Now().After(deadline) || w.ctx.Err() != nil {
			plan, _ := w.Jujuetcd(w.ctx, "describe", "cluster", "etcd", "--socket", w.Socket())
			t.Fatalf("%s: not in time: %s\n%s", c.name, strings.Join(missing, "; "), plan)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// settledOptions waits until there is nothing left to do.
func (w *world) settledOptions(t *testing.T) {
	t.Helper()
	w.eventually(t, "the cluster is settled", func() bool {
		c := w.cluster(w.Socket())
		return c.Status.Phase == "Steady" && len(c.Status.Plan) == 0
	})
}

func (w *world) etcdUnits() []string {
	w.t.Helper()
	s, err := w.Status(w.ctx)
	must(w.t, err)
	return slices.DeleteFunc(s.UnitNames("etcd"), func(u string) bool { return s.Unit(u).Machine == "" })
}

// followDB tells the writer what the client's relation says.
func (w *world) followDB(ctx context.Context, c *dbClient, writer *rig.Writer) {
	last := ""
	for ctx.Err() == nil {
		if list := c.list(); list != last {
			last = list
			writer.SetEndpoints(strings.Split(list, ","))
		}
		time.Sleep(50 * time.Millisecond)
	}
}
