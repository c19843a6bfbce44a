// Package profile says in what ways the Juju that jujusim plays differs by version.
//
// Model and server ask the Profile wherever releases of Juju behave differently, so that another release is one more value here
// and not a branch elsewhere. V40 is measured: it follows recordings of a real 4.0.15 controller.
package profile

import "fmt"

// Profile is how one release of Juju behaves.
type Profile struct {
	// Name is what a user chooses it by.
	Name string
	// Version is the controller's and every agent's version.
	Version string
	// ControllerFacades and ModelFacades are the facades that Login lists, with their versions.
	ControllerFacades map[string][]int
	ModelFacades      map[string][]int

	// FlatParameters says that action parameters are stored as flat text: nested values arrive as Go prints them.
	FlatParameters bool
	// DefaultParameters says that defaults of an action's schema are filled in when it is enqueued.
	DefaultParameters bool
	// PrivateAddress says that unit databags also hold private-address beside ingress-address.
	PrivateAddress bool
	// OneActionPerCall says that one EnqueueOperation call takes one action name with one set of parameters.
	OneActionPerCall bool
	// ShowsAlive says that FullStatus spells out the life of what is alive; else it is empty.
	ShowsAlive bool
	// CancelError is what Action.Cancel fails with for a task, as a format that takes the task's number; empty where it works.
	CancelError string
}

// ByName returns the profile of that name.
func ByName(name string) (Profile, error) {
	switch name {
	case "", V40.Name:
		return V40, nil
	}
	return Profile{}, fmt.Errorf("cannot play Juju %q: known profiles are %s", name, V40.Name)
}
