package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"

	"sigs.k8s.io/yaml"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/charm"
	"jujuetcd.io/sim/model"
)

var applicationMethods = map[string]method{
	"Get":                         {need: model.Read, run: typed(applicationGet)},
	"CharmConfig":                 {need: model.Read, run: typed(charmConfig)},
	"GetConfig":                   {need: model.Read, run: typed(getConfig)},
	"ApplicationsInfo":            {need: model.Read, run: typed(applicationsInfo)},
	"UnitsInfo":                   {need: model.Read, run: typed(unitsInfo)},
	"Leader":                      {need: model.Read, run: typed(leader)},
	"SetConfigs":                  {need: model.Write, changes: true, run: typed(setConfigs)},
	"UnsetApplicationsConfig":     {need: model.Write, changes: true, run: typed(unsetConfigs)},
	"AddUnits":                    {need: model.Write, changes: true, run: typed(addUnits)},
	"DestroyUnit":                 {need: model.Write, changes: true, run: typed(destroyUnit)},
	"DestroyApplication":          {need: model.Write, changes: true, run: typed(destroyApplication)},
	"AddRelation":                 {need: model.Write, changes: true, run: typed(addRelation)},
	"DestroyConsumedApplications": {need: model.Write, changes: true, run: typed(destroyConsumed)},
	"DestroyRelation":             {need: model.Write, changes: true, run: typed(destroyRelation)},
	"ResolveUnitErrors":           {need: model.Write, changes: true, run: typed(resolveUnitErrors)},
	"Expose":                      {need: model.Write, changes: true, run: typed(expose)},
	"Unexpose":                    {need: model.Write, changes: true, run: typed(unexpose)},
}

var noConstraints = json.RawMessage(`{"arch":"amd64"}`)

func applicationGet(c *call, params wire.ApplicationGet) (wire.ApplicationGetResults, error) {
	a, err := c.model.Application(params.Application)
	if err != nil {
		return wire.ApplicationGetResults{}, err
	}
	return wire.ApplicationGetResults{
		Application: a.Name, CharmName: a.Charm.Metadata.Name, Config: options(a), Constraints: noConstraints,
		ApplicationConfig: map[string]wire.ConfigOption{"trust": {
			Default: false, Description: "Does this application have access to trusted credentials", Source: "default", Type: "bool", Value: false,
		}},
		Base: wire.Base{Name: "ubuntu", Channel: a.Base}, EndpointBindings: a.Bindings,
	}, nil
}

func options(a model.ApplicationStatus) map[string]wire.ConfigOption {
	shown := map[string]wire.ConfigOption{}
	for name, o := range a.Charm.Options {
		option := wire.ConfigOption{Default: o.Default, Description: o.Description, Type: o.Type, Source: "unset"}
		if option.Type == "" {
			option.Type = charm.String
		}
		if o.Default != nil {
			option.Source, option.Value = "default", o.Default
		}
		if v, ok := a.Config[name]; ok {
			option.Source, option.Value = "user", v
		}
		shown[name] = option
	}
	return shown
}

func charmConfig(c *call, params wire.ApplicationGetArgs) (wire.ApplicationGetConfigResults, error) {
	var names []string
	for _, arg := range params.Args {
		names = append(names, arg.Application)
	}
	return configs(c, names), nil
}

func getConfig(c *call, params wire.Entities) (wire.ApplicationGetConfigResults, error) {
	var names []string
	for _, e := range params.Entities {
		name, _ := wire.ID(e.Tag, "application")
		names = append(names, name)
	}
	return configs(c, names), nil
}

func configs(c *call, names []string) wire.ApplicationGetConfigResults {
	results := wire.ApplicationGetConfigResults{Results: []wire.ConfigResult{}}
	for _, name := range names {
		a, err := c.model.Application(name)
		if err != nil {
			results.Results = append(results.Results, wire.ConfigResult{Error: inner(err)})
			continue
		}
		results.Results = append(results.Results, wire.ConfigResult{Config: options(a)})
	}
	return results
}

func applicationsInfo(c *call, params wire.Entities) (wire.ApplicationInfoResults, error) {
	results := wire.ApplicationInfoResults{Results: []wire.ApplicationInfoResult{}}
	for _, e := range params.Entities {
		name, ok := wire.ID(e.Tag, "application")
		if !ok {
			results.Results = append(results.Results, wire.ApplicationInfoResult{Error: inner(notTag(e.Tag, "application"))})
			continue
		}
		a, err := c.model.Application(name)
		if err != nil {
			results.Results = append(results.Results, wire.ApplicationInfoResult{Error: inner(err)})
			continue
		}
		info := &wire.ApplicationResult{
			Tag: e.Tag, Charm: a.Charm.Metadata.Name, Base: &wire.Base{Name: "ubuntu", Channel: "24.04"}, Constraints: noConstraints,
			Principal: true, Exposed: len(a.Exposed) > 0, Life: string(a.Life), EndpointBindings: a.Bindings,
			ExposedEndpoints: exposedEndpoints(a),
		}
		results.Results = append(results.Results, wire.ApplicationInfoResult{Result: info})
	}
	return results, nil
}

func notTag(text, kind string) error {
	if kind == "" {
		return failure("", quote(text)+" is not a valid tag")
	}
	return failure("", quote(text)+" is not a valid "+kind+" tag")
}

func quote(text string) string { return strconv.Quote(text) }

// unitsInfo expands applications to their units.
func unitsInfo(c *call, params wire.Entities) (wire.UnitInfoResults, error) {
	results := wire.UnitInfoResults{Results: []wire.UnitInfoResult{}}
	add := func(unit string) {
		info, err := c.unitInfo(unit)
		results.Results = append(results.Results, wire.UnitInfoResult{Result: info, Error: inner(err)})
	}
	for _, e := range params.Entities {
		if unit, ok := wire.UnitName(e.Tag); ok {
			add(unit)
			continue
		}
		name, ok := wire.ID(e.Tag, "application")
		err := notTag(e.Tag, "")
		if ok {
			_, err = c.model.Application(name)
		}
		if err != nil {
			results.Results = append(results.Results, wire.UnitInfoResult{Error: inner(err)})
			continue
		}
		for _, unit := range c.model.UnitNames(name) {
			add(unit)
		}
	}
	return results, nil
}

func (c *call) unitInfo(name string) (*wire.UnitResult, error) {
	u, err := c.model.Unit(name)
	if err != nil {
		return nil, err
	}
	if u.Life == model.Dead && c.model.Profile().DeadUnitsFail {
		return nil, failure("", "getting unit machine name: unit is dead")
	}
	relations, err := c.model.RelationData(name)
	if err != nil {
		return nil, err
	}
	info := &wire.UnitResult{
		Tag: wire.UnitTag(name), WorkloadVersion: u.WorkloadVersion, Machine: u.Machine, OpenedPorts: u.Ports, PublicAddress: u.Address,
		Charm: u.CharmURL, Leader: u.Leader, Life: string(u.Life),
	}
	for _, r := range relations {
		shown := wire.EndpointRelationData{
			RelationID: r.ID, Endpoint: r.Endpoint, RelatedEndpoint: r.Related, ApplicationData: anyMap(r.OwnApplication),
			UnitRelationData: map[string]wire.RelationData{}, CrossModel: r.CrossModel && c.model.Profile().MarksCrossModel,
		}
		if c.model.Profile().RelatedData {
			shown.ApplicationData = anyMap(r.RemoteApplication)
		}
		for unit, bag := range r.Units {
			shown.UnitRelationData[unit] = wire.RelationData{InScope: bag != nil, UnitData: anyMap(bag)}
		}
		info.RelationData = append(info.RelationData, shown)
	}
	return info, nil
}

func anyMap(m map[string]string) map[string]any {
	if m == nil {
		return nil
	}
	shown := map[string]any{}
	for k, v := range m {
		shown[k] = v
	}
	return shown
}

func leader(c *call, params wire.Entity) (wire.StringResult, error) {
	name, ok := wire.ID(params.Tag, "application")
	if !ok {
		return wire.StringResult{}, notTag(params.Tag, "")
	}
	unit, err := c.model.Leader(name)
	if err != nil {
		return wire.StringResult{Error: inner(err)}, nil
	}
	return wire.StringResult{Result: unit}, nil
}

// setConfig takes values, and where the profile does, YAML with the application's name at its top.
func (c *call) setConfig(arg wire.ConfigSet) error {
	values := maps.Clone(arg.Config)
	if arg.ConfigYAML != "" {
		if !c.model.Profile().ConfigYAML {
			return failure(wire.CodeNotImplemented, "config YAML not implemented")
		}
		var all map[string]map[string]any
		if err := yaml.Unmarshal([]byte(arg.ConfigYAML), &all); err != nil {
			return failure(wire.CodeNotValid, fmt.Sprintf("cannot parse config YAML: %v", err))
		}
		if values == nil {
			values = map[string]string{}
		}
		for key, value := range all[arg.Application] {
			values[key] = fmt.Sprint(value)
		}
	}
	return c.model.SetConfig(arg.Application, values)
}

func setConfigs(c *call, params wire.ConfigSetArgs) (wire.ErrorResults, error) {
	results := wire.ErrorResults{Results: []wire.ErrorResult{}}
	for _, arg := range params.Args {
		err := c.setConfig(arg)
		results.Results = append(results.Results, wire.ErrorResult{Error: inner(err)})
	}
	return results, nil
}
