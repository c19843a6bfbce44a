// Package control is how jujusim's verbs talk to the running instance: HTTP with JSON on a unix
// socket that only its owner may use.
//
// What Juju's API can do goes through POST /call, as the administrator, by the same dispatch as a
// frame; the other paths are for what is no call in Juju's API (local charms, faults, the instance
// itself). Client and the handler that Serve takes are the two ends; the types here are what passes
// between them.
package control

import (
	"encoding/json"
	"time"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
)

// Info is what an instance reports of itself.
type Info struct {
	PID            int       `json:"pid"`
	Profile        string    `json:"profile"`
	Version        string    `json:"version"`
	ControllerUUID string    `json:"controller-uuid"`
	Address        string    `json:"address"`
	CA             string    `json:"ca"`
	Dir            string    `json:"dir"`
	JujuData       string    `json:"juju-data"`
	ChangeStream   string    `json:"change-stream"`
	Started        time.Time `json:"started"`
	Models         []Model   `json:"models"`
	// Machines are the controller's: Address is the first one's, whether it is still there or not.
	Machines []Machine `json:"machines"`
}

// Machine is a controller's machine.
type Machine struct {
	Number  int    `json:"number"`
	Address string `json:"address"`
	Up      bool   `json:"up"`
}

// Model is a model of the instance.
type Model struct {
	Name  string `json:"name"`
	Owner string `json:"owner"`
	UUID  string `json:"uuid"`
}

// Call is a call of Juju's API. Model is a model's name or UUID, empty for the default one;
// Controller calls no model. Version is the facade's, zero for the newest that is offered.
type Call struct {
	Model      string          `json:"model,omitempty"`
	Controller bool            `json:"controller,omitempty"`
	Facade     string          `json:"facade"`
	Version    int             `json:"version"`
	Method     string          `json:"method"`
	Params     json.RawMessage `json:"params,omitempty"`
}

// Answer is a reply, or an error.
type Answer struct {
	Response json.RawMessage `json:"response,omitempty"`
	Error    *wire.Error     `json:"error,omitempty"`
}

// Deploy is a charm to deploy from a path, or with Refresh to upgrade an application to.
type Deploy struct {
	Model       string            `json:"model,omitempty"`
	Path        string            `json:"path"`
	Application string            `json:"application,omitempty"`
	Units       int               `json:"units"`
	Config      map[string]string `json:"config,omitempty"`
	To          []model.Placement `json:"to,omitempty"`
	Bindings    map[string]string `json:"bindings,omitempty"`
	Refresh     bool              `json:"refresh,omitempty"`
	// Base is the release of Ubuntu, such as 22.04.
	Base string `json:"base,omitempty"`
	// Resources are files of this host, by the resource's name.
	Resources map[string]string `json:"resources,omitempty"`
}

// Attach is a file of this host to give an application as a resource.
type Attach struct {
	Model       string `json:"model,omitempty"`
	Application string `json:"application"`
	Resource    string `json:"resource"`
	Path        string `json:"path"`
}

// Deployed names what was made.
type Deployed struct {
	Application string `json:"application"`
	CharmURL    string `json:"charm-url"`
}

// Offer is an application to offer to other models.
type Offer struct {
	Model       string   `json:"model,omitempty"`
	Application string   `json:"application"`
	Endpoints   []string `json:"endpoints"`
	Name        string   `json:"name,omitempty"`
}

// Consume is an offer to take into a model. The answers to both name what there is now: an offer's
// URL, an application.
type Consume struct {
	Model string `json:"model,omitempty"`
	URL   string `json:"url"`
	Alias string `json:"alias,omitempty"`
}

// RemoveOffer is an offer to take back, by its URL or, in the model, its name. Force ends its
// relations, too.
type RemoveOffer struct {
	Model string `json:"model,omitempty"`
	URL   string `json:"url"`
	Force bool   `json:"force,omitempty"`
}

// Named names what was made.
type Named struct {
	Name string `json:"name"`
}

// Target is a unit (also a leader, as in etcd/leader) or a machine of a model.
type Target struct {
	Model string `json:"model,omitempty"`
	Name  string `json:"name"`
}

// Folder is a machine's root.
type Folder struct {
	Path string `json:"path"`
}

// Fault asks for one fault. Kinds and what they use: cut (Refuse), delay (Delay), lose (Count,
// Only), upgrade, maintenance, migrate, redirect, refuse-watch, break-feed, mix-pages, heal;
// add-controller, and stop-controller, start-controller, remove-controller (Target: the number of a
// controller's machine); and of a model stop-agent, start-agent, partition, heal (Target: a unit),
// kill (Target, Service), lose-disk (Target: a unit, Path), stop-machine, start-machine,
// change-address (Target: a machine).
type Fault struct {
	Model   string        `json:"model,omitempty"`
	Kind    string        `json:"kind"`
	Target  string        `json:"target,omitempty"`
	Service string        `json:"service,omitempty"`
	Path    string        `json:"path,omitempty"`
	Refuse  bool          `json:"refuse,omitempty"`
	Delay   time.Duration `json:"delay,omitempty"`
	Count   int           `json:"count,omitempty"`
	Only    string        `json:"only,omitempty"`
}

// Kinds of faults.
const (
	Cut         = "cut"
	Delay       = "delay"
	Lose        = "lose"
	Upgrade     = "upgrade"
	Maintenance = "maintenance"
	Migrate     = "migrate"
	Redirect    = "redirect"
	RefuseWatch = "refuse-watch"
	BreakFeed   = "break-feed"
	MixPages    = "mix-pages"
	// TellDepartures and HideDepartures turn whether peers hear of the end of a unit.
	ReportDepartures = "tell-departures"
	HideDepartures   = "hide-departures"
	Heal             = "heal"

	AddController    = "add-controller"
	StopController   = "stop-controller"
	StartController  = "start-controller"
	RemoveController = "remove-controller"

	StopAgent     = "stop-agent"
	StartAgent    = "start-agent"
	Kill          = "kill"
	Partition     = "partition"
	LoseDisk      = "lose-disk"
	StopMachine   = "stop-machine"
	StartMachine  = "start-machine"
	ChangeAddress = "change-address"
)
