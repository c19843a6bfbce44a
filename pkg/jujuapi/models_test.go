package jujuapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
)

func TestModelsAreFoundByNameOwnerAndUUID(t *testing.T) {
	t.Parallel()
	prod := jujuapi.ModelRef{Owner: "admin", Name: "prod", UUID: modelUUID}
	test1 := jujuapi.ModelRef{Owner: "admin", Name: "test", UUID: "00000000-0000-4000-8000-000000000001"}
	test2 := jujuapi.ModelRef{Owner: "alice@external", Name: "test", UUID: "00000000-0000-4000-8000-000000000002"}
	models := []jujuapi.ModelRef{prod, test1, test2}
	tests := []struct {
		text    string
		want    jujuapi.ModelRef
		err     error
		mention string
	}{
		{text: "prod", want: prod},
		{text: "admin/prod", want: prod},
		{text: modelUUID, want: prod},
		{text: "admin/test", want: test1},
		{text: "alice@external/test", want: test2},
		{text: "test", err: jujuapi.ErrAmbiguousModel, mention: "admin/test, alice@external/test"},
		{text: "bob/prod", err: jujuapi.ErrModelNotFound, mention: "admin/prod, admin/test"},
		{text: "nothing", err: jujuapi.ErrModelNotFound, mention: "admin/prod"},
		{text: "", err: jujuapi.ErrModelNotFound},
	}
	for _, test := range tests {
		got, err := jujuapi.PickModel(models, test.text)
		if got != test.want || !errors.Is(err, test.err) {
			t.Errorf("%q: got %v, %v; want %v, %v", test.text, got, err, test.want, test.err)
		}
		if err != nil && (!strings.Contains(err.Error(), test.mention) || !jujuapi.NeedsPerson(err)) {
			t.Errorf("%q: got %v", test.text, err)
		}
	}
	if _, err := jujuapi.PickModel(nil, "prod"); !errors.Is(err, jujuapi.ErrModelNotFound) || !strings.Contains(err.Error(), "juju grant") {
		t.Errorf("no model at all: got %v", err)
	}
}

func TestAControllerSessionAsksForTheModelsOfItsUser(t *testing.T) {
	t.Parallel()
	c := start(t, nil, func(_ context.Context, r wire.Request) (any, *wire.Error) {
		var who wire.Entity
		if r.Type != "ModelManager" || r.Version != 11 || json.Unmarshal(r.Params, &who) != nil || who.Tag != "user-admin" {
			return nil, &wire.Error{Message: "asked wrongly"}
		}
		return wire.UserModelList{UserModels: []wire.UserModel{{Model: wire.ModelEntry{Name: "prod", Qualifier: "admin", UUID: modelUUID}}}}, nil
	})
	s := jujuapi.OpenController(t.Context(), c.known(), jujuapi.Options{})
	defer func() { _ = s.Close() }()
	got, err := s.Resolve(t.Context(), "prod")
	if err != nil || got != (jujuapi.ModelRef{Owner: "admin", Name: "prod", UUID: modelUUID}) {
		t.Errorf("got %v, %v", got, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.paths) != 1 || c.paths[0] != "/api" {
		t.Errorf("connected to %v, want /api", c.paths)
	}
}
