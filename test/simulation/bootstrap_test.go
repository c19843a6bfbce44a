package simulation_test

import (
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/test/simulation"
)

func steps(s *simulation.Sim) []string {
	var list []string
	for _, a := range s.Acts() {
		list = append(list, a.Step)
	}
	return list
}

func TestThreeUnitsAtOnceAreOneStaticBootstrap(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 1})
	threeAtOnce(t, s)
	if seeds := s.Latch().Seeds.Members; len(seeds) != 3 {
		t.Errorf("born from %d seeds, want 3", len(seeds))
	}
	if slices.ContainsFunc(steps(s), func(a string) bool { return strings.HasPrefix(a, "AddLearner") }) {
		t.Errorf("a member joined later: %v", steps(s))
	}
	for _, u := range s.Units() {
		if got := u.Status(); got != "active Healthy with 3 known peers" {
			t.Errorf("%s: %s", u.Name, got)
		}
	}
	if got := s.ApplicationStatus(); got != "active 3 members, can lose 1" {
		t.Errorf("application: %s", got)
	}
	t.Logf("%v\n%+v", strings.Join(steps(s), "\n"), s.Counts())
}

func TestOneGrowsToThreeOneAtATime(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 2})
	oneThenThree(t, s)
	want := []string{"AddLearner etcd/1", "StartMembers etcd/1", "PromoteLearner etcd/1",
		"AddLearner etcd/2", "StartMembers etcd/2", "PromoteLearner etcd/2"}
	got := slices.DeleteFunc(steps(s), func(a string) bool { return !slices.Contains(want, a) })
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	t.Logf("%v\n%+v", strings.Join(steps(s), "\n"), s.Counts())
}
