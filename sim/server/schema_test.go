package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/profile"
	"jujuetcd.io/sim/server"
)

type jsonSchema struct {
	Ref                  string                 `json:"$ref"`
	Type                 string                 `json:"type"`
	Properties           map[string]*jsonSchema `json:"properties"`
	PatternProperties    map[string]*jsonSchema `json:"patternProperties"`
	AdditionalProperties json.RawMessage        `json:"additionalProperties"`
	Items                *jsonSchema            `json:"items"`
	Definitions          map[string]*jsonSchema `json:"definitions"`
	Required             []string               `json:"required"`
}

// TestRepliesOf36AreWhatItsSchemasSay checks replies, key by key, against the schemas of the Juju repository, which are beside the
// checkout and not in it.
func TestRepliesOf36AreWhatItsSchemasSay(t *testing.T) {
	var facades []struct {
		Name    string
		Version int
		Schema  jsonSchema
	}
	must(t, json.Unmarshal(server.Schemas(t, "3.6"), &facades))

	h, m := smallOf(t, profile.V36, server.Options{})
	must(t, m.MachineStarted("0", model.MachineFacts{Addresses: []string{"127.0.0.9"}}))
	must(t, m.EnterScope("etcd/0", 0))
	must(t, m.Commit("etcd/0", model.Changes{Open: []model.PortRange{{From: 2379, To: 2379, Protocol: "tcp"}}}))
	etcd := wire.Entities{Entities: []wire.Entity{{Tag: "application-etcd"}, {Tag: "application-nosuch"}}}
	action := wire.Entities{Entities: []wire.Entity{{Tag: "action-1"}, {Tag: "action-99"}}}
	calls := []struct {
		call   string
		params any
	}{
		{"Action.EnqueueOperation", wire.Actions{Actions: []wire.Action{{Receiver: "unit-etcd-0", Name: "snapshot"}, {Receiver: "unit-etcd-0", Name: "nosuch"}}}},
		{"Action.Run", map[string]any{"commands": "true", "units": []string{"etcd/0"}, "timeout": 1000000000}},
		{"Action.Actions", action},
		{"Action.Operations", wire.Entities{Entities: []wire.Entity{{Tag: "operation-0"}, {Tag: "operation-99"}}}},
		{"Action.ListOperations", wire.OperationQueryArgs{}},
		{"Action.Cancel", action},
		{"Action.ApplicationsCharmsActions", etcd},
		{"Application.ApplicationsInfo", etcd},
		{"Application.UnitsInfo", etcd},
		{"Application.Get", wire.ApplicationGet{Application: "etcd"}},
		{"Application.CharmConfig", wire.ApplicationGetArgs{Args: []wire.ApplicationGet{{Application: "etcd"}}}},
		{"Application.GetConfig", etcd},
		{"Application.Leader", wire.Entity{Tag: "application-etcd"}},
		{"Application.SetConfigs", wire.ConfigSetArgs{Args: []wire.ConfigSet{{Application: "etcd", ConfigYAML: "etcd: {}"}}}},
		{"Application.UnsetApplicationsConfig", server.UnsetArgs{Args: []server.Unset{{Application: "etcd"}}}},
		{"Application.Expose", wire.ApplicationExpose{Application: "etcd", ExposedEndpoints: map[string]wire.ExposedEndpoint{"": {}}}},
		{"Application.Unexpose", server.Unexpose{Application: "etcd", Endpoints: []string{""}}},
		{"Client.FullStatus", wire.StatusParams{IncludeStorage: true}},
		{"Client.StatusHistory", json.RawMessage(`{"requests":[{"historyKind":"unit","filter":{"size":9},"tag":"unit-etcd-0"}]}`)},
		{"Application.AddUnits", server.AddUnits{Application: "etcd", NumUnits: 1}},
		{"Application.DestroyUnit", server.DestroyUnits{Units: []server.DestroyUnit{{UnitTag: "unit-etcd-1"}, {UnitTag: "unit-etcd-9"}}}},
		{"Application.DestroyConsumedApplications", server.DestroyConsumedApplications{Applications: []server.DestroyConsumedApplication{
			{ApplicationTag: "application-nosuch"}, {ApplicationTag: "unit-etcd-0"}}}},
		{"Application.ResolveUnitErrors", server.Resolve{Tags: wire.Entities{Entities: []wire.Entity{{Tag: "unit-etcd-0"}}}}},
		{"Block.List", struct{}{}},
		{"MachineManager.AddMachines", server.AddMachines{Params: []server.AddMachine{{}, {ContainerType: "lxd"}}}},
		{"MachineManager.DestroyMachineWithParams", server.DestroyMachines{MachineTags: []string{"machine-0", "machine-99"}, DryRun: true}},
		{"ModelManager.ListModels", wire.Entity{Tag: "user-admin"}},
		{"ModelManager.ListModelSummaries", server.ModelSummaries{UserTag: "user-admin"}},
		{"ModelManager.ModelInfo", wire.Entities{Entities: []wire.Entity{{Tag: "model-" + m.UUID}, {Tag: "model-nosuch"}}}},
		{"Storage.ListPools", server.StoragePoolFilters{Filters: make([]struct{}, 1)}},
		{"Storage.AddToUnit", server.AddStorage{Storages: []server.AddStorageToUnit{{Unit: "unit-etcd-0", Name: "nosuch"}}}},
		{"UserManager.UserInfo", server.UserInfoRequest{}},
		{"UserManager.AddUser", server.AddUsers{Users: []server.AddUser{{Username: "eve", Password: "pw"}, {Username: "eve", Password: "pw"}}}},
		{"Controller.ControllerVersion", nil},
		{"Pinger.Ping", nil},
	}
	for _, c := range calls {
		t.Run(c.call, func(t *testing.T) {
			name, method, _ := strings.Cut(c.call, ".")
			i := slices.IndexFunc(facades, func(f struct {
				Name    string
				Version int
				Schema  jsonSchema
			}) bool {
				return f.Name == name
			})
			if i < 0 {
				t.Fatalf("the schemas have no facade %s", name)
			}
			f := facades[i]
			described := f.Schema.Properties[method]
			if described == nil {
				t.Fatalf("facade %s has no method %s", name, method)
			}
			uuid := m.UUID
			if _, onModel := profile.V36.ModelFacades[name]; !onModel {
				uuid = ""
			}
			params, err := json.Marshal(c.params)
			must(t, err)
			reply, fault := h.Call(t.Context(), "admin", uuid, wire.Request{Type: name, Version: f.Version, Request: method, Params: params})
			if fault != nil {
				t.Fatal(fault.Message)
			}
			result := described.Properties["Result"]
			if result == nil {
				if string(reply) != "{}" {
					t.Errorf("there is no result in the schema, and the reply is %s", reply)
				}
				return
			}
			var value any
			must(t, json.Unmarshal(reply, &value))
			for _, fault := range mismatches(f.Schema.Definitions, result, value, "") {
				t.Error(fault)
			}
		})
	}
}

// embedded is a Go structure within another, which the schema takes for a key.
const embedded = "FilesystemAttachmentInfo"

// mismatches are the places where a value is not what a schema says. Go's nil maps and lists are null on the wire, whatever the
// schema says of them.
func mismatches(definitions map[string]*jsonSchema, s *jsonSchema, v any, path string) []string {
	if s.Ref != "" {
		s = definitions[strings.TrimPrefix(s.Ref, "#/definitions/")]
	}
	switch v := v.(type) {
	case nil:
		return nil
	case map[string]any:
		if s.Type != "object" {
			return []string{fmt.Sprintf("%s is an object, and %s in the schema", path, s.Type)}
		}
		return objectMismatches(definitions, s, v, path)
	case []any:
		if s.Type != "array" {
			return []string{fmt.Sprintf("%s is a list, and %s in the schema", path, s.Type)}
		}
		var all []string
		for _, x := range v {
			all = append(all, mismatches(definitions, s.Items, x, path+"/*")...)
		}
		return all
	}
	got := map[string]string{"string": "string", "bool": "boolean", "float64": "integer"}[fmt.Sprintf("%T", v)]
	if s.Type != got && s.Type != "object" && !(s.Type == "number" && got == "integer") { // A time, or any value, is an object there.
		return []string{fmt.Sprintf("%s is a %s, and %s in the schema", path, got, s.Type)}
	}
	return nil
}

func objectMismatches(definitions map[string]*jsonSchema, s *jsonSchema, v map[string]any, path string) []string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(v)) {
		property := s.Properties[key]
		if property == nil {
			property = s.PatternProperties[".*"]
		}
		switch {
		case property != nil:
			all = append(all, mismatches(definitions, property, v[key], path+"/"+key)...)
		case string(s.AdditionalProperties) == "false":
			all = append(all, fmt.Sprintf("%s/%s is not in the schema", path, key))
		}
	}
	for _, key := range s.Required {
		if _, there := v[key]; !there && key != embedded {
			all = append(all, fmt.Sprintf("%s/%s is required, and not there", path, key))
		}
	}
	return all
}
