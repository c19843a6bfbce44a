package snapd

import "testing"

func TestRefreshTimerTakesWhatSnapdTakes(t *testing.T) {
	for _, good := range []string{"", "fri5", "fri5,23:00-01:00", "mon-fri,23:00-01:00/2", "00:00~24:00/4", "thu2", "mon,,tue,10:00"} {
		if err := checkTimer(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for bad, want := range map[string]string{
		"friday99": `cannot parse "friday99": "friday99" is not a valid weekday`,
		"hold":     `cannot parse "hold": "hold" is not a valid weekday`,
		"managed":  "cannot set schedule to managed",
		"fri6":     `cannot parse "fri6": "fri6" is not a valid weekday`,
		"25:00":    `cannot parse "25:00": "25:00" is not a valid time`,
	} {
		if err := checkTimer(bad); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", bad, err, want)
		}
	}
}
