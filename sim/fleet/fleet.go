// Package fleet is the seam between the embedded Juju's state and what runs for it: machines and unit agents.
//
// jujusim makes one Fleet for each model and runs it; the faults that a user asks for, and that concern machines or agents, are
// forwarded to it. sim/machine has the implementation with folders, loopback addresses and processes; None is for tests of
// the API alone.
package fleet

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/netns"
)

// Options are what a Fleet is made from.
type Options struct {
	Model *model.Model
	// Dir holds the machines' roots: machine 0 is Dir/0. It is short, because unix sockets lie below it.
	Dir string
	// Store is the folder that plays the snap store; empty for none.
	Store string
	// Network is the instance's /24; the controller's machines have the addresses up to 9, the model's take those from 10 on.
	// Fleets of several models share it: First is the offset of this one's machine 0, 0 for the first model.
	Network netip.Prefix
	First   int
	// Ethernet, if not nil, is Network: each machine has a port in it, and shares no network with this program.
	Ethernet *netns.Ethernet
	// Spaces are those that a machine is in beside Juju's default one, each with an address of its own. Public gives it one more,
	// which only others than its own network use.
	Spaces []string
	Public bool
	// APIAddress is the controller's host:port, for JUJU_API_ADDRESSES.
	APIAddress string
	// Program is the running jujusim, which is also the hook tools and systemctl, by the name that it is called by.
	Program string
	// UpdateStatus is the interval of update-status: Juju's five minutes where zero.
	UpdateStatus time.Duration
	// SnapdVersion is the snapd that the machines play, SnapDelay how long each task of its changes takes at least.
	SnapdVersion string
	SnapDelay    time.Duration
	Log          *zap.Logger
}

// Fleet makes a model's machines and runs its units' agents.
type Fleet interface {
	// Run works until ctx is done, and returns when everything that it started has ended and nothing is left running.
	Run(ctx context.Context) error
	// Root is the folder that is a machine's root.
	Root(id string) (string, error)
	// StopAgent ends a unit's agent (the hook that runs is killed), StartAgent starts it again.
	StopAgent(unit string) error
	StartAgent(unit string) error
	// Kill sends SIGKILL to a service's process on the unit's machine; an empty service means the only one, or etcd.
	Kill(unit, service string) error
	// LoseDisk takes the disk below a folder of the unit's machine away: the services there are killed, and what was below the folder
	// is gone. The folder is that of production; empty means etcd's data.
	LoseDisk(unit, path string) error
	// StopMachine stops a machine: agents and services end, its address answers no more. StartMachine boots it again.
	StopMachine(id string) error
	StartMachine(id string) error
	// Partition cuts a unit's machine off from all other machines, while it and this host reach each other as before; HealPartition
	// ends it.
	Partition(unit string) error
	HealPartition(unit string) error
	// ChangeAddress has a machine come up with another address, as after a stop and a start in a cloud.
	ChangeAddress(id string) error
}

// Maker makes a Fleet.
type Maker func(Options) (Fleet, error)

// None makes a Fleet without machines.
func None(Options) (Fleet, error) { return none{}, nil }

type none struct{}

var errNone = errors.New("this jujusim runs no machines")

func (none) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
func (none) Root(string) (string, error)   { return "", errNone }
func (none) StopAgent(string) error        { return errNone }
func (none) StartAgent(string) error       { return errNone }
func (none) Kill(string, string) error     { return errNone }
func (none) LoseDisk(string, string) error { return errNone }
func (none) StopMachine(string) error      { return errNone }
func (none) StartMachine(string) error     { return errNone }
func (none) Partition(string) error        { return errNone }
func (none) HealPartition(string) error    { return errNone }
func (none) ChangeAddress(string) error    { return errNone }
