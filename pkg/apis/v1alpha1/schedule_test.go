package v1alpha1_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestTheTimesOfASchedule(t *testing.T) {
	for words, want := range map[string]struct{ now, last, next string }{
		"0 3 * * *":     {"2026-03-01T02:59:59Z", "2026-02-28T03:00:00Z", "2026-03-01T03:00:00Z"},
		" */30 * * * *": {"2026-03-01T03:30:00Z", "2026-03-01T03:30:00Z", "2026-03-01T04:00:00Z"},
		"* 3 * * *":     {"2026-03-01T20:00:00Z", "2026-03-01T03:59:00Z", "2026-03-02T03:00:00Z"},
		"@monthly":      {"2026-03-31T20:00:00Z", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"},
		"0 0 29 2 *":    {"2103-03-01T00:00:00Z", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z"},
		"30 2 * * SUN":  {"2026-03-03T03:30:00+03:00", "2026-03-01T02:30:00Z", "2026-03-08T02:30:00Z"},
	} {
		s, err := v1alpha1.ParseSchedule(words)
		if err != nil {
			t.Fatal(err)
		}
		if last, next := s.Last(at(want.now)), s.Next(at(want.now)); !last.Equal(at(want.last)) || !next.Equal(at(want.next)) {
			t.Errorf("%q at %s: last %s, next %s, want %+v", words, want.now, last, next, want)
		}
	}
	never, err := v1alpha1.ParseSchedule("  ")
	if err != nil || !never.Next(at("2026-03-01T02:59:59Z")).IsZero() || !never.Last(at("2026-03-01T02:59:59Z")).IsZero() {
		t.Errorf("no schedule is due: %v", err)
	}
}

// TestNoTimeOfAScheduleLiesBetween its last and its next, whatever it is.
func TestNoTimeOfAScheduleLiesBetween(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"*/7 * * * *", "5 4 * * 1-5", "0 0 1,15 * 3", "59 23 31 12 *", "@hourly", "0 12 29 2 *", "*/11 1-5 */3 2,7 *"}
	for range 2000 {
		s, err := v1alpha1.ParseSchedule(words[r.IntN(len(words))])
		if err != nil {
			t.Fatal(err)
		}
		now := time.Unix(1_700_000_000+r.Int64N(300_000_000), 0)
		last := s.Last(now)
		if last.IsZero() || last.After(now) || !s.Next(last).After(now) || !s.Last(last).Equal(last) {
			t.Fatalf("at %s the last is %s, and the one after it %s", now, last, s.Next(last))
		}
	}
}

func TestWhatIsNoSchedule(t *testing.T) {
	for words, why := range map[string]string{
		"daily": "must be five cron words", "0 0 3 * * *": "must be five cron words", "61 * * * *": "must be five cron words",
		"TZ=Europe/Berlin 0 3 * * *": "must not name a time zone", "CRON_TZ=UTC 0 3 * * *": "must not name a time zone",
		"@every 1h": "must be times of the clock", "0 0 31 2 *": "there is no such day",
	} {
		if _, err := v1alpha1.ParseSchedule(words); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v", words, err)
		}
	}
}

func TestATickIsNamedByItsTime(t *testing.T) {
	id := v1alpha1.TickID(at("2026-03-01T03:00:00+01:00"))
	if got, ok := v1alpha1.ParseTick(id); id != "20260301T020000Z" || !ok || !got.Equal(at("2026-03-01T02:00:00Z")) {
		t.Errorf("%s is %s, %v", id, got, ok)
	}
	for _, wrong := range []string{"", "20260301", "../20260301T020000Z", "20260301T020000Z ", "20261301T020000Z"} {
		if _, ok := v1alpha1.ParseTick(wrong); ok {
			t.Errorf("%q is taken for a time", wrong)
		}
	}
}
