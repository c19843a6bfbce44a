package machine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/sim/fleet"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/profile"
)

// step is a command on a unit, and what Juju 4.0 prints there, on both streams; ID and MODEL stand for
// the secret that is looked at.
type step struct{ unit, command, output string }

// say runs steps, and returns the id that the last secret-add printed.
func (w *world) say(id string, steps ...step) string {
	w.t.Helper()
	for _, s := range steps {
		replace := strings.NewReplacer("ID", id, "MODEL", w.UUID)
		task := w.exec(s.unit, "exec 2>&1\n"+replace.Replace(s.command))
		out := fmt.Sprint(task.Output["stdout"])
		if task.Output["stdout"] == nil {
			out = ""
		}
		if found := regexp.MustCompile(`secret:(?://[0-9a-f-]{36}/)?([0-9a-v]{20})\n`).FindStringSubmatch(out); strings.HasPrefix(s.command, "secret-add") && found != nil {
			id = found[1]
			replace = strings.NewReplacer("ID", id, "MODEL", w.UUID)
		}
		if want := replace.Replace(s.output); out != want || task.Status != model.TaskCompleted {
			w.t.Errorf("%s: %s printed (%s)\n%s\nwant\n%s", s.unit, s.command, task.Status, out, want)
		}
	}
	return id
}

// withSecrets are two units of own and one of con, related.
func withSecrets(t *testing.T, edit ...func(*fleet.Options)) *world {
	w := newWorld(t, edit...)
	w.deploy(probe(t), "own", 2)
	w.deploy(probe(t), "con", 1)
	w.settled("own/0", "own/1", "con/0")
	if _, err := w.AddRelation("own:out", "con:in"); err != nil {
		t.Fatal(err)
	}
	w.until("the relation is joined", func() bool { return strings.Count(strings.Join(w.ran("con/0"), " "), "in-relation-changed") == 2 })
	w.settled("own/0", "own/1", "con/0")
	return w
}

func TestSecretsOfACharmAreWhatJujusAre(t *testing.T) {
	w := withSecrets(t)
	leader, err := w.Leader("own")
	if err != nil {
		t.Fatal(err)
	}
	peer := map[string]string{"own/0": "own/1", "own/1": "own/0"}[leader]
	relation := strings.TrimSpace(fmt.Sprint(w.exec("con/0", "relation-ids in").Output["stdout"]))
	_, number, _ := strings.Cut(relation, ":")
	info := "ID:\n  revision: 1\n  label: appsec\n  owner: application\n  description: d\n  rotation: never\n"
	id := w.say("",
		step{leader, "secret-add u=1 p=2 --label appsec; echo $?", "ERROR key \"u\" not valid\n2\n"},
		step{leader, "secret-add --label nothing", "ERROR missing secret value or filename\n"},
		step{leader, "secret-add short", "ERROR key value \"short\" not valid\n"},
		step{leader, "secret-add A=1", "ERROR key \"A\" not valid\n"},
		step{leader, "secret-add key=w --expire 40s", "ERROR jujusim does not serve --expire of secrets\n"},
		step{peer, "secret-add user=bbb; echo $?", "ERROR this unit is not the leader\n1\n"},
		step{leader, "secret-ids", ""},
		step{leader, "secret-get --label appsec", "ERROR secret URI for consumer label \"appsec\" not found\n"},
		step{leader, "secret-add user=1 pass=2 --label appsec --description d --owner application; secret-add user=1 --label appsec; secret-ids; " +
			"secret-get --label appsec; secret-info-get --label appsec --format json",
			"secret://MODEL/ID\nERROR secret with label \"appsec\" already exists\nID\npass: \"2\"\nuser: \"1\"\n" +
				`{"ID":{"revision":1,"label":"appsec","owner":"application","description":"d"}}` + "\n"},
	)
	id = w.say(id,
		step{leader, "secret-info-get --label appsec", info},
		step{leader, "secret-get ID; secret-get secret:ID pass; secret-get ID nokey; secret-get ID pass#base64", "pass: \"2\"\nuser: \"1\"\n2\nERROR secret key value \"nokey\" not found\nMg==\n"},
		step{"con/0", "secret-get secret:ID; echo $?", "ERROR \"con/0\" is not allowed to read this secret\n1\n"},
		step{leader, "secret-grant ID -r 99; echo $?", "ERROR invalid value \"99\" for option -r: relation not found\n2\n"},
		step{peer, "secret-grant ID -r " + number, "ERROR secret \"ID\" not found\n"},
		step{leader, "secret-grant ID -r out:" + number + "; secret-info-get ID; secret-set ID user=9 pass=8; secret-get ID; secret-get ID --peek; secret-get ID --refresh; secret-info-get ID",
			info + "pass: \"2\"\nuser: \"1\"\npass: \"8\"\nuser: \"9\"\npass: \"8\"\nuser: \"9\"\n" + info},
		step{leader, "secret-info-get ID; secret-get ID", strings.Replace(info, "revision: 1", "revision: 2", 1) +
			"  access:\n  - target: application-con\n    scope: relation-con.in#own.out\n    role: view\npass: \"8\"\nuser: \"9\"\n"},
		step{peer, "secret-ids; secret-get --label appsec; secret-info-get --label appsec", "pass: \"8\"\nuser: \"9\"\nERROR secret \"appsec\" not found\n"},
		// Who was refused once has the revision of that time.
		step{"con/0", "secret-get secret://MODEL/ID --label fromown; secret-get ID --refresh; secret-get --label fromown; secret-info-get ID; secret-ids --format json",
			"pass: \"2\"\nuser: \"1\"\npass: \"8\"\nuser: \"9\"\npass: \"8\"\nuser: \"9\"\nERROR secret \"ID\" not found\nnull\n"},
		step{"con/0", "secret-get --label unknown; secret-get secret:bad; echo $?; secret-get; echo $?; secret-get 03b2j085bo0od0c8oaaa; secret-get vset7vsns5erchjika70",
			"ERROR secret URI for consumer label \"unknown\" not found\nERROR secret URI \"secret:bad\" not valid\n2\nERROR require either a secret URI or label\n2\n" +
				"ERROR secret URI \"03b2j085bo0od0c8oaaa\" not valid\nERROR getting latest secret revision: secret not found\n"},
	)
	if task := w.exec("con/0", "secret-set "+id+" abc=d; relation-set -r "+relation+" lost=x"); task.Status != model.TaskFailed || task.Message != "committing requested changes failed" {
		t.Errorf("another's secret is set: %+v", task)
	}
	w.say(id, step{"con/0", "relation-get -r " + relation + " lost con/0", ""})
	if err := w.DestroyRelation("own:out", "con:in", false); err != nil {
		t.Fatal(err)
	}
	w.until("the relation is gone", func() bool { return len(w.secretAccess(id)) == 0 })
	w.say(id, step{"con/0", "secret-get ID", "ERROR \"con/0\" is not allowed to read this secret\n"},
		step{leader, "secret-remove ID; secret-get ID pass", "8\n"}, step{leader, "secret-ids; secret-get ID", "ERROR getting latest secret revision: secret not found\n"})
}

func (w *world) secretAccess(id string) []model.SecretAccess {
	for _, s := range w.Secrets() {
		if s.ID == id {
			return s.Access
		}
	}
	return nil
}

// TestWhoReadsASecretIsToldOfItsRevisions, and who owns it that one is read no more; what a failed hook has asked for is not done.
func TestWhoReadsASecretIsToldOfItsRevisions(t *testing.T) {
	w := withSecrets(t)
	leader, err := w.Leader("own")
	if err != nil {
		t.Fatal(err)
	}
	w.script("con/0", `[ "$JUJU_HOOK_NAME" = secret-changed ] && env | grep ^JUJU_SECRET | sort >> $JUJUETCD_ROOT/told; true`)
	w.script(leader, `case $JUJU_HOOK_NAME in secret-remove) env | grep ^JUJU_SECRET | sort >> $JUJUETCD_ROOT/told;;
config-changed) secret-add key=lost --label lost; exit 1;; esac; true`)
	id, err := w.AddSecret("users", "", model.SecretContent{"key": "MQ=="})
	if err != nil {
		t.Fatal(err)
	}
	of := w.say("", step{leader, "secret-add key=1 --label own", "secret://MODEL/ID\n"})
	relation := strings.TrimSpace(fmt.Sprint(w.exec(leader, "relation-ids out").Output["stdout"]))
	w.say(of, step{leader, "secret-grant ID -r " + relation, ""}, step{"con/0", "secret-get ID key", "1\n"})
	w.say(id, step{"con/0", "secret-get ID", "ERROR \"con/0\" is not allowed to read this secret\n"})
	// Neither a grant nor an update of the same is told, and a unit that never read is told of nothing.
	for _, do := range []func() error{
		func() error { return w.GrantSecret(model.SecretRef{Label: "users"}, "con") },
		func() error {
			return w.UpdateSecret(model.SecretRef{ID: id}, model.SecretUpdate{Content: model.SecretContent{"key": "MQ=="}})
		},
		func() error {
			return w.UpdateSecret(model.SecretRef{ID: id}, model.SecretUpdate{Content: model.SecretContent{"key": "Mg=="}})
		},
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	w.until("con is told", func() bool { return slices.Contains(w.ran("con/0"), "secret-changed") })
	w.say(of, step{leader, "secret-set ID key=2", ""})
	w.until("con is told again", func() bool { return strings.Count(strings.Join(w.ran("con/0"), " "), "secret-changed") == 2 })
	w.say(of, step{"con/0", "secret-get ID key; secret-get ID key --refresh", "1\n2\n"})
	w.until("the owner is told", func() bool { return slices.Contains(w.ran(leader), "secret-remove") })
	w.setConfig("own", "port", "7")
	w.until("the hook has failed", func() bool {
		u, err := w.Unit(leader)
		return err == nil && u.Workload.Current == "error"
	})
	for unit, want := range map[string]string{
		"con/0": "JUJU_SECRET_ID=secret:" + id + "\nJUJU_SECRET_LABEL=\nJUJU_SECRET_ID=secret:" + of + "\nJUJU_SECRET_LABEL=\n",
		leader:  "JUJU_SECRET_ID=" + of + "\nJUJU_SECRET_LABEL=own\nJUJU_SECRET_REVISION=1\n",
	} {
		if got, err := os.ReadFile(filepath.Join(w.root(unit), "told")); err != nil || string(got) != want {
			t.Errorf("%s is told\n%swant\n%s%v", unit, got, want, err)
		}
	}
	if all := w.Secrets(); len(all) != 2 {
		t.Errorf("there are %+v", all)
	}
	if slices.Contains(w.ran("own/0"), "secret-changed") || slices.Contains(w.ran("own/1"), "secret-changed") {
		t.Error("who never read is told")
	}
}

// TestSecretsOf36 are named by their ids alone.
func TestSecretsOf36(t *testing.T) {
	w := newWorldOf(t, model.Options{Profile: profile.V36})
	w.deploy(probe(t), "own", 1)
	w.settled("own/0")
	w.say("", step{"own/0", "secret-add key=1 --owner unit", "secret:ID\n"}, step{"own/0", "secret-add key=1 --rotate never", "secret:ID\n"})
}
