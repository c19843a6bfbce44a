package conformance

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/jujuapi/wire"
)

func (s *suite) fullStatus(t *testing.T) {
	conn, info := s.model(t)
	var all wire.FullStatus
	ask(t, conn, "Client", "FullStatus", wire.StatusParams{Patterns: []string{}}, &all)

	if all.Model.Name != s.ref.Name || all.Model.Type == "" || all.Model.Version == "" || all.Model.ModelStatus.Status != "available" {
		t.Errorf("got model %+v", all.Model)
	}
	if all.ControllerTimestamp == nil || all.ControllerTimestamp.IsZero() {
		t.Error("the controller gives no time")
	}
	if (all.Branches == nil) == old(info) {
		t.Errorf("branches are %v", all.Branches)
	}
	alive := "alive"
	if old(info) {
		alive = ""
	}
	a, ok := all.Applications[s.Application]
	if !ok {
		t.Fatalf("application %s is not there, but %v", s.Application, slices.Sorted(maps.Keys(all.Applications)))
	}
	if a.Life != alive || a.Charm == "" || a.Base.Name == "" || a.Status.Status == "" || a.Status.Since == nil {
		t.Errorf("got application %+v", a)
	}
	if (a.MeterStatuses != nil) != old(info) {
		t.Errorf("meter-statuses are %s", a.MeterStatuses)
	}
	leaders := 0
	for name, u := range a.Units {
		if u.Leader {
			leaders++
		}
		if u.AgentStatus.Status == "" || u.AgentStatus.Since == nil || u.AgentStatus.Life != alive || u.WorkloadStatus.Status == "" || u.WorkloadStatus.Life != "" {
			t.Errorf("unit %s has agent status %+v and workload status %+v", name, u.AgentStatus, u.WorkloadStatus)
		}
		machine, ok := all.Machines[u.Machine]
		if !ok || machine.ID != u.Machine || machine.AgentStatus.Life != alive || len(machine.IPAddresses) == 0 || machine.InstanceID == "" {
			t.Errorf("unit %s is on machine %q, which is %+v", name, u.Machine, machine)
		}
		if u.Charm != "" || u.PublicAddress == "" {
			t.Errorf("unit %s has charm %q and address %q", name, u.Charm, u.PublicAddress)
		}
	}
	if leaders != 1 {
		t.Errorf("%d units lead", leaders)
	}
	peers := 0
	for _, r := range all.Relations {
		if len(r.Endpoints) == 1 && r.Endpoints[0].Application == s.Application {
			peers++
			e := r.Endpoints[0]
			if e.Role != "peer" || r.Key != s.Application+":"+e.Name || r.Interface == "" || r.Scope == "" || r.Status.Status == "" {
				t.Errorf("got peer relation %+v", r)
			}
			if !slices.Contains(a.Relations[e.Name], s.Application) {
				t.Errorf("the application's relations %v lack the peers", a.Relations)
			}
		}
	}
	if peers != 1 {
		t.Errorf("application %s has %d peer relations", s.Application, peers)
	}

	t.Run("patterns", func(t *testing.T) {
		var some wire.FullStatus
		ask(t, conn, "Client", "FullStatus", wire.StatusParams{Patterns: []string{s.Application}}, &some)
		if got := slices.Collect(maps.Keys(some.Applications)); !slices.Contains(got, s.Application) {
			t.Errorf("asked for %s, got %v", s.Application, got)
		}
		var none wire.FullStatus
		ask(t, conn, "Client", "FullStatus", wire.StatusParams{Patterns: []string{"nosuchapp"}}, &none)
		if len(none.Applications) != 0 || len(none.Machines) != 0 || len(none.Relations) != 0 {
			t.Errorf("asked for nothing that is there, got %d applications, %d machines, %d relations", len(none.Applications), len(none.Machines), len(none.Relations))
		}
	})
}

func (s *suite) application(t *testing.T) {
	conn, info := s.model(t)
	units := s.units(t, conn)
	tag := wire.ApplicationTag(s.Application)

	t.Run("ApplicationsInfo", func(t *testing.T) {
		var r wire.ApplicationInfoResults
		ask(t, conn, "Application", "ApplicationsInfo", entities(tag, "application-nosuch"), &r)
		if len(r.Results) != 2 || r.Results[0].Result == nil {
			t.Fatalf("got %+v", r)
		}
		if a := r.Results[0].Result; a.Tag != tag || a.Life != "alive" || !a.Principal || a.Remote {
			t.Errorf("got %+v", a)
		}
		failed(t, r.Results[1].Error, wire.CodeNotFound, "")
	})
	t.Run("UnitsInfo", func(t *testing.T) {
		var r wire.UnitInfoResults
		ask(t, conn, "Application", "UnitsInfo", entities(wire.UnitTag(units[0]), "unit-nosuch-0", tag), &r)
		if len(r.Results) != 2+len(units) {
			t.Fatalf("got %d results, want one for the unit, one for the unknown one, and %d for the application", len(r.Results), len(units))
		}
		message := "unit nosuch/0 not found"
		if old(info) {
			message = `unit "nosuch/0" not found`
		}
		failed(t, r.Results[1].Error, wire.CodeNotFound, message)
		var names []string
		for _, u := range r.Results[2:] {
			if u.Result == nil {
				t.Fatalf("got %+v", u.Error)
			}
			name, _ := wire.UnitName(u.Result.Tag)
			names = append(names, name)
			s.unitInfo(t, *u.Result, units)
		}
		slices.Sort(names)
		if diff := cmp.Diff(units, names); diff != "" {
			t.Errorf("units in the status (-) and of the application's tag (+):\n%s", diff)
		}
	})
	t.Run("Get and CharmConfig", func(t *testing.T) {
		var get wire.ApplicationGetResults
		ask(t, conn, "Application", "Get", wire.ApplicationGet{Application: s.Application}, &get)
		for name, o := range get.Config {
			if !slices.Contains([]string{"user", "default", "unset"}, o.Source) || (o.Source == "unset") != (o.Value == nil) || o.Type == "" {
				t.Errorf("option %s is %+v", name, o)
			}
		}
		if get.Application != s.Application || get.CharmName == "" || get.ApplicationConfig["trust"].Type != "bool" {
			t.Errorf("got application %q, charm %q, application-config %v", get.Application, get.CharmName, get.ApplicationConfig)
		}
		var config wire.ApplicationGetConfigResults
		ask(t, conn, "Application", "CharmConfig", wire.ApplicationGetArgs{Args: []wire.ApplicationGet{{Application: s.Application}}}, &config)
		if len(config.Results) != 1 || config.Results[0].Error != nil {
			t.Fatalf("got %+v", config)
		}
		if diff := cmp.Diff(get.Config, config.Results[0].Config); diff != "" {
			t.Errorf("Get (-) and CharmConfig (+):\n%s", diff)
		}
	})
	t.Run("Get of an unknown application", func(t *testing.T) {
		_, err := conn.Options(t.Context(), "nosuch")
		message := "application nosuch not found"
		if old(info) {
			message = `application "nosuch" not found`
		}
		refused(t, err, wire.CodeNotFound, message)
	})
	t.Run("Leader", func(t *testing.T) {
		leader, err := conn.Leader(t.Context(), s.Application)
		if err != nil || !slices.Contains(units, leader) {
			t.Errorf("got %q, %v; want one of %v", leader, err, units)
		}
		version, err := conn.Facade("Application")
		if err != nil {
			t.Fatal(err)
		}
		err = conn.Call(t.Context(), "Application", version, "Leader", json.RawMessage(`{"entity":{"tag":"`+tag+`"}}`), nil)
		refused(t, err, "", `"" is not a valid tag`)
	})
}

// unitInfo checks what UnitsInfo reports of a unit, most of all that the peers' databags are there.
func (s *suite) unitInfo(t *testing.T, u wire.UnitResult, units []string) {
	t.Helper()
	if u.Machine == "" || u.PublicAddress == "" || u.Charm == "" || u.Life != "alive" {
		t.Errorf("got %+v", u)
	}
	peers := false
	for _, r := range u.RelationData {
		if r.Endpoint != r.RelatedEndpoint || r.UnitRelationData[units[0]].UnitData == nil {
			continue
		}
		peers = true
		if r.ApplicationData == nil || r.CrossModel {
			t.Errorf("got peer relation %+v", r)
		}
		for _, unit := range units {
			bag, ok := r.UnitRelationData[unit]
			if address, _ := bag.UnitData["ingress-address"].(string); !ok || !bag.InScope || address == "" {
				t.Errorf("%s sees %s as %+v", u.Tag, unit, bag)
			}
		}
	}
	if !peers {
		t.Errorf("%s sees no peer relation", u.Tag)
	}
}
