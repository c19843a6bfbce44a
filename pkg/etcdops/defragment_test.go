package etcdops_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/test/etcdtest"
)

// TestADefragmentationShrinksTheDatabaseThatHasFreeSpace of a real etcd.
func TestADefragmentationShrinksTheDatabaseThatHasFreeSpace(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	pool, client := newPool(t, cluster.TLS()), cluster.Client()
	for i := range 20 {
		if _, err := client.Put(t.Context(), "key", strings.Repeat(fmt.Sprint(i%10), 512<<10)); err != nil {
			t.Fatal(err)
		}
	}
	endpoint := cluster.Endpoints()[0]
	v := pool.Look(t.Context(), cluster.Endpoints())
	if _, err := pool.Compact(t.Context(), v, 0, true); err != nil {
		t.Fatal(err)
	}
	before := pool.Check(t.Context(), endpoint)
	if err := etcdops.CanDefragment(v, before.MemberID); err != nil {
		t.Fatal(err)
	}
	if err := pool.Defragment(t.Context(), endpoint, time.Nanosecond); !errors.Is(err, etcdops.ErrUnknownOutcome) {
		t.Errorf("nobody waited: %v", err)
	}
	if err := pool.Defragment(t.Context(), endpoint, time.Minute); err != nil {
		t.Fatal(err)
	}
	if after := pool.Check(t.Context(), endpoint); after.DBSize > before.DBSize/4 || after.DBSize == 0 {
		t.Errorf("%d bytes before, %d after", before.DBSize, after.DBSize)
	}
	if err := pool.Defragment(t.Context(), "https://127.0.0.1:1", time.Second); err == nil || !strings.HasPrefix(err.Error(), "cannot have https://127.0.0.1:1 defragment its database: ") {
		t.Errorf("where nobody listens: %v", err)
	}
}

func TestADefragmentationWaitsForEveryMember(t *testing.T) {
	set := func(url string, change func(*etcdops.EndpointHealth)) func(*etcdops.View) {
		return func(v *etcdops.View) {
			h := v.Health[url]
			change(&h)
			v.Health[url] = h
		}
	}
	alarm := func(kind string) func(*etcdops.View) {
		return func(v *etcdops.View) {
			v.Alarms = []etcdops.Alarm{{Member: 2, Kind: kind}}
			set("u2", func(h *etcdops.EndpointHealth) { h.Fault = etcdops.FaultAlarm })(v)
		}
	}
	for _, test := range []struct {
		name   string
		change func(*etcdops.View)
		want   string
	}{
		{"all serve", func(*etcdops.View) {}, ""},
		{"out of space", alarm("NOSPACE"), ""},
		{"data differ", alarm("CORRUPT"), "alarm CORRUPT is active"},
		{"data differ of one that is gone", func(v *etcdops.View) { v.Stray = []etcdops.Alarm{{Member: 9, Kind: "CORRUPT"}} }, "alarm CORRUPT is active"},
		{"alarms are not known", func(v *etcdops.View) { v.AlarmsErr = "no answer" }, "the alarms are not known (no answer)"},
		{"one is down", set("u2", func(h *etcdops.EndpointHealth) { h.Serves, h.Fault = false, etcdops.FaultRefused }), "m2 does not serve: down (connection refused)"},
		{"one does not say why it does not serve", set("u2", func(h *etcdops.EndpointHealth) { h.Serves = false }), "m2 does not serve: "},
		{"one serves and lags", set("u2", func(h *etcdops.EndpointHealth) { h.Fault = etcdops.FaultLagging }), "m2 does not serve: lagging"},
		{"one is a learner", func(v *etcdops.View) { v.Members[2].Learner = true }, "member m3 is joining"},
		{"one has not started", func(v *etcdops.View) { v.Members[2].Name = "" }, "is joining"},
		{"no leader", func(v *etcdops.View) {
			for url := range v.Health {
				set(url, func(h *etcdops.EndpointHealth) { h.Leader = 0 })(v)
			}
		}, "the 3 voters do not agree on a leader"},
		{"no list", func(v *etcdops.View) { v.Listed, v.Err = false, "no quorum" }, "there is no current member list (no quorum)"},
		{"no member", func(v *etcdops.View) { v.Members = v.Members[1:] }, "it is none of the 2 members"},
		{"a version that a crash would damage", set("u1", func(h *etcdops.EndpointHealth) { h.Version = "3.5.5" }), "etcd 3.5.5 may damage it if it is killed meanwhile"},
		{"the first that it would not", set("u1", func(h *etcdops.EndpointHealth) { h.Version = "3.5.6" }), ""},
		{"another such version", set("u1", func(h *etcdops.EndpointHealth) { h.Version = "3.5.17" }), ""},
		{"an older minor", set("u1", func(h *etcdops.EndpointHealth) { h.Version = "3.4.3" }), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := etcdops.View{Listed: true, Health: map[string]etcdops.EndpointHealth{}}
			for i := 1; i <= 3; i++ {
				url := fmt.Sprintf("u%d", i)
				v.Members = append(v.Members, etcdops.Member{ID: etcdops.MemberID(i), Name: fmt.Sprintf("m%d", i), ClientURLs: []string{url}})
				v.Health[url] = etcdops.EndpointHealth{Endpoint: url, MemberID: etcdops.MemberID(i), Leader: 1, Serves: true, Answered: true, Version: "3.6.1"}
			}
			test.change(&v)
			err := etcdops.CanDefragment(v, 1)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if cost := etcdops.DefragmentCost(v, 1); cost != "" {
				t.Errorf("of three: %s", cost)
			}
		})
	}
	alone := etcdops.View{Listed: true, Members: []etcdops.Member{{ID: 1, Name: "m1"}}}
	if cost := etcdops.DefragmentCost(alone, 1); !strings.Contains(cost, "nothing is served") {
		t.Errorf("of one: %q", cost)
	}
}
