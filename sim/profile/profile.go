// Package profile says in what ways the Juju that jujusim plays differs by version.
//
// Model and server ask the Profile wherever releases of Juju behave differently, so that another release is one more value here
// and not a branch elsewhere. V40 is measured: it follows recordings of a real 4.0.15 controller. V36 is read: it follows the
// published schemas and source of 3.6, and there is no recording of it.
package profile

import (
	"fmt"
	"slices"
	"strings"
)

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
	// EarlyValidation says that parameters are checked when a task is enqueued, and not when it is about to run.
	EarlyValidation bool
	// PrivateAddress says that unit databags also hold private-address beside ingress-address.
	PrivateAddress bool
	// OneActionPerCall says that one EnqueueOperation call takes one action name with one set of parameters.
	OneActionPerCall bool
	// TaskDetails says that the reply to EnqueueOperation repeats name and parameters, and that tasks show when they ended.
	TaskDetails bool
	// TasksGo says that a unit's tasks go with it, and operations with their last task: nothing tells of them any more. Else those that
	// have not ended end in error.
	TasksGo bool
	// ParallelTasks says that a task may be asked to run beside other hooks and tasks of its machine; else the wish is not kept.
	ParallelTasks bool
	// TasksInNoOrder says that a unit's tasks do not run in the order in which they were asked for.
	TasksInNoOrder bool
	// OperationOutput says that Operations includes the output of tasks.
	OperationOutput bool
	// LeaderSettings says that there are leader-get and leader-set.
	LeaderSettings bool
	// Tracing says that hooks get the variables of Juju's tracing, else those that were there before.
	Tracing bool
	// Globs says that FullStatus takes patterns as globs, else as exact names.
	Globs bool
	// Meters says that FullStatus has what was once there for billing, branches that are not null, and agent versions of machines.
	Meters bool
	// RelatedData says that UnitsInfo shows the related application's databag, else the queried one's.
	RelatedData bool
	// SilentDepartures says that the end of a unit is mostly not told to its peers: no departed hook runs on them, and for them it is
	// in the relation with all that it has written, until the agent starts anew or the charm is upgraded.
	SilentDepartures bool
	// ConfigTwice says that config-changed runs twice for each change of an application's options.
	ConfigTwice bool
	// TellsLeader says that a leader is told of what it wrote itself into the databag that it shares with its peers.
	TellsLeader bool
	// DeadUnitsFail says that UnitsInfo has an error for a unit that is dead and not yet removed, else its last state.
	DeadUnitsFail bool
	// MarksCrossModel says that UnitsInfo marks relations across models.
	MarksCrossModel bool
	// QuotesNames says that errors quote the names of what was not found.
	QuotesNames bool
	// ConfigYAML says that SetConfigs takes YAML.
	ConfigYAML bool
	// ShowsAlive says that FullStatus spells out the life of what is alive; else it is empty.
	ShowsAlive bool
	// LongSecretURIs says that a charm's new secret is named with its model, else by its id alone.
	LongSecretURIs bool
	// NamedWatchers says that the ids of watchers begin with a word of their connection; else they are numbers.
	NamedWatchers bool
	// StoppedWatcher is what stands before "watcher has been stopped".
	StoppedWatcher string
	// CancelError is what Action.Cancel fails with for a task, as a format that takes the task's number; empty where it works.
	CancelError string
}

// Watches says that a model's changes are told to those who ask with WatchAll.
func (p Profile) Watches() bool { return len(p.ModelFacades["AllWatcher"]) > 0 }

var all = []Profile{V36, V40}

// ByName returns the profile of that name; V40 if it is empty.
func ByName(name string) (Profile, error) {
	if name == "" {
		return V40, nil
	}
	i := slices.IndexFunc(all, func(p Profile) bool { return p.Name == name })
	if i < 0 {
		return Profile{}, fmt.Errorf("cannot play Juju %q: known profiles are %s", name, strings.Join(Names(), " and "))
	}
	return all[i], nil
}

// Names of all profiles.
func Names() []string {
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
	}
	return names
}
