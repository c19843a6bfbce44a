package machine_test

import (
	"fmt"
	"strings"
	"testing"

	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/profile"
)

func TestLeaderSettingsAndEnvironmentAreThoseOfTheProfile(t *testing.T) {
	for _, p := range []profile.Profile{profile.V36, profile.V40} {
		t.Run(p.Name, func(t *testing.T) {
			w := newWorldOf(t, model.Options{Profile: p})
			w.deploy(probe(t), "a", 2)
			w.settled("a/0", "a/1")
			leader, err := w.Leader("a")
			if err != nil {
				t.Fatal(err)
			}
			other := map[string]string{"a/0": "a/1", "a/1": "a/0"}[leader]
			run := func(unit, command string) (stdout, stderr, code string) {
				task := w.task(model.TaskRequest{Receiver: unit, Name: model.Exec, Params: map[string]any{"command": command}})
				text := func(key string) string {
					if v := task.Output[key]; v != nil {
						return fmt.Sprint(v)
					}
					return ""
				}
				return text("stdout"), text("stderr"), text("return-code")
			}
			_, stderr, code := run(leader, "leader-set token=abc other=x other=")
			if !p.LeaderSettings {
				if code != "127" || !strings.Contains(stderr, "not found") {
					t.Errorf("leader-set is gone, and says %q with %s", stderr, code)
				}
			} else if code != "0" {
				t.Errorf("leader-set: %s (%s)", stderr, code)
			} else {
				if stdout, stderr, _ := run(other, "leader-get --format=json; leader-get token"); stdout != "{\"token\":\"abc\"}\nabc\n" {
					t.Errorf("leader-get: %q %s", stdout, stderr)
				}
				if _, stderr, code := run(other, "leader-set token=def"); code != "1" || !strings.Contains(stderr, "cannot write leadership settings") {
					t.Errorf("leader-set by a unit that does not lead: %q (%s)", stderr, code)
				}
			}
			stdout, _, _ := run(leader, "env")
			for variable, want := range map[string]bool{
				"JUJU_VERSION=" + p.Version: true, "JUJU_SLA=": p.Name == "3.6", "JUJU_CHARM_TRACE_CONFIG_HTTP=": p.Tracing,
			} {
				if got := strings.Contains("\n"+stdout, "\n"+variable+"\n"); got != want {
					t.Errorf("%s is in the environment: %t, want %t", variable, got, want)
				}
			}
		})
	}
}
