package model_test

import (
	"fmt"
	"strings"
	"testing"

	"jujuetcd.io/sim/model"
)

// TestSecretsGoWithTheirOwners, and a reader that is gone keeps no revision.
func TestSecretsGoWithTheirOwners(t *testing.T) {
	m := world(t, 2, model.Options{})
	for _, unit := range []string{"etcd/0", "etcd/1"} {
		must(t, m.AgentUp(unit))
	}
	content := func(value string) model.SecretUpdate {
		return model.SecretUpdate{Content: model.SecretContent{"key": value}}
	}
	app, unit := model.NewSecretID(), model.NewSecretID()
	must(t, m.Commit("etcd/0", model.Changes{Secrets: []model.SecretWrite{
		{Do: model.SecretAdd, ID: app, Kind: model.OwnedByApplication, Update: content("MQ==")},
		{Do: model.SecretAdd, ID: unit, Kind: model.OwnedByUnit, Update: content("MQ==")},
	}}))
	prunes := true
	user, err := m.AddSecret("user", "", content("MQ==").Content)
	must(t, err)
	must(t, m.UpdateSecret(model.SecretRef{ID: user}, model.SecretUpdate{AutoPrune: &prunes}))
	must(t, m.GrantSecret(model.SecretRef{ID: user}, "etcd"))
	for _, read := range []struct{ unit, id, refused string }{
		{"etcd/1", user, ""}, {"etcd/1", app, ""}, {"etcd/1", unit, `"etcd/1" is not allowed`}, {"etcd/0", unit, ""},
	} {
		if _, err := m.ReadSecret(read.unit, model.SecretRead{ID: read.id}); (err == nil) != (read.refused == "") || err != nil && !strings.Contains(err.Error(), read.refused) {
			t.Errorf("%s reads %s: %v", read.unit, read.id, err)
		}
	}
	if err := m.Commit("etcd/1", model.Changes{Secrets: []model.SecretWrite{{Do: model.SecretSet, ID: app, Update: content("Mg==")}}}); err == nil {
		t.Error("who does not lead changes what is the application's")
	}
	must(t, m.UpdateSecret(model.SecretRef{ID: user}, content("Mg==")))
	there := func() string {
		var all []string
		for _, s := range m.Secrets() {
			all = append(all, fmt.Sprintf("%s %d of %d", s.Kind, s.Latest().Number, len(s.Revisions)))
		}
		return strings.Join(all, ", ")
	}
	for _, step := range []struct {
		do   func() error
		want string
	}{
		{func() error { return nil }, "application 1 of 1, unit 1 of 1, model 2 of 2"},
		{func() error { return m.UnitGone("etcd/1") }, "application 1 of 1, unit 1 of 1, model 2 of 1"},
		{func() error { return m.UnitGone("etcd/0") }, "application 1 of 1, model 2 of 1"},
		{func() error { return m.DestroyApplication("etcd") }, "model 2 of 1"},
	} {
		must(t, step.do())
		if got := there(); got != step.want {
			t.Errorf("there are %s, want %s", got, step.want)
		}
	}
	if access := m.Secrets()[0].Access; len(access) > 0 {
		t.Errorf("an application that is gone may read: %+v", access)
	}
}
