package wire_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/test/recordings"
)

// results has, for each call of ours, a fresh value of its result type.
var results = map[string]func() any{
	"Admin.Login":                  func() any { return new(wire.LoginResult) },
	"Client.FullStatus":            func() any { return new(wire.FullStatus) },
	"Application.Get":              func() any { return new(wire.ApplicationGetResults) },
	"Application.CharmConfig":      func() any { return new(wire.ApplicationGetConfigResults) },
	"Application.ApplicationsInfo": func() any { return new(wire.ApplicationInfoResults) },
	"Application.UnitsInfo":        func() any { return new(wire.UnitInfoResults) },
	"Application.Leader":           func() any { return new(wire.StringResult) },
	"Application.SetConfigs":       func() any { return new(wire.ErrorResults) },
	"Action.EnqueueOperation":      func() any { return new(wire.EnqueuedActions) },
	"Action.Actions":               func() any { return new(wire.ActionResults) },
	"Action.Cancel":                func() any { return new(wire.ActionResults) },
	"Action.ListOperations":        func() any { return new(wire.OperationResults) },
	"ModelManager.ListModels":      func() any { return new(wire.UserModelList) },
	"Pinger.Ping":                  func() any { return new(struct{}) },
}

// others are recorded calls that we do not make; they are kept for their refusals, or to show how a state was reached.
var others = map[string]bool{
	"Client.WatchAll": true, "AllWatcher.Next": true, "Nonesuch.Foo": true, "Admin.LoginDevice": true, "Admin.RedirectInfo": true,
	"Block.List": true, "Block.SwitchBlockOn": true, "Block.SwitchBlockOff": true,
	"Action.WatchActionsProgress": true, "StringsWatcher.Next": true, "StringsWatcher.Stop": true,
	"ModelManager.ListModelSummaries": true, "ModelManager.ModelInfo": true,
	"Secrets.ListSecrets": true, "Secrets.CreateSecrets": true,
}

func TestRecordedResultsSurviveDecodingAndEncoding(t *testing.T) {
	t.Parallel()
	connections, err := recordings.Juju()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, c := range connections {
		for _, call := range c.Calls {
			name := call.Request.Type + "." + call.Request.Method
			fresh, ok := results[name]
			if !ok {
				if !others[name] {
					t.Errorf("%s: recorded call %s is in neither list of this test", c.Name, name)
				}
				continue
			}
			if call.Response.Error != "" {
				continue
			}
			seen[name]++
			t.Run(fmt.Sprintf("%s/%d-%s", c.Name, call.Request.ID, name), func(t *testing.T) {
				result := fresh()
				if err := json.Unmarshal(call.Response.Response, result); err != nil {
					t.Fatal(err)
				}
				again, err := json.Marshal(result)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tree(t, call.Response.Response), tree(t, again)); diff != "" {
					t.Errorf("recorded (-) and encoded again (+) differ:\n%s", diff)
				}
			})
		}
	}
	for name := range results {
		if seen[name] == 0 {
			t.Errorf("no recorded answer of %s", name)
		}
	}
}

func tree(t *testing.T, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestUnitTagsAndNamesAreInverse(t *testing.T) {
	t.Parallel()
	for unit, tag := range map[string]string{"etcd/0": "unit-etcd-0", "my-etcd/12": "unit-my-etcd-12", "a1/3": "unit-a1-3"} {
		if got := wire.UnitTag(unit); got != tag {
			t.Errorf("UnitTag(%q) = %q, want %q", unit, got, tag)
		}
		if got, ok := wire.UnitName(tag); !ok || got != unit {
			t.Errorf("UnitName(%q) = %q, %t, want %q", tag, got, ok, unit)
		}
	}
	for _, bad := range []string{"", "unit-", "unit-etcd", "unit-etcd-", "unit--0", "application-etcd", "machine-0", "unit-etcd-leader"} {
		if got, ok := wire.UnitName(bad); ok {
			t.Errorf("UnitName(%q) = %q, want none", bad, got)
		}
	}
}

func TestPrintingALoginRequestHidesCredentials(t *testing.T) {
	t.Parallel()
	r := wire.LoginRequest{AuthTag: "user-admin", Credentials: "s3cret", Token: "s3cret"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, r) + fmt.Sprintf(verb, &r); strings.Contains(got, "s3cret") {
			t.Errorf("Sprintf(%q) shows the credentials", verb)
		}
	}
}
