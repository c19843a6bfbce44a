package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
)

// API is a connection of the administrator to the model, over the real wire.
type API struct {
	*jujuapi.Conn
	Model jujuapi.ModelRef
}

// API connects as jujusim's administrator. The caller closes it.
func (r *Rig) API(ctx context.Context, model string) (*API, error) {
	target, err := jujuapi.Find(jujuapi.Explicit{}, r.getenv)
	if err != nil {
		return nil, err
	}
	models := jujuapi.OpenController(ctx, target.Controller, jujuapi.Options{})
	defer models.Close()
	ref, err := models.Resolve(ctx, model)
	if err != nil {
		return nil, err
	}
	conn, err := jujuapi.Dial(ctx, target.Controller, ref.UUID)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Login(ctx, target.Controller); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &API{Conn: conn, Model: ref}, nil
}

func (r *Rig) getenv(name string) string {
	for _, e := range slices.Backward(r.env) {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}

// Reconcile is one task of the action reconcile: what was asked, and what came of it.
type Reconcile struct {
	Task   int
	Unit   string
	Status string
	Spec   v1alpha1.EtcdUnitSpec
	Result v1alpha1.EtcdUnitStatus
}

// Reconciles lists all tasks of the action reconcile that the model has had, oldest first; on Juju
// 4.0 without those of units that are gone.
func (a *API) Reconciles(ctx context.Context) ([]Reconcile, error) {
	tasks, err := a.ListTasks(ctx, jujuapi.TaskFilter{Actions: []string{"reconcile"}})
	if err != nil {
		return nil, err
	}
	var all []Reconcile
	for _, t := range tasks {
		one, err := a.reconcile(ctx, t.ID)
		if errors.Is(err, jujuapi.ErrNotFound) {
			continue // It has gone with its unit.
		}
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(x, y Reconcile) int { return x.Task - y.Task })
	return all, nil
}

func (a *API) reconcile(ctx context.Context, id string) (Reconcile, error) {
	var answer wire.ActionResults
	version := 7 // the only one that a supported Juju has
	if err := a.Call(ctx, "Action", version, "Actions", wire.Entities{Entities: []wire.Entity{{Tag: wire.ActionTag(id)}}}, &answer); err != nil {
		return Reconcile{}, err
	}
	if len(answer.Results) == 1 && answer.Results[0].Error != nil && answer.Results[0].Error.Code == wire.CodeNotFound {
		return Reconcile{}, fmt.Errorf("cannot read task %s: %w", id, jujuapi.ErrNotFound)
	}
	if len(answer.Results) != 1 || answer.Results[0].Action == nil {
		return Reconcile{}, fmt.Errorf("cannot read task %s: the answer is empty", id)
	}
	result := answer.Results[0]
	unit, _ := wire.UnitName(result.Action.Receiver)
	one := Reconcile{Unit: unit, Status: result.Status}
	var err error
	if one.Task, err = strconv.Atoi(id); err != nil {
		return one, fmt.Errorf("cannot read the number of task %s: %w", id, err)
	}
	if text, ok := result.Action.Parameters["desired"].(string); ok {
		if err := json.Unmarshal([]byte(text), &one.Spec); err != nil {
			return one, fmt.Errorf("cannot read what task %s asked for: %w", id, err)
		}
	}
	if text, ok := result.Output["status"].(string); ok {
		if err := json.Unmarshal([]byte(text), &one.Result); err != nil {
			return one, fmt.Errorf("cannot read the result of task %s: %w", id, err)
		}
	}
	return one, nil
}

// Tasks counts the tasks of the action reconcile, whatever their state.
func (a *API) Tasks(ctx context.Context) (int, error) {
	tasks, err := a.ListTasks(ctx, jujuapi.TaskFilter{Actions: []string{"reconcile"}})
	return len(tasks), err
}

// AwaitUnit polls FullStatus every 50 ms until the unit's workload status is as wanted, and returns when it was seen.
func (a *API) AwaitUnit(ctx context.Context, unit, current, text string) (time.Time, error) {
	application, _, _ := strings.Cut(unit, "/")
	var last string
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		model, err := a.FullStatus(ctx, a.Model)
		if err == nil {
			s := model.Applications[application].Units[unit].WorkloadStatus
			if s.Current == current && strings.Contains(s.Message, text) {
				return time.Now(), nil
			}
			last = s.Current + " " + s.Message
		} else {
			last = err.Error()
		}
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("waited in vain for %s to be %s …%s…: %s", unit, current, text, last)
		case <-tick.C:
		}
	}
}

// Databags returns the unit databags and the application databag of the peer relation.
func (a *API) Databags(ctx context.Context, application string) (units map[string]map[string]string, app map[string]string, err error) {
	infos, err := a.UnitsInfo(ctx, "application-"+application)
	if err != nil {
		return nil, nil, err
	}
	units = map[string]map[string]string{}
	for _, info := range infos {
		for _, relation := range info.RelationData {
			if relation.Endpoint != "cluster" {
				continue
			}
			app = relation.ApplicationData
			for name, bag := range relation.Units {
				units[name] = bag.Data
			}
		}
	}
	return units, app, nil
}
