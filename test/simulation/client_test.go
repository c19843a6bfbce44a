package simulation_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/test/simulation"
)

// TestAClientThatIsSlowAlwaysFindsAMember: whatever moves or leaves, a member that serves is in the list that each client's charm
// has read last, however long its hooks take (invariant judgeClients), also where the daemon dies in between. Nobody waits longer than
// they do.
func TestAClientThatIsSlowAlwaysFindsAMember(t *testing.T) {
	moved := func(port string) func(s *simulation.Sim) bool {
		return func(s *simulation.Sim) bool {
			return s.Settled() && s.Voters() == 3 && !slices.ContainsFunc(s.Units(), func(u *simulation.Unit) bool {
				return !slices.Equal(s.Ports(u), []string{port + "/tcp"})
			})
		}
	}
	for name, c := range map[string]struct {
		do   func(t *testing.T, s *simulation.Sim)
		done func(s *simulation.Sim) bool
		list string
	}{
		"the port changes": {func(_ *testing.T, s *simulation.Sim) { s.SetOption("port", 4001) }, moved("4001"),
			"https://10.0.0.1:4001 https://10.0.0.2:4001 https://10.0.0.3:4001"},
		"both ports change": {func(_ *testing.T, s *simulation.Sim) {
			s.SetOption("port", 4001)
			s.SetOption("management_port", 7001)
		}, moved("4001"), "https://10.0.0.1:4001 https://10.0.0.2:4001 https://10.0.0.3:4001"},
		"the port changes and back, half way": {func(t *testing.T, s *simulation.Sim) {
			s.SetOption("port", 4001)
			must(t, s, "nobody moves", s.Until(func() bool { return count(s, "RestartMember") == 2 }, patience))
			s.SetOption("port", 2379)
		}, moved("2379"), "https://10.0.0.1:2379 https://10.0.0.2:2379 https://10.0.0.3:2379"},
		"the port changes while the daemon dies after each restart": {func(t *testing.T, s *simulation.Sim) {
			s.SetOption("port", 4001)
			for n := range 3 {
				must(t, s, "nobody moves", s.Until(func() bool { return count(s, "RestartMember") == n+1 }, patience))
				s.Restart()
			}
		}, moved("4001"), "https://10.0.0.1:4001 https://10.0.0.2:4001 https://10.0.0.3:4001"},
		"two of three leave and two others come": {func(t *testing.T, s *simulation.Sim) {
			s.AddUnits(2)
			must(t, s, "no growth", s.Until(func() bool { return s.Voters() == 5 }, patience))
			s.RemoveUnit(s.Units()[0])
			s.RemoveUnit(s.Units()[1])
		}, func(s *simulation.Sim) bool { return s.Settled() && s.Voters() == 3 && len(s.Units()) == 3 },
			"https://10.0.0.3:2379 https://10.0.0.4:2379 https://10.0.0.5:2379"},
	} {
		for _, takes := range []time.Duration{100 * time.Millisecond, 3 * time.Second, 20 * time.Second} {
			t.Run(name+", hooks take "+takes.String(), func(t *testing.T) {
				s := simulation.New(simulation.Config{Seed: 41})
				threeAtOnce(t, s)
				client := s.AddClient(takes)
				s.Pass(2 * time.Minute)
				began := s.Now()
				c.do(t, s)
				must(t, s, "it is not done", s.Until(func() bool { return c.done(s) }, patience))
				s.Pass(time.Minute)
				must(t, s, "in the end", nil)
				if got := strings.Join(client.List(), " "); got != c.list {
					t.Errorf("in the end the client knows %s", got)
				}
				t.Logf("%s of virtual time", s.Now().Sub(began)-time.Minute)
			})
		}
	}
}
