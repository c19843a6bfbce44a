package jujuapi

import (
	"time"
)

// Model is an immutable snapshot of one Juju model, with the differences between Juju versions
// taken out. Share it freely; never change it.
type Model struct {
	Name string
	// Owner is the plain user name that owns the model.
	Owner string
	UUID  string
	// Version is the model's agent version.
	Version string
	// TakenAt is the controller's own clock where it reports it, else ours.
	TakenAt time.Time
	// AskedAt is when we asked for it, by our own clock: what had happened by then is in it.
	AskedAt      time.Time
	Applications map[string]Application
	Machines     map[string]Machine
	// Storage are all instances of storage, by ID; StorageReported says that the controller reports
	// them, which 2.9 does not.
	Storage         []Storage
	StorageReported bool
	// Hash identifies the content: it leaves out all times but those of units' agent status, whose
	// change means that a hook ran.
	Hash string
}

// Application is one application of a Model.
type Application struct {
	Name          string
	Charm         string
	CharmRevision int
	Life          Life
	// Exposures are what the application is exposed to, by endpoint or EveryEndpoint; none if it is
	// not.
	Exposures       map[string]Exposure
	Status          Status
	WorkloadVersion string
	// Relations lists, by endpoint of this application, the relations it is part of.
	Relations []Relation
	Units     map[string]Unit
}

// Relation is one relation of an application, seen from that application.
type Relation struct {
	ID        int
	Key       string
	Interface string
	// Endpoint is the name on this side; RemoteApplication and RemoteEndpoint are the other side
	// (the same for a peer relation).
	Endpoint          string
	Peer              bool
	RemoteApplication string
	RemoteEndpoint    string
	Status            string
}

// Unit is one unit of an Application.
type Unit struct {
	Name string
	Life Life
	// Leader says that Juju's leader is this unit.
	Leader          bool
	Machine         string
	PublicAddress   string
	OpenedPorts     []string
	AgentStatus     Status
	WorkloadStatus  Status
	WorkloadVersion string
	AgentVersion    string
}

// Machine is one machine of a Model.
type Machine struct {
	ID         string
	InstanceID string
	Life       Life
	// Provisioned says that an instance exists and its agent has started at least once.
	Provisioned bool
	Addresses   []string
	AgentStatus Status
}

// Storage is one instance of storage. What a unit leaves behind stays in the model, owned by
// nobody.
type Storage struct {
	// ID is data/0.
	ID string
	// Owner is the unit, or the application, that has it now; empty if it is detached.
	Owner string
	// Units are those that it is attached to.
	Units []string
}

// Status is a Juju status.
type Status struct {
	Current string
	Message string
	Since   time.Time
}

// Life is alive, dying or dead; Juju 3.6 leaves out alive, this package never does.
type Life string

// Lives of an entity.
const (
	Alive Life = "alive"
	Dying Life = "dying"
	Dead  Life = "dead"
)

// UnitInfo is what Application.UnitsInfo reports of one unit.
type UnitInfo struct {
	// Name is empty where Err is set and the controller does not say of which unit.
	Name string
	// Err is why the controller reports nothing else of this unit, such as "unit is dead" between
	// its last hook and its end. It says nothing of the other units.
	Err             error
	Machine         string
	Leader          bool
	Life            Life
	OpenedPorts     []string
	PublicAddress   string
	WorkloadVersion string
	RelationData    []RelationData
}

// RelationData is what a unit sees of one relation.
type RelationData struct {
	RelationID      int
	Endpoint        string
	RelatedEndpoint string
	// ApplicationData is the application databag. For a peer relation it is the application's own
	// on every version; for others Juju 3.6 gives the related application's, 4.0 the queried one's.
	ApplicationData map[string]string
	// ApplicationTooLarge is the size in bytes of an application databag that was too large to be
	// kept; it is missing then, not empty.
	ApplicationTooLarge int64
	// Units are the unit databags by unit name: all units for a peer relation, the remote ones
	// else.
	Units map[string]UnitDatabag
}

// UnitDatabag is one unit's databag in a relation.
type UnitDatabag struct {
	InScope bool
	// Unread says that the unit is in the relation and that its databag could not be read: Data is
	// missing, not empty.
	Unread bool
	// TooLarge is its size in bytes if it is unread for that: somebody writes more than anybody
	// needs.
	TooLarge int64
	Data     map[string]string
}

// TaskStatus is the state of a Juju task.
type TaskStatus string

// Task states; the last five are final.
const (
	TaskPending   TaskStatus = "pending"
	TaskRunning   TaskStatus = "running"
	TaskAborting  TaskStatus = "aborting"
	TaskCompleted TaskStatus = "completed"
	TaskFailed    TaskStatus = "failed"
	TaskCancelled TaskStatus = "cancelled"
	TaskAborted   TaskStatus = "aborted"
	TaskError     TaskStatus = "error"
)

// Final says that the task's state will not change any more.
func (s TaskStatus) Final() bool {
	switch s {
	case TaskCompleted, TaskFailed, TaskCancelled, TaskAborted, TaskError:
		return true
	}
	return false
}

// Task is one action task on one unit.
type Task struct {
	// ID is the number in Juju's counter.
	ID       string
	Unit     string
	Name     string
	Status   TaskStatus
	Message  string
	Enqueued time.Time
	Started  time.Time
	// Completed is zero before the task has ended. All three are by the controller's clock.
	Completed time.Time
	// Output and Progress are empty in lists: ask for the task itself. Progress is what the action has
	// said of how it goes, by action-log.
	Output   map[string]any
	Progress []string
}

// Option is one configuration option of an application.
type Option struct {
	Type string
	// Value is nil when neither set nor defaulted.
	Value   any
	Default any
	// Source is user, default or unset.
	Source string
}

// ModelRef names a model of a controller.
type ModelRef struct {
	Owner string
	Name  string
	UUID  string
}
