package jujuapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
)

// sent has the parameters of every call that this package makes.
var sent = map[string]any{
	"Admin.Login":                  wire.LoginRequest{},
	"Client.FullStatus":            wire.StatusParams{},
	"Application.Get":              wire.ApplicationGet{},
	"Application.CharmConfig":      wire.ApplicationGetArgs{},
	"Application.ApplicationsInfo": wire.Entities{},
	"Application.UnitsInfo":        wire.Entities{},
	"Application.Leader":           wire.Entity{},
	"Application.Expose":           wire.ApplicationExpose{},
	"Action.EnqueueOperation":      wire.Actions{},
	"Action.Actions":               wire.Entities{},
	"Action.ListOperations":        wire.OperationQueryArgs{},
	"ModelManager.ListModels":      wire.Entity{},
	"Pinger.Ping":                  nil,
	"Client.WatchAll":              nil,
	"AllWatcher.Next":              nil,
	"AllWatcher.Stop":              nil,
}

// before40 are calls that 4.0 does not have any more.
var before40 = []string{"AllWatcher.Next", "AllWatcher.Stop"}

// received has their results. What a schema does not know of them is of another version.
var received = map[string]any{
	"Admin.Login":                  wire.LoginResult{},
	"Client.FullStatus":            wire.FullStatus{},
	"Application.Get":              wire.ApplicationGetResults{},
	"Application.CharmConfig":      wire.ApplicationGetConfigResults{},
	"Application.ApplicationsInfo": wire.ApplicationInfoResults{},
	"Application.UnitsInfo":        wire.UnitInfoResults{},
	"Application.Leader":           wire.StringResult{},
	"Action.EnqueueOperation":      wire.EnqueuedActions{},
	"Action.Actions":               wire.ActionResults{},
	"Action.ListOperations":        wire.OperationResults{},
	"ModelManager.ListModels":      wire.UserModelList{},
	"Client.WatchAll":              wire.AllWatcherID{},
	"AllWatcher.Next":              wire.AllWatcherNext{},
}

// elsewhere are keys of results that a schema lacks, and why that is right.
var elsewhere = map[string]string{
	"juju-4.0 Client.FullStatus model/meter-status":                  "up to 3.6",
	"juju-4.0 Client.FullStatus model/sla":                           "up to 3.6",
	"juju-4.0 Client.FullStatus applications/*/meter-statuses":       "up to 3.6",
	"juju-3.6 Client.FullStatus machines/*/cluster-role":             "since 4.0",
	"juju-3.6 ModelManager.ListModels user-models/*/model/qualifier": "since version 11",
	"juju-4.0 ModelManager.ListModels user-models/*/model/owner-tag": "up to version 10",
}

type schema struct {
	Ref               string             `json:"$ref"`
	Type              string             `json:"type"`
	Properties        map[string]*schema `json:"properties"`
	PatternProperties map[string]*schema `json:"patternProperties"`
	Items             *schema            `json:"items"`
	Definitions       map[string]*schema `json:"definitions"`
	Required          []string           `json:"required"`
}

type facade struct {
	Name    string
	Version int
	Schema  schema
}

// TestWhatIsSentIsWhatTheSchemasOfJujuName checks facade, version, method, and the names and types of parameters and results
// against the schemas of the Juju repository, which are beside the checkout and not in it.
func TestWhatIsSentIsWhatTheSchemasOfJujuName(t *testing.T) {
	t.Parallel()
	folder := filepath.Join("..", "..", "..", "shared", "schemas")
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		t.Skip("THE SCHEMA CHECK DID NOT RUN: there is no folder shared/schemas beside the checkout, with juju-3.6.json and juju-4.0.json in it.")
	}
	for _, release := range []string{"juju-3.6", "juju-4.0"} {
		text, err := os.ReadFile(filepath.Join(folder, release+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var facades []facade
		if err := json.Unmarshal(text, &facades); err != nil {
			t.Fatal(err)
		}
		for _, call := range slices.Sorted(maps.Keys(sent)) {
			if release == "juju-4.0" && slices.Contains(before40, call) {
				continue
			}
			t.Run(release+"/"+call, func(t *testing.T) { checkCall(t, release, facades, call) })
		}
	}
}

func checkCall(t *testing.T, release string, facades []facade, call string) {
	name, method, _ := strings.Cut(call, ".")
	i := slices.IndexFunc(facades, func(f facade) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("%s has no facade %s", release, name)
	}
	f := facades[i]
	if name != "Admin" && !slices.Contains(jujuapi.SentFacades[name], f.Version) {
		t.Errorf("%s describes %s at version %d, we speak %v", release, name, f.Version, jujuapi.SentFacades[name])
	}
	m, ok := f.Schema.Properties[method]
	if !ok {
		t.Fatalf("%s has no method %s", release, call)
	}
	params, result := m.Properties["Params"], m.Properties["Result"]
	if (params == nil) != (sent[call] == nil) {
		t.Fatalf("%s: has parameters: %t, we send some: %t", call, params != nil, sent[call] != nil)
	}
	check := &checker{release: release, call: call, definitions: f.Schema.Definitions}
	if params != nil {
		check.required = true
		check.compare(params, reflect.TypeOf(sent[call]), "")
	}
	if received[call] != nil {
		check.required = false
		check.compare(result, reflect.TypeOf(received[call]), "")
	}
	for _, fault := range check.faults {
		t.Error(fault)
	}
}

type checker struct {
	release, call string
	definitions   map[string]*schema
	// required says that all that the schema requires must be sent.
	required bool
	faults   []string
	// within are the structures around: machines hold machines.
	within []reflect.Type
}

func (c *checker) fault(path, format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf("%s: %s", path, fmt.Sprintf(format, args...)))
}

// compare checks a Go type against a schema. Open objects and free JSON fit each other.
func (c *checker) compare(s *schema, goType reflect.Type, path string) {
	for goType.Kind() == reflect.Pointer {
		goType = goType.Elem()
	}
	if s.Ref != "" {
		s = c.definitions[strings.TrimPrefix(s.Ref, "#/definitions/")]
	}
	if goType.Implements(reflect.TypeFor[json.Marshaler]()) { // The schema describes the Go type, and not what it makes of itself.
		return
	}
	if goType == reflect.TypeFor[json.RawMessage]() || goType.Kind() == reflect.Interface || goType.PkgPath() == "time" {
		return
	}
	switch goType.Kind() {
	case reflect.Struct:
		c.structure(s, goType, path)
	case reflect.Slice:
		if s.Type != "array" {
			c.fault(path, "is a list here and %s in the schema", s.Type)
			return
		}
		c.compare(s.Items, goType.Elem(), path+"/*")
	case reflect.Map:
		if s.Type != "object" {
			c.fault(path, "is a map here and %s in the schema", s.Type)
			return
		}
		if values := s.PatternProperties[".*"]; values != nil && !free(values) {
			c.compare(values, goType.Elem(), path+"/*")
		}
	default:
		want := map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Int64: "integer"}[goType.Kind()]
		if s.Type != want {
			c.fault(path, "is %s here and %s in the schema", want, s.Type)
		}
	}
}

// free says that a schema stands for any value.
func free(s *schema) bool {
	return s.Ref == "" && s.Type == "object" && s.Properties == nil && s.PatternProperties == nil
}

func (c *checker) structure(s *schema, goType reflect.Type, path string) {
	if s.Type != "object" || s.Properties == nil {
		c.fault(path, "is an object with known keys here, and not in the schema")
		return
	}
	if slices.Contains(c.within, goType) {
		return
	}
	c.within = append(c.within, goType)
	defer func() { c.within = c.within[:len(c.within)-1] }()
	known := map[string]bool{}
	for i := range goType.NumField() {
		field := goType.Field(i)
		name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
		known[name] = option == ""
		below := strings.TrimPrefix(path+"/"+name, "/")
		property, ok := s.Properties[name]
		if !ok {
			if elsewhere[c.release+" "+c.call+" "+below] == "" {
				c.fault(below, "is not in the schema")
			}
			continue
		}
		c.compare(property, field.Type, below)
	}
	if c.required {
		for _, name := range s.Required {
			if !known[name] {
				c.fault(strings.TrimPrefix(path+"/"+name, "/"), "is required by the schema, and not always sent")
			}
		}
	}
}
