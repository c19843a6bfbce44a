package simulation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/simulation"
)

// waits says that a procedure waits for a person.
func waits(s *simulation.Sim) bool { return strings.Contains(s.ApplicationStatus(), "waits for you") }

// proceed has a person go on at each of the two rests, once all clients have read what was
// published.
func proceed(t *testing.T, s *simulation.Sim) {
	t.Helper()
	at := ""
	for i := range 2 {
		must(t, s, fmt.Sprintf("rest %d", i), s.Until(func() bool { return waits(s) && s.Procedure() != at && s.ClientsKeepUp() }, patience))
		at = s.Procedure()
		if !s.Ask(s.Units()[i%len(s.Units())], v1alpha1.ActionProceed) {
			t.Fatalf("proceed is refused at rest %d", i)
		}
		must(t, s, "it goes on", s.Until(func() bool { return s.Procedure() != at }, patience))
	}
}

// rotate has a person replace the authority, and go on at each rest once all clients have read what
// was published.
func rotate(t *testing.T, s *simulation.Sim) {
	t.Helper()
	if !s.Ask(s.Units()[0], v1alpha1.ActionRotateCA) {
		t.Fatal("the action is refused")
	}
	proceed(t, s)
	must(t, s, "the end", s.Until(func() bool { return s.Procedure() == "" && s.Settled() }, patience))
	if s.AsksToRotate() {
		t.Errorf("members do not trust the new authority\n%s", tail(s))
	}
}

// TestAnAuthorityIsReplacedWhileEveryConnectionStaysGood: at each moment any two members, each
// client and each member, and the daemon and each member would agree in a new handshake (T1, T2).
// Each member is restarted twice.
func TestAnAuthorityIsReplacedWhileEveryConnectionStaysGood(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			s := simulation.New(simulation.Config{Seed: uint64(n)})
			s.Relate()
			s.AddUnits(n)
			s.StartDaemon("daemon-a")
			must(t, s, "birth", s.Until(s.Settled, patience))
			s.AddClient(2 * time.Second)
			s.Pass(time.Minute)
			s.RenewAuthority()
			s.Pass(time.Minute)
			if !strings.Contains(s.ApplicationStatus(), "rotate-ca") {
				t.Errorf("nothing is reported: %s", s.ApplicationStatus())
			}
			if n == 2 {
				return // no restart of one of two is without an outage, which is a person's
			}
			before := restarts(s)
			rotate(t, s)
			if got := restarts(s) - before; got != 2*n {
				t.Errorf("%d restarts, want %d", got, 2*n)
			}
			must(t, s, "settled", s.Until(s.Settled, patience))
		})
	}
}

// TestARotationGoesBackFromTrust: and nothing of the new authority is left.
func TestARotationGoesBackFromTrust(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 3})
	threeAtOnce(t, s)
	s.RenewAuthority()
	s.Pass(time.Minute)
	s.Ask(s.Units()[0], v1alpha1.ActionRotateCA)
	must(t, s, "rest", s.Until(func() bool { return waits(s) }, patience))
	s.Ask(s.Units()[1], v1alpha1.ActionGoBack)
	must(t, s, "back", s.Until(func() bool { return s.Procedure() == "" && s.Settled() }, patience))
	if !s.AsksToRotate() {
		t.Error("somebody trusts the new authority still")
	}
}

// TestARotationIsFinishedByAnotherDaemon: what is under way stands in the latch, not in a memory.
func TestARotationIsFinishedByAnotherDaemon(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 4})
	threeAtOnce(t, s)
	s.RenewAuthority()
	s.Pass(time.Minute)
	s.Ask(s.Units()[0], v1alpha1.ActionRotateCA)
	must(t, s, "begun", s.Until(func() bool { return s.Procedure() != "" }, patience))
	s.Pass(20 * time.Second)
	s.Daemon().Stop()
	s.TakeOver("daemon-b")
	for i := range 2 {
		must(t, s, fmt.Sprintf("rest %d", i), s.Until(func() bool { return waits(s) }, patience))
		s.Daemon().Stop()
		s.TakeOver(fmt.Sprintf("daemon-%d", i))
		s.Ask(s.Units()[i], v1alpha1.ActionProceed)
		must(t, s, "it goes on", s.Until(func() bool { return !waits(s) }, patience))
	}
	must(t, s, "the end", s.Until(func() bool { return s.Procedure() == "" && s.Settled() }, patience))
}

// TestAUnitThatVanishesInTheMiddleOfARotationIsWaitedForAndReplaced: its member is removed, and
// what is under way goes on without it.
func TestAUnitThatVanishesInTheMiddleOfARotationIsWaitedForAndReplaced(t *testing.T) {
	for after := range 4 {
		s := simulation.New(simulation.Config{Seed: uint64(40 + after)})
		s.Relate()
		s.AddUnits(5)
		s.StartDaemon("daemon-a")
		settles(t, s, 5)
		s.RenewAuthority()
		s.Pass(time.Minute)
		s.Ask(s.Units()[0], v1alpha1.ActionRotateCA)
		must(t, s, "begun", s.Until(func() bool { return s.Procedure() != "" }, patience))
		s.Pass(time.Duration(after*15) * time.Second)
		s.Vanish(s.Units()[3])
		proceed(t, s)
		must(t, s, "the end", s.Until(func() bool { return s.Procedure() == "" && s.Settled() && s.Members() == 4 && s.Voters() == 4 }, patience))
	}
}

// TestAUnitThatARotationBackLeavesWithItsOldCertificateJoins: it trusts both authorities, and tells
// that its certificate is of the one that members trust.
func TestAUnitThatARotationBackLeavesWithItsOldCertificateJoins(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 6})
	s.Relate()
	s.AddUnits(4)
	s.StartDaemon("daemon-a")
	settles(t, s, 4)
	s.RenewAuthority()
	s.Pass(time.Minute)
	s.Ask(s.Units()[0], v1alpha1.ActionRotateCA)
	must(t, s, "rest", s.Until(func() bool { return waits(s) }, patience))
	s.Wipe(s.Units()[3])
	must(t, s, "removed", s.Until(func() bool { return s.Members() == 3 && waits(s) }, patience))
	s.Ask(s.Units()[1], v1alpha1.ActionGoBack)
	must(t, s, "joined", s.Until(func() bool { return s.Procedure() == "" && s.Voters() == 4 && s.Settled() }, patience))
}

// TestAUnitThatARotationBackLeavesWithBothStaysOut: its member was lost meanwhile, so that nobody
// waited for it, and it has both authorities and a certificate of the new one, which no member
// trusts any more. It joins when the authority is replaced in the end.
func TestAUnitThatARotationBackLeavesWithBothStaysOut(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 5})
	s.Relate()
	s.AddUnits(4)
	s.StartDaemon("daemon-a")
	settles(t, s, 4)
	s.RenewAuthority()
	s.Pass(time.Minute)
	s.Ask(s.Units()[0], v1alpha1.ActionRotateCA)
	must(t, s, "rest", s.Until(func() bool { return waits(s) }, patience))
	s.Wipe(s.Units()[3])
	must(t, s, "removed", s.Until(func() bool { return s.Members() == 3 && waits(s) }, patience))
	s.TakeOffered(s.Units()[3])
	s.Ask(s.Units()[1], v1alpha1.ActionGoBack)
	must(t, s, "back", s.Until(func() bool { return s.Procedure() == "" }, patience))
	s.Pass(10 * time.Minute)
	must(t, s, "it stays out", nil)
	if s.Members() != 3 || !strings.Contains(s.Last().Reason, "no certificate that the members trust") {
		t.Errorf("%d members, last %s %q", s.Members(), s.Last().Kind, s.Last().Reason)
	}
	rotate(t, s)
	must(t, s, "joined", s.Until(func() bool { return s.Voters() == 4 && s.Settled() }, patience))
}

// TestAFurtherAuthorityIsUsedOnceEveryMemberHasReadIt: the provider gives certificates of it at
// once, and no member shows one to another that would refuse it (T1), nor to a client (T2). Each
// member is restarted once.
func TestAFurtherAuthorityIsUsedOnceEveryMemberHasReadIt(t *testing.T) {
	for _, n := range []int{1, 3, 5} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			s := simulation.New(simulation.Config{Seed: uint64(60 + n)})
			s.Relate()
			s.AddUnits(n)
			s.StartDaemon("daemon-a")
			settles(t, s, n)
			s.AddClient(2 * time.Second)
			s.Pass(time.Minute)
			before := restarts(s)
			s.AddAuthority()
			must(t, s, "in use", s.Until(func() bool { return s.UsesWhatIsOffered() && s.Settled() }, patience))
			if got := restarts(s) - before; got != n {
				t.Errorf("%d restarts, want %d", got, n)
			}
			must(t, s, "no violation", nil)
		})
	}
}

// TestAFurtherAuthorityWaitsForAMemberThatIsDown: it may come back with what it had read.
func TestAFurtherAuthorityWaitsForAMemberThatIsDown(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 70})
	threeAtOnce(t, s)
	s.PowerCut(s.Units()[2], 10*time.Minute, 0)
	s.Pass(time.Minute)
	s.AddAuthority()
	s.Pass(5 * time.Minute)
	must(t, s, "meanwhile", nil)
	if s.UsesWhatIsOffered() {
		t.Errorf("certificates have changed while a member is down\n%s", tail(s))
	}
	if !strings.Contains(s.ApplicationStatus(), "offers a further authority") {
		t.Errorf("nothing is reported: %s", s.ApplicationStatus())
	}
	must(t, s, "in use", s.Until(func() bool { return s.UsesWhatIsOffered() && s.Settled() }, 2*patience))
}

// TestUnitsJoinWhileAFurtherAuthorityComes: who has a certificate of the former one joins, as ever,
// and who has one of the other when all members trust it.
func TestUnitsJoinWhileAFurtherAuthorityComes(t *testing.T) {
	for after := range 4 {
		s := simulation.New(simulation.Config{Seed: uint64(80 + after)})
		threeAtOnce(t, s)
		s.AddAuthority()
		s.Pass(time.Duration(after*10) * time.Second)
		s.AddUnits(2)
		must(t, s, "joined", s.Until(func() bool { return s.Voters() == 5 && s.UsesWhatIsOffered() && s.Settled() }, 2*patience))
	}
}
