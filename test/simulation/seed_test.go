package simulation_test

import (
	"strings"
	"testing"
	"time"

	"jujuetcd.io/test/simulation"
)

// TestASeedThatLosesItsDiskBeforeTheFirstLook: no member begins twice in one cluster, and they all come to be, unless a person has to look.
func TestASeedThatLosesItsDiskBeforeTheFirstLook(t *testing.T) {
	for lost := 1; lost <= 3; lost++ {
		for seed := range uint64(6) {
			s := simulation.New(simulation.Config{Seed: seed})
			s.Relate()
			for _, u := range s.AddUnits(3)[:lost] {
				s.LoseAtStart(u)
			}
			s.StartDaemon("daemon-a")
			s.Pass(10 * time.Minute)
			if lost == 2 { // one has data that nobody may throw away, and no quorum
				if must(t, s, "two lost", nil); !s.Last().Person || !strings.HasPrefix(s.ApplicationStatus(), "blocked") {
					t.Errorf("%s; the application says %s", s.Last().Reason, s.ApplicationStatus())
				}
				continue
			}
			settles(t, s, 3)
		}
	}
}
