package simulation_test

import (
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/simulation"
)

// kept are machines that stay when their units go.
func kept(s *simulation.Sim, n int) []*simulation.Machine {
	var machines []*simulation.Machine
	for range n {
		machines = append(machines, s.AddMachine())
	}
	return machines
}

func on(app *simulation.App, machines []*simulation.Machine) {
	for _, m := range machines {
		app.AddUnitOn(m)
	}
}

// rests waits for n voters of the application's, and a daemon with nothing left to do.
func rests(t *testing.T, s *simulation.Sim, app *simulation.App, n int) {
	t.Helper()
	must(t, s, "it does not come to rest", s.Until(func() bool { return app.Settled() && app.Voters() == n && len(app.Units()) == n }, patience))
}

// TestAMachineCarriesOneMember is two applications that are deployed to one machine at once: one of
// them gets it, the other one's unit says why it has no member, and where it has a machine of its
// own it goes on there.
func TestAMachineCarriesOneMember(t *testing.T) {
	for seed := range uint64(8) {
		s := simulation.New(simulation.Config{Seed: seed})
		other := s.Deploy(simulation.Second)
		s.Relate()
		other.Relate()
		shared := s.AddMachine()
		units := []*simulation.Unit{s.AddUnitOn(shared), other.AddUnitOn(shared)}
		s.StartDaemon("daemon-a")
		other.StartDaemon("daemon-a")
		must(t, s, "nobody is born", s.Until(func() bool { return s.Voters()+other.Voters() == 1 }, patience))
		s.Pass(5 * time.Minute)
		must(t, s, "shared", nil)
		other.AddUnits(1)
		s.Pass(10 * time.Minute)
		must(t, s, "shared, and grown", nil)
		if s.Voters() != 1 && other.Voters() == 0 || s.Members() > 1 {
			t.Errorf("seed %d: %d members of %d", seed, s.Voters(), s.Members())
		}
		for _, u := range units {
			if had := s.Owner(shared); had == u {
				continue
			}
			if got := u.Status(); !strings.HasPrefix(got, "blocked") || !strings.Contains(got, "one machine can carry one") {
				t.Errorf("seed %d: %s says %q", seed, u.Name, got)
			}
		}
		s.RemoveOthers()
		s.Pass(5 * time.Minute)
		must(t, s, "it does not come to rest", s.Until(func() bool {
			return s.Voters() == len(s.Units()) && other.Voters() == len(other.Units())
		}, patience))
	}
}

// TestAnApplicationIsDeployedAgainOnItsMachines: what its units leave there stands in nobody's way,
// whether they left in peace or by force.
func TestAnApplicationIsDeployedAgainOnItsMachines(t *testing.T) {
	for name, remove := range map[string]func(*simulation.Sim){
		"in peace": func(s *simulation.Sim) { s.Remove() },
		"by force": func(s *simulation.Sim) {
			for _, u := range s.Units() {
				s.ForceOff(u)
			}
			s.Remove()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := simulation.New(simulation.Config{Seed: 41})
			machines := kept(s, 3)
			s.Relate()
			on(s.App, machines)
			s.StartDaemon("daemon-a")
			rests(t, s, s.App, 3)
			old := s.App
			remove(s)
			must(t, s, "it does not go", s.Until(old.Gone, patience))
			s.Redeploy()
			s.Relate()
			on(s.App, machines)
			s.StartDaemon("daemon-a")
			rests(t, s, s.App, 3)
		})
	}
}

// TestForgedDeliveriesHarmNobody hands each unit what somebody could who may run actions.
func TestForgedDeliveriesHarmNobody(t *testing.T) {
	for name, forged := range map[string]simulation.Forged{"without a claim": simulation.NoClaim, "with a wild claim": simulation.WildClaim,
		"a wrong reset": simulation.WrongReset, "new again": simulation.NewAgain, "a halt under no phase": simulation.HaltAlone,
		"a halt after an abort": simulation.HaltEnded, "a halt in another phase": simulation.HaltInOtherPhase,
		"a halt on the way back": simulation.HaltOnWayBack} {
		t.Run(name, func(t *testing.T) {
			s := simulation.New(simulation.Config{Seed: 45})
			threeAtOnce(t, s)
			if forged == simulation.HaltInOtherPhase || forged == simulation.HaltOnWayBack {
				s.WriteJournal(unknown)
			}
			for _, u := range s.Units() {
				if !s.Forge(u, forged) {
					t.Fatal("nothing to forge it from")
				}
			}
			s.Pass(time.Minute)
			must(t, s, "forged", nil)
			if got := s.Voters(); got != 3 {
				t.Errorf("%d voters", got)
			}
			if got := s.Counts().Refused[v1alpha1.ReasonOtherPhase]; strings.HasPrefix(name, "a halt") && got != 3 {
				t.Errorf("%d halts were refused", got)
			}
			s.EndJournal(unknown.ID)
			s.SetOption("snapshot_count", "5000") // the daemon is heard as before
			must(t, s, "roll", s.Until(func() bool { return count(s, "RestartMember") == 3 && s.Settled() }, patience))
		})
	}
}

// unknown is a procedure that the daemon does not know, in its phase stop.
var unknown = v1alpha1.JournalEntry{Procedure: "of another version", ID: "17", Phase: "stop"}

// TestAHaltedMemberIsStartedWhenItsProcedureIsOver: it is taken under its phase, a boot does not
// start it, and when the entry is gone the daemon brings it back as it was.
func TestAHaltedMemberIsStartedWhenItsProcedureIsOver(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 46})
	threeAtOnce(t, s)
	s.WriteJournal(unknown)
	u := s.Units()[1]
	status, err := s.Deliver(u, func(spec *v1alpha1.EtcdUnitSpec) {
		spec.Service.State, spec.Delivery.Under = v1alpha1.ServiceHalted, unknown.At()
	})
	if err != nil || status.Outcome != v1alpha1.OutcomeApplied || u.Machine().Serves() || s.Voters() != 2 {
		t.Fatalf("%+v, %v; it serves: %t", status, err, u.Machine().Serves())
	}
	s.PowerCut(u, 5*time.Second, time.Second)
	s.Pass(5 * time.Minute)
	if u.Machine().Serves() {
		t.Error("something has started it")
	}
	s.EndJournal(unknown.ID)
	settles(t, s, 3)
	if s.Members() != 3 {
		t.Errorf("%d members", s.Members())
	}
}

// TestAPortThatIsTakenIsMissedBeforeAMemberIsAdded: the unit says what is in its way, nothing is
// added meanwhile, and it joins when the port is free.
func TestAPortThatIsTakenIsMissedBeforeAMemberIsAdded(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 48})
	s.Relate()
	s.AddUnits(1)
	s.StartDaemon("daemon-a")
	settles(t, s, 1)
	u := s.AddUnits(1)[0]
	u.Machine().Squat(true)
	must(t, s, "it is not reported", s.Until(func() bool { return strings.Contains(u.Status(), "another process listens") }, patience))
	s.Pass(10 * time.Minute)
	if s.Members() != 1 {
		t.Errorf("%d members while the port is taken", s.Members())
	}
	u.Machine().Squat(false)
	settles(t, s, 2)
}
