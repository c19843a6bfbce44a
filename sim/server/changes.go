package server

import (
	"fmt"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
)

// UnsetArgs is the parameters of Application.UnsetApplicationsConfig.
type UnsetArgs struct {
	Args []Unset `json:"Args"`
}

// Unset names options to reset.
type Unset struct {
	Application string   `json:"application"`
	Branch      string   `json:"branch"`
	Options     []string `json:"options"`
}

func unsetConfigs(c *call, params UnsetArgs) (wire.ErrorResults, error) {
	results := wire.ErrorResults{Results: []wire.ErrorResult{}}
	for _, arg := range params.Args {
		err := c.model.UnsetConfig(arg.Application, arg.Options)
		results.Results = append(results.Results, wire.ErrorResult{Error: inner(err)})
	}
	return results, nil
}

// AddUnits is the parameters of Application.AddUnits.
type AddUnits struct {
	Application string      `json:"application"`
	NumUnits    int         `json:"num-units"`
	Placement   []Placement `json:"placement"`
}

// Placement of a unit; scope # is a machine.
type Placement struct {
	Scope     string `json:"scope"`
	Directive string `json:"directive"`
}

// AddUnitsResult names the units that were added.
type AddUnitsResult struct {
	Units []string `json:"units"`
}

func addUnits(c *call, params AddUnits) (AddUnitsResult, error) {
	var to []model.Placement
	for _, p := range params.Placement {
		if p.Scope != "#" {
			return AddUnitsResult{}, failure(wire.CodeNotSupported, fmt.Sprintf("jujusim places units on machines only, not on %q", p.Scope))
		}
		to = append(to, model.Placement(p.Directive))
	}
	units, err := c.model.AddUnits(params.Application, params.NumUnits, to)
	return AddUnitsResult{Units: units}, err
}

// DestroyUnits is the parameters of Application.DestroyUnit.
type DestroyUnits struct {
	Units []DestroyUnit `json:"units"`
}

// DestroyUnit names a unit to remove.
type DestroyUnit struct {
	UnitTag string `json:"unit-tag"`
	Force   bool   `json:"force,omitempty"`
	DryRun  bool   `json:"dry-run,omitempty"`
}

// DestroyResults is the result of DestroyUnit and DestroyApplication.
type DestroyResults struct {
	Results []DestroyResult `json:"results"`
}

// DestroyResult says what goes, or why not.
type DestroyResult struct {
	Info  *DestroyInfo `json:"info,omitempty"`
	Error *wire.Error  `json:"error,omitempty"`
}

// DestroyInfo are the units that go with an application. Of a unit nothing is said.
type DestroyInfo struct {
	DestroyedUnits []wire.Entity `json:"destroyed-units,omitempty"`
}

func destroyUnit(c *call, params DestroyUnits) (DestroyResults, error) {
	results := DestroyResults{Results: []DestroyResult{}}
	for _, u := range params.Units {
		result := DestroyResult{Info: &DestroyInfo{}}
		if err := c.destroyUnit(u); err != nil {
			result = DestroyResult{Error: inner(err)}
		}
		results.Results = append(results.Results, result)
	}
	return results, nil
}

func (c *call) destroyUnit(u DestroyUnit) error {
	name, ok := wire.UnitName(u.UnitTag)
	if !ok {
		return notTag(u.UnitTag, "unit")
	}
	switch {
	case u.DryRun:
		_, err := c.model.Unit(name)
		return err
	case u.Force:
		return c.model.UnitGone(name)
	}
	return c.model.DestroyUnit(name)
}

// DestroyApplications is the parameters of Application.DestroyApplication.
type DestroyApplications struct {
	Applications []DestroyApplication `json:"applications"`
}

// DestroyApplication names an application to remove.
type DestroyApplication struct {
	ApplicationTag string `json:"application-tag"`
	Force          bool   `json:"force,omitempty"`
	DryRun         bool   `json:"dry-run,omitempty"`
}

func destroyApplication(c *call, params DestroyApplications) (DestroyResults, error) {
	results := DestroyResults{Results: []DestroyResult{}}
	for _, a := range params.Applications {
		info, err := c.destroyApplication(a)
		results.Results = append(results.Results, DestroyResult{Info: info, Error: inner(err)})
	}
	return results, nil
}

func (c *call) destroyApplication(a DestroyApplication) (*DestroyInfo, error) {
	name, ok := wire.ID(a.ApplicationTag, "application")
	if !ok {
		return nil, notTag(a.ApplicationTag, "application")
	}
	if _, err := c.model.Application(name); err != nil {
		return nil, failure(wire.CodeNotFound, "application "+quote(name)+" not found") // quoted in both profiles
	}
	info := &DestroyInfo{}
	for _, unit := range c.model.UnitNames(name) {
		info.DestroyedUnits = append(info.DestroyedUnits, wire.Entity{Tag: wire.UnitTag(unit)})
	}
	if a.DryRun {
		return info, nil
	}
	if err := c.model.DestroyApplication(name); err != nil || !a.Force {
		return info, err
	}
	for _, unit := range c.model.UnitNames(name) {
		if err := c.model.UnitGone(unit); err != nil && !model.IsNotFound(err) {
			return nil, err
		}
	}
	return info, nil
}

// DestroyConsumedApplications is the parameters of Application.DestroyConsumedApplications.
type DestroyConsumedApplications struct {
	Applications []DestroyConsumedApplication `json:"applications"`
}

// DestroyConsumedApplication names an application of another model to have no more.
type DestroyConsumedApplication struct {
	ApplicationTag string `json:"application-tag"`
}

func destroyConsumed(c *call, params DestroyConsumedApplications) (wire.ErrorResults, error) {
	results := wire.ErrorResults{Results: []wire.ErrorResult{}}
	for _, a := range params.Applications {
		name, ok := wire.ID(a.ApplicationTag, "application")
		err := notTag(a.ApplicationTag, "application")
		if ok {
			err = c.model.DestroyConsumed(name)
		}
		results.Results = append(results.Results, wire.ErrorResult{Error: inner(err)})
	}
	return results, nil
}

// Relation is the parameters of Application.AddRelation.
type Relation struct {
	Endpoints []string `json:"endpoints"`
}

// DestroyRelation is the parameters of Application.DestroyRelation: without endpoints the number
// names it.
type DestroyRelation struct {
	Endpoints  []string `json:"endpoints,omitempty"`
	RelationID int      `json:"relation-id"`
	Force      bool     `json:"force,omitempty"`
}

func addRelation(c *call, params Relation) (struct{}, error) {
	if len(params.Endpoints) != 2 {
		return struct{}{}, failure(wire.CodeBadRequest, "a relation must involve two applications")
	}
	_, err := c.model.AddRelation(params.Endpoints[0], params.Endpoints[1])
	return struct{}{}, err
}

func destroyRelation(c *call, params DestroyRelation) (struct{}, error) {
	if len(params.Endpoints) == 0 {
		return struct{}{}, c.model.DestroyRelationID(params.RelationID, params.Force)
	}
	if len(params.Endpoints) != 2 {
		return struct{}{}, failure(wire.CodeBadRequest, "a relation must involve two applications")
	}
	return struct{}{}, c.model.DestroyRelation(params.Endpoints[0], params.Endpoints[1], params.Force)
}

// Resolve is the parameters of Application.ResolveUnitErrors.
type Resolve struct {
	All   bool          `json:"all"`
	Retry bool          `json:"retry"`
	Tags  wire.Entities `json:"tags"`
}

func resolveUnitErrors(c *call, params Resolve) (wire.ErrorResults, error) {
	if params.All && len(params.Tags.Entities) > 0 {
		return wire.ErrorResults{}, failure(wire.CodeBadRequest, "cannot resolve all units and some")
	}
	how := model.ResolveSkip
	if params.Retry {
		how = model.ResolveRetry
	}
	results := wire.ErrorResults{Results: []wire.ErrorResult{}}
	if params.All {
		for _, unit := range c.model.UnitNames("") {
			_ = c.model.Resolve(unit, how) // Those that are not in error are no fault here.
		}
	}
	for _, e := range params.Tags.Entities {
		unit, ok := wire.UnitName(e.Tag)
		err := notTag(e.Tag, "unit")
		if ok {
			err = c.model.Resolve(unit, how)
		}
		results.Results = append(results.Results, wire.ErrorResult{Error: inner(err)})
	}
	return results, nil
}

func expose(c *call, params wire.ApplicationExpose) (struct{}, error) {
	endpoints := map[string]model.Exposure{}
	for name, e := range params.ExposedEndpoints {
		endpoints[name] = model.Exposure{Spaces: e.ExposeToSpaces, CIDRs: e.ExposeToCIDRs}
	}
	return struct{}{}, c.model.Expose(params.Application, endpoints)
}

// Unexpose is the parameters of Application.Unexpose.
type Unexpose struct {
	Application string   `json:"application"`
	Endpoints   []string `json:"exposed-endpoints"`
}

func unexpose(c *call, params Unexpose) (struct{}, error) {
	return struct{}{}, c.model.Unexpose(params.Application, params.Endpoints)
}
