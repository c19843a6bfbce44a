package actions_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/etcdops"
)

// outcome fails the test unless the action has these results, and fails with these words.
func (u *unit) outcome(output, message, failure string) {
	u.t.Helper()
	if u.juju.Results["output"] != output || !strings.Contains(u.juju.Results["message"], message) ||
		(failure == "") != (u.juju.Failure == "") || !strings.Contains(u.juju.Failure, failure) {
		u.t.Errorf("results %q, failure %q", u.juju.Results, u.juju.Failure)
	}
}

// TestAlarmsAreListedAsEtcdctlDoes: those of members that are gone, too, and never none where they
// are not known.
func TestAlarmsAreListedAsEtcdctlDoes(t *testing.T) {
	u := newUnit(t)
	u.machine.view = charmtest.Three()
	u.do(v1alpha1.ActionAlarmList, "")
	u.outcome("", "no alarm is active", "")
	u.machine.view.Alarms = []etcdops.Alarm{{Member: 2, Kind: "NOSPACE"}, {Member: 3, Kind: "CORRUPT"}}
	u.machine.view.Stray = []etcdops.Alarm{{Member: 0x8e9e05c52164694d, Kind: "NOSPACE"}}
	u.do(v1alpha1.ActionAlarmList, "")
	u.outcome("memberID:2 alarm:NOSPACE\nmemberID:3 alarm:CORRUPT\nmemberID:10276657743932975437 alarm:NOSPACE",
		"NOSPACE: etcd1 (member 0000000000000002); CORRUPT: etcd2 (member 0000000000000003); NOSPACE: a member that is gone (member 8e9e05c52164694d)", "")
	u.machine.view.AlarmsErr = "no answer"
	u.do(v1alpha1.ActionAlarmList, "")
	u.refused("cannot list alarms: no answer")
	_, u.machine.view = charmtest.Down()
	u.do(v1alpha1.ActionAlarmList, "")
	u.refused("cannot list alarms: no member serves (nobody answers)")
}

// TestADisarmSaysWhatItDid, also where it could not do all of it.
func TestADisarmSaysWhatItDid(t *testing.T) {
	one := []etcdops.Alarm{{Member: 2, Kind: "NOSPACE"}}
	for name, c := range map[string]struct {
		done                     []etcdops.Alarm
		err                      error
		output, message, failure string
	}{
		"none": {nil, nil, "", "no alarm is active: nothing was disarmed", ""},
		"one":  {one, nil, "memberID:2 alarm:NOSPACE", "1 disarmed", ""},
		"useless": {nil, fmt.Errorf("cannot disarm member etcd1: it is full: %w", etcdops.ErrNoRoom), "", "",
			"the next write would raise the alarm again: make room first (compact, then defrag), or raise quota_backend_bytes"},
		"corrupt": {nil, errors.New("alarm CORRUPT is active"), "", "", "alarm CORRUPT is active"},
		"half":    {one, errors.New("connection lost"), "memberID:2 alarm:NOSPACE", "1 disarmed", "connection lost"},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUnit(t)
			u.machine.disarmed, u.machine.broken = c.done, c.err
			u.do(v1alpha1.ActionAlarmDisarm, "")
			u.outcome(c.output, c.message, c.failure)
		})
	}
}

// TestACompactionTakesWhatAPersonTypes: a number, or its text, or nothing.
func TestACompactionTakesWhatAPersonTypes(t *testing.T) {
	future := errors.New("cannot compact revision 9: it is in the future, the present one is 8")
	for name, c := range map[string]struct {
		parameters     map[string]any
		err            error
		asked          string
		output, failed string
	}{
		"nothing":          {map[string]any{}, nil, "0 false", "compacted revision 8", ""},
		"the default":      {map[string]any{"revision": "", "physical": false}, nil, "0 false", "compacted revision 8", ""},
		"text":             {map[string]any{"revision": " 7 ", "physical": true}, nil, "7 true", "compacted revision 8", ""},
		"a number":         {map[string]any{"revision": 7}, nil, "7 false", "compacted revision 8", ""},
		"a large one":      {map[string]any{"revision": int64(9007199254740993)}, nil, "9007199254740993 false", "compacted revision 8", ""},
		"words":            {map[string]any{"revision": "newest"}, nil, "", "", `cannot compact: revision is "newest", and must be a whole number above 0`},
		"a part":           {map[string]any{"revision": 1.5}, nil, "", "", "must be a whole number above 0"},
		"below all":        {map[string]any{"revision": "-1"}, nil, "", "", "must be a whole number above 0"},
		"zero":             {map[string]any{"revision": 0}, nil, "", "", "must be a whole number above 0"},
		"too many digits":  {map[string]any{"revision": "99999999999999999999"}, nil, "", "", "must be a whole number above 0"},
		"in the future":    {map[string]any{"revision": 9}, future, "9 false", "", future.Error()},
		"done already":     {map[string]any{"revision": 8}, etcdops.ErrCompacted, "8 false", "", "compacted already"},
		"nothing is newer": {map[string]any{}, etcdops.ErrCompacted, "0 false", "compacted revision 8", ""},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUnit(t)
			u.machine.compacted, u.machine.broken, u.juju.Parameters = 8, c.err, c.parameters
			u.do(v1alpha1.ActionCompact, "")
			u.outcome(c.output, "", c.failed)
			if u.machine.asked != c.asked {
				t.Errorf("asked etcd for %q", u.machine.asked)
			}
		})
	}
}
