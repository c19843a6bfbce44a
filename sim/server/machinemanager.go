package server

import (
	"strings"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
)

var machineManagerMethods = map[string]method{
	"AddMachines":              {need: model.Write, changes: true, run: typed(addMachines)},
	"DestroyMachineWithParams": {need: model.Write, changes: true, run: typed(destroyMachines)},
}

// AddMachines is the parameters of MachineManager.AddMachines.
type AddMachines struct {
	Params []AddMachine `json:"params"`
}

// AddMachine is a machine to add.
type AddMachine struct {
	Base          *wire.Base `json:"base,omitempty"`
	Jobs          []string   `json:"jobs"`
	Placement     *Placement `json:"placement,omitempty"`
	ParentID      string     `json:"parent-id"`
	ContainerType string     `json:"container-type"`
	InstanceID    string     `json:"instance-id"`
}

// JobHostUnits is the job of a machine that units may be placed on.
const JobHostUnits = "JobHostUnits"

// AddMachinesResults is the result of AddMachines.
type AddMachinesResults struct {
	Machines []AddMachinesResult `json:"machines"`
}

// AddMachinesResult is a machine's number, or an error.
type AddMachinesResult struct {
	Machine string      `json:"machine"`
	Error   *wire.Error `json:"error,omitempty"`
}

func addMachines(c *call, params AddMachines) (AddMachinesResults, error) {
	results := AddMachinesResults{Machines: []AddMachinesResult{}}
	for _, p := range params.Params {
		if err := p.check(); err != nil {
			results.Machines = append(results.Machines, AddMachinesResult{Error: inner(err)})
			continue
		}
		results.Machines = append(results.Machines, AddMachinesResult{Machine: c.model.AddMachine(p.base())})
	}
	return results, nil
}

// base is the release of Ubuntu that a machine has, empty where nothing was said.
func (p AddMachine) base() string {
	if p.Base == nil {
		return ""
	}
	release, _, _ := strings.Cut(p.Base.Channel, "/")
	return release
}

// check refuses what Juju refuses, and then what is not played.
func (p AddMachine) check() error {
	switch {
	case p.ParentID != "" && p.ContainerType == "":
		return failure("", "parent machine specified without container type")
	case p.ContainerType != "" && p.Placement != nil:
		return failure("", "container type and placement are mutually exclusive")
	case p.Base != nil && p.Base.Name != "ubuntu":
		return failure(wire.CodeNotSupported, "jujusim adds machines of Ubuntu only, not of "+quote(p.Base.Name))
	case p.ContainerType != "" || p.Placement != nil || p.InstanceID != "":
		return failure(wire.CodeNotSupported, "jujusim adds new machines only, no containers, and none that are there already")
	}
	return nil
}

// DestroyMachines is the parameters of MachineManager.DestroyMachineWithParams. What else it has is
// about clouds.
type DestroyMachines struct {
	MachineTags []string `json:"machine-tags"`
	Force       bool     `json:"force,omitempty"`
	DryRun      bool     `json:"dry-run,omitempty"`
}

// DestroyMachineResults is its result.
type DestroyMachineResults struct {
	Results []DestroyMachineResult `json:"results"`
}

// DestroyMachineResult says what goes, or why not.
type DestroyMachineResult struct {
	Info  *DestroyMachineInfo `json:"info,omitempty"`
	Error *wire.Error         `json:"error,omitempty"`
}

// DestroyMachineInfo is a machine and the units that go with it.
type DestroyMachineInfo struct {
	MachineID      string        `json:"machine-id"`
	DestroyedUnits []wire.Entity `json:"destroyed-units,omitempty"`
}

func destroyMachines(c *call, params DestroyMachines) (DestroyMachineResults, error) {
	results := DestroyMachineResults{Results: []DestroyMachineResult{}}
	for _, tag := range params.MachineTags {
		info, err := c.destroyMachine(tag, params.Force, params.DryRun)
		results.Results = append(results.Results, DestroyMachineResult{Info: info, Error: inner(err)})
	}
	return results, nil
}

func (c *call) destroyMachine(tag string, force, dry bool) (*DestroyMachineInfo, error) {
	id, ok := wire.ID(tag, "machine")
	if !ok {
		return nil, notTag(tag, "machine")
	}
	info := &DestroyMachineInfo{MachineID: id}
	m, err := c.model.Machine(id)
	if err != nil {
		return nil, failure(wire.CodeNotFound, "machine "+id+" not found") // in both profiles without quotes
	}
	for _, unit := range m.Units {
		info.DestroyedUnits = append(info.DestroyedUnits, wire.Entity{Tag: wire.UnitTag(unit)})
	}
	if dry {
		return info, nil
	}
	if err := c.model.DestroyMachine(id, force); err != nil {
		return nil, err
	}
	return info, nil
}
