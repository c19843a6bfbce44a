package etcdops_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/test/etcdtest"
)

const gib = int64(1) << 30

// full is a cluster of three voters in which the first has the alarm, and all have room by now.
func full() etcdops.View {
	v := world{voters: ups(3, 0)}.view()
	v.Alarms = []etcdops.Alarm{{Member: 1, Kind: "NOSPACE"}}
	for url, h := range v.Health {
		h.DBSize, h.DBSizeInUse, h.Quota, h.Alarmed = gib, gib/2, 2*gib, true
		if h.MemberID == 1 {
			h.Fault, h.Detail = etcdops.FaultAlarm, "NOSPACE"
		}
		v.Health[url] = h
	}
	return v
}

// TestADisarmWantsRoomInEveryDatabase: the alarm of one member stops the writes of all.
func TestADisarmWantsRoomInEveryDatabase(t *testing.T) {
	sized := func(size, quota int64) func(*etcdops.View) {
		return func(v *etcdops.View) {
			*v = change(*v, 2, func(h *etcdops.EndpointHealth) { h.DBSize, h.Quota = size, quota })
		}
	}
	for _, test := range []struct {
		name string
		do   func(*etcdops.View)
		kind error
		text string
	}{
		{"room", func(*etcdops.View) {}, nil, ""},
		{"just room", sized(800, 1000), nil, ""},
		{"another member has not", sized(801, 1000), etcdops.ErrGuard, "the database of etcd2 has 801 bytes, and its quota is 1000"},
		{"more than the quota", sized(3*gib, 2*gib), etcdops.ErrGuard, "the database of etcd2 has"},
		{"little of it is in use", func(v *etcdops.View) {
			*v = change(*v, 1, func(h *etcdops.EndpointHealth) { h.DBSize, h.DBSizeInUse = 2*gib, 1 })
		}, etcdops.ErrGuard, "the database of etcd1 has"},
		{"an etcd that does not report its quota", sized(gib, 0), etcdops.ErrGuard, "etcd2 does not report its quota"},
		{"no quota", sized(gib, -1), etcdops.ErrGuard, "etcd2 does not report its quota"},
		{"no size", sized(0, gib), etcdops.ErrGuard, "etcd2 does not report its quota"},
		{"a member is down", func(v *etcdops.View) {
			*v = change(*v, 3, func(h *etcdops.EndpointHealth) { h.Serves, h.Fault = false, etcdops.FaultRefused })
		}, etcdops.ErrUnhealthy, "etcd3 does not serve: down (connection refused)"},
		{"a member lags", func(v *etcdops.View) {
			*v = change(*v, 3, func(h *etcdops.EndpointHealth) { h.Fault = etcdops.FaultLagging })
		}, etcdops.ErrUnhealthy, "etcd3 does not serve: lagging"},
		{"CORRUPT beside it", func(v *etcdops.View) { v.Alarms = append(v.Alarms, etcdops.Alarm{Member: 2, Kind: "CORRUPT"}) },
			etcdops.ErrGuard, "alarm CORRUPT is active"},
		{"a stranger's CORRUPT beside it", func(v *etcdops.View) { v.Stray = []etcdops.Alarm{{Member: 9, Kind: "CORRUPT"}} },
			etcdops.ErrGuard, "alarm CORRUPT is active"},
		{"CORRUPT alone", func(v *etcdops.View) { v.Alarms[0].Kind = "CORRUPT" }, etcdops.ErrGuard, "alarm CORRUPT is active"},
		{"the alarms are not known", func(v *etcdops.View) { v.AlarmsErr = "no answer" }, etcdops.ErrGuard, "the alarms are not known (no answer)"},
		{"no list", func(v *etcdops.View) { v.Listed = false }, etcdops.ErrUnlisted, "no current member list"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := full()
			test.do(&v)
			err := etcdops.Disarm{Member: 1}.Guard(v, etcdops.Limits{})
			if !errors.Is(err, test.kind) || err != nil && (!strings.HasPrefix(err.Error(), "cannot disarm member ") || !strings.Contains(err.Error(), test.text)) {
				t.Errorf("%v", err)
			}
		})
	}
	stranger := etcdops.Disarm{Member: 9}
	if err := stranger.Guard(full(), etcdops.Limits{}); !errors.Is(err, etcdops.ErrNotMember) {
		t.Errorf("a stranger: %v", err)
	}
	gone := full()
	gone.Stray = []etcdops.Alarm{{Member: 9, Kind: "NOSPACE"}}
	if err := stranger.Guard(gone, etcdops.Limits{}); err != nil || stranger.Done(gone) || !stranger.Done(full()) {
		t.Errorf("the alarm of a member that is gone: %v", err)
	}
	if gone.Listed = false; stranger.Guard(gone, etcdops.Limits{}) == nil {
		t.Error("disarmed without a list")
	}
	unknown := full()
	unknown.Alarms, unknown.AlarmsErr = nil, "no answer"
	if (etcdops.Disarm{Member: 1}).Done(unknown) {
		t.Error("done where the alarms are not known")
	}
}

// TestADisarmTakesAQuotaThatEtcdDoesNotReportFromWhoAsks: etcd before 3.6 reports none.
func TestADisarmTakesAQuotaThatEtcdDoesNotReportFromWhoAsks(t *testing.T) {
	v := full()
	for url, h := range v.Health {
		h.Quota = 0
		v.Health[url] = h
	}
	for quota, room := range map[int64]bool{0: false, gib: false, 2 * gib: true} {
		if err := (etcdops.Disarm{Member: 1, Quota: quota}).Guard(v, etcdops.Limits{}); (err == nil) != room || errors.Is(err, etcdops.ErrNoRoom) != (quota == gib) {
			t.Errorf("a quota of %d: %v", quota, err)
		}
	}
	// What etcd reports counts.
	if err := (etcdops.Disarm{Member: 1, Quota: gib / 2}).Guard(full(), etcdops.Limits{}); err != nil {
		t.Errorf("%v", err)
	}
}

// TestADisarmIsMadeWhereNobodyCanTakeTheLock: that is why it is made without.
func TestADisarmIsMadeWhereNobodyCanTakeTheLock(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Members: 1})
	pool := newPool(t, cluster.TLS())
	client := cluster.Client()
	alarm := func(action etcdserverpb.AlarmRequest_AlarmAction, member uint64, kind etcdserverpb.AlarmType) {
		t.Helper()
		_, err := etcdserverpb.NewMaintenanceClient(client.ActiveConnection()).Alarm(t.Context(),
			&etcdserverpb.AlarmRequest{Action: action, MemberID: member, Alarm: kind})
		if err != nil {
			t.Fatal(err)
		}
	}
	look := func() etcdops.View { return pool.Look(t.Context(), cluster.Endpoints()) }
	v := look()
	id := v.Members[0].ID
	alarm(etcdserverpb.AlarmRequest_ACTIVATE, uint64(id), etcdserverpb.AlarmType_NOSPACE)
	v = look()
	disarm := etcdops.Disarm{Member: id}
	if v.HealthOf(v.Members[0]).Quota == 0 {
		if err := disarm.Guard(v, etcdops.Limits{}); !errors.Is(err, etcdops.ErrGuard) {
			t.Errorf("an etcd that does not report its quota: %v", err)
		}
		return
	}
	if _, err := pool.Lock(t.Context(), cluster.Endpoints(), "holder", 2*time.Second, etcdops.WaitUpTo(0)); err == nil || !strings.Contains(err.Error(), "space") {
		t.Errorf("the lock: %v", err)
	}
	hold := etcdops.Hold{Endpoints: cluster.Endpoints(), Holder: "holder", TTL: 10 * time.Second, Unlocked: etcdops.Unlocked(disarm)}
	disarmed := func() error {
		return etcdops.Under(t.Context(), pool, hold, func(ctx context.Context) error { return pool.Do(ctx, v, disarm) })
	}

	// The view knows nothing of a stranger's alarm.
	alarm(etcdserverpb.AlarmRequest_ACTIVATE, 4711, etcdserverpb.AlarmType_CORRUPT)
	if err := disarmed(); !errors.Is(err, etcdops.ErrGuard) || disarm.Done(look()) {
		t.Errorf("beside a stranger's CORRUPT: %v", err)
	}
	alarm(etcdserverpb.AlarmRequest_DEACTIVATE, 4711, etcdserverpb.AlarmType_CORRUPT)

	alarm(etcdserverpb.AlarmRequest_ACTIVATE, 4711, etcdserverpb.AlarmType_NOSPACE)
	gone := etcdops.Disarm{Member: 4711}
	if seen := look(); gone.Done(seen) || len(seen.Alarms) != 1 || len(seen.Stray) != 1 {
		t.Errorf("alarms %v, of strangers %v", seen.Alarms, seen.Stray)
	}
	if err := pool.Do(t.Context(), look(), gone); err != nil || !gone.Done(look()) {
		t.Errorf("a stranger's alarm: %v", err)
	}
	for range 2 { // a second one finds nothing to do
		if err := disarmed(); err != nil || !disarm.Done(look()) {
			t.Fatalf("%v", err)
		}
	}
	if _, err := client.Put(t.Context(), "key", "value"); err != nil {
		t.Errorf("a write afterwards: %v", err)
	}
	if all, err := client.AlarmList(t.Context()); err != nil || len(all.Alarms) != 0 {
		t.Errorf("alarms %+v, %v", all, err)
	}
}
