package jujuapi

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// pageSize is the largest page of operations that 4.0 gives.
const pageSize = 50

// reportsStorage is the version of the facade Client from which on a status reports storage.
const reportsStorage = 7

// maxPages bounds a listing that never ends.
const maxPages = 200

// FullStatus reads the model, all of it: no version of Juju answers faster when asked for less.
func (c *Conn) FullStatus(ctx context.Context, ref ModelRef) (*Model, error) {
	var s wire.FullStatus
	asked := time.Now()
	version, err := c.Facade("Client")
	if err != nil {
		return nil, err
	}
	if err := c.Call(ctx, "Client", version, "FullStatus", wire.StatusParams{Patterns: []string{}, IncludeStorage: true}, &s); err != nil {
		return nil, err
	}
	m := newModel(ref, s, time.Now())
	m.AskedAt, m.StorageReported = asked, version >= reportsStorage
	return m, nil
}

// UnitsInfo reads units by their tags; an application's tag stands for all its units. An error of
// one of several results is that unit's: it is reported in its place. An error of all that was
// asked for, such as an application that does not exist, is returned.
func (c *Conn) UnitsInfo(ctx context.Context, tags ...string) ([]UnitInfo, error) {
	var r wire.UnitInfoResults
	if err := c.do(ctx, "Application", "UnitsInfo", entities(tags), &r); err != nil {
		return nil, err
	}
	units := make([]UnitInfo, 0, len(r.Results))
	for i, u := range r.Results {
		if err := inner("Application.UnitsInfo", u.Error); err != nil {
			if len(r.Results) == 1 && len(tags) == 1 && errors.Is(err, ErrNotFound) {
				return nil, err
			}
			failed := UnitInfo{Err: err}
			if len(r.Results) == len(tags) {
				failed.Name, _ = wire.UnitName(tags[i])
			}
			units = append(units, failed)
			continue
		}
		if u.Result == nil {
			return nil, unanswered("Application.UnitsInfo")
		}
		info, err := unitInfo(*u.Result)
		if err != nil {
			return nil, err
		}
		units = append(units, info)
	}
	return units, nil
}

func unitInfo(u wire.UnitResult) (UnitInfo, error) {
	name, ok := wire.UnitName(u.Tag)
	if !ok {
		return UnitInfo{}, fmt.Errorf("cannot understand the answer to Application.UnitsInfo: %q is not a unit's tag", u.Tag)
	}
	info := UnitInfo{
		Name: name, Machine: u.Machine, Leader: u.Leader, Life: life(u.Life), OpenedPorts: u.OpenedPorts,
		PublicAddress: u.PublicAddress, WorkloadVersion: u.WorkloadVersion,
	}
	for _, r := range u.RelationData {
		data := RelationData{
			RelationID: r.RelationID, Endpoint: r.Endpoint, RelatedEndpoint: r.RelatedEndpoint,
			ApplicationData: texts(r.ApplicationData), ApplicationTooLarge: tooLarge(r.ApplicationData), Units: map[string]UnitDatabag{},
		}
		for unit, bag := range r.UnitRelationData {
			size := tooLarge(bag.UnitData)
			data.Units[unit] = UnitDatabag{
				InScope: bag.InScope, Unread: bag.InScope && bag.UnitData == nil || size > 0, TooLarge: size, Data: texts(bag.UnitData),
			}
		}
		info.RelationData = append(info.RelationData, data)
	}
	return info, nil
}

// tooLarge is the size of a databag that was not kept; zero for one that was.
func tooLarge(bag map[string]any) int64 {
	text, _ := bag[wire.TooLarge].(string)
	size, _ := strconv.ParseInt(text, 10, 64)
	return size
}

// texts takes a databag's values, which are all texts though the wire's type allows more.
func texts(bag map[string]any) map[string]string {
	t := make(map[string]string, len(bag))
	if tooLarge(bag) > 0 {
		return t
	}
	for k, v := range bag {
		if s, ok := v.(string); ok {
			t[k] = s
		} else if v != nil {
			t[k] = fmt.Sprint(v)
		}
	}
	return t
}

// Options reads the configuration of an application.
func (c *Conn) Options(ctx context.Context, application string) (map[string]Option, error) {
	var r wire.ApplicationGetResults
	if err := c.do(ctx, "Application", "Get", wire.ApplicationGet{Application: application}, &r); err != nil {
		return nil, err
	}
	return options(r.Config), nil
}

// CharmConfig reads the configuration of an application like Options, by the older call of that
// name.
func (c *Conn) CharmConfig(ctx context.Context, application string) (map[string]Option, error) {
	var r wire.ApplicationGetConfigResults
	params := wire.ApplicationGetArgs{Args: []wire.ApplicationGet{{Application: application}}}
	if err := c.do(ctx, "Application", "CharmConfig", params, &r); err != nil {
		return nil, err
	}
	if len(r.Results) != 1 {
		return nil, unanswered("Application.CharmConfig")
	}
	if err := inner("Application.CharmConfig", r.Results[0].Error); err != nil {
		return nil, err
	}
	return options(r.Results[0].Config), nil
}

func options(config map[string]wire.ConfigOption) map[string]Option {
	all := make(map[string]Option, len(config))
	for name, o := range config {
		all[name] = Option{Type: o.Type, Value: o.Value, Default: o.Default, Source: o.Source}
	}
	return all
}

// ApplicationInfo is what ApplicationsInfo reports of an application.
type ApplicationInfo struct {
	Name string
	Life Life
	// Exposures are what it is exposed to, by endpoint or EveryEndpoint; none if it is not.
	Exposures map[string]Exposure
	// Principal is false for a subordinate.
	Principal bool
}

// ApplicationsInfo asks whether applications exist, cheaply. The error is ErrNotFound if one does
// not.
func (c *Conn) ApplicationsInfo(ctx context.Context, applications ...string) ([]ApplicationInfo, error) {
	tags := make([]string, len(applications))
	for i, name := range applications {
		tags[i] = wire.ApplicationTag(name)
	}
	var r wire.ApplicationInfoResults
	if err := c.do(ctx, "Application", "ApplicationsInfo", entities(tags), &r); err != nil {
		return nil, err
	}
	infos := make([]ApplicationInfo, 0, len(r.Results))
	for _, result := range r.Results {
		if err := inner("Application.ApplicationsInfo", result.Error); err != nil {
			return nil, err
		}
		if result.Result == nil {
			return nil, unanswered("Application.ApplicationsInfo")
		}
		a := result.Result
		name, _ := wire.ID(a.Tag, "application")
		infos = append(infos, ApplicationInfo{Name: name, Life: life(a.Life), Exposures: exposures(a.Exposed, a.ExposedEndpoints),
			Principal: a.Principal})
	}
	return infos, nil
}

// Leader returns the unit that leads an application now.
func (c *Conn) Leader(ctx context.Context, application string) (string, error) {
	var r wire.StringResult
	if err := c.do(ctx, "Application", "Leader", wire.Entity{Tag: wire.ApplicationTag(application)}, &r); err != nil {
		return "", err
	}
	return r.Result, inner("Application.Leader", r.Error)
}

// ListModels lists the models that the user who is logged in can see. It needs a controller's
// connection.
func (c *Conn) ListModels(ctx context.Context) ([]ModelRef, error) {
	c.mu.Lock()
	user := c.login.User
	c.mu.Unlock()
	var r wire.UserModelList
	if err := c.do(ctx, "ModelManager", "ListModels", wire.Entity{Tag: wire.UserTag(user)}, &r); err != nil {
		return nil, err
	}
	models := make([]ModelRef, 0, len(r.UserModels))
	for _, m := range r.UserModels {
		owner := m.Model.Qualifier
		if owner == "" {
			owner, _ = wire.ID(m.Model.OwnerTag, "user")
		}
		models = append(models, ModelRef{Owner: owner, Name: m.Model.Name, UUID: m.Model.UUID})
	}
	return models, nil
}

func entities(tags []string) wire.Entities {
	all := wire.Entities{Entities: make([]wire.Entity, len(tags))}
	for i, tag := range tags {
		all.Entities[i].Tag = tag
	}
	return all
}

// unanswered is the error for an answer that lacks what was asked for.
func unanswered(call string) error {
	return fmt.Errorf("cannot understand the answer to %s: the result that was asked for is missing", call)
}
