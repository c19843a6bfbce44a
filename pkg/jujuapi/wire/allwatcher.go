package wire

import (
	"encoding/json"
	"fmt"
	"time"
)

// AllWatcherID is the result of Client.WatchAll, which Juju has up to 3.6.
type AllWatcherID struct {
	WatcherID string `json:"watcher-id"`
}

// AllWatcherNext is the result of AllWatcher.Next.
type AllWatcherNext struct {
	Deltas []Delta `json:"deltas"`
}

// Kinds of entities in a Delta that have to do with what FullStatus shows; there are others.
const (
	KindModel             = "model"
	KindApplication       = "application"
	KindRemoteApplication = "remoteApplication"
	KindUnit              = "unit"
	KindMachine           = "machine"
	KindRelation          = "relation"
	KindCharm             = "charm"
	KindAction            = "action"
	KindAnnotation        = "annotation"
	KindBlock             = "block"
)

// Delta is one entity that has changed, whole, or that has gone: then only its identity is to be
// trusted. On the wire it is an array of three, though the schema says otherwise: kind, change or
// remove, entity.
type Delta struct {
	Kind    string
	Removed bool
	Entity  json.RawMessage
}

const (
	deltaChange = "change"
	deltaRemove = "remove"
)

// MarshalJSON makes the array.
func (d Delta) MarshalJSON() ([]byte, error) {
	verb := deltaChange
	if d.Removed {
		verb = deltaRemove
	}
	return json.Marshal([]any{d.Kind, verb, d.Entity})
}

// UnmarshalJSON reads the array.
func (d *Delta) UnmarshalJSON(data []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return err
	}
	if len(parts) != 3 {
		return fmt.Errorf("a delta has %d parts, not 3", len(parts))
	}
	var verb string
	if err := json.Unmarshal(parts[0], &d.Kind); err != nil {
		return err
	}
	if err := json.Unmarshal(parts[1], &verb); err != nil {
		return err
	}
	if verb != deltaChange && verb != deltaRemove {
		return fmt.Errorf("a delta is %q, neither %s nor %s", verb, deltaChange, deltaRemove)
	}
	d.Removed, d.Entity = verb == deltaRemove, parts[2]
	return nil
}

// StatusInfo is a status in a Delta's entity.
type StatusInfo struct {
	Error   *Error         `json:"err,omitempty"`
	Current string         `json:"current"`
	Message string         `json:"message"`
	Since   *time.Time     `json:"since,omitempty"`
	Version string         `json:"version"`
	Data    map[string]any `json:"data,omitempty"`
}

// ApplicationEntity is an application in a Delta.
type ApplicationEntity struct {
	ModelUUID       string         `json:"model-uuid"`
	Name            string         `json:"name"`
	Exposed         bool           `json:"exposed"`
	CharmURL        string         `json:"charm-url"`
	OwnerTag        string         `json:"owner-tag"`
	Life            string         `json:"life"`
	MinUnits        int            `json:"min-units"`
	Constraints     map[string]any `json:"constraints"`
	Config          map[string]any `json:"config,omitempty"`
	Subordinate     bool           `json:"subordinate"`
	Status          StatusInfo     `json:"status"`
	WorkloadVersion string         `json:"workload-version"`
}

// PortRange is an opened range in a Delta.
type PortRange struct {
	FromPort int    `json:"from-port"`
	ToPort   int    `json:"to-port"`
	Protocol string `json:"protocol"`
}

// Port is an opened port in a Delta.
type Port struct {
	Protocol string `json:"protocol"`
	Number   int    `json:"number"`
}

// UnitEntity is a unit in a Delta. It shows neither who leads nor the workload's version.
type UnitEntity struct {
	ModelUUID      string      `json:"model-uuid"`
	Name           string      `json:"name"`
	Application    string      `json:"application"`
	Base           string      `json:"base"`
	CharmURL       string      `json:"charm-url"`
	Life           string      `json:"life"`
	PublicAddress  string      `json:"public-address"`
	PrivateAddress string      `json:"private-address"`
	MachineID      string      `json:"machine-id"`
	Ports          []Port      `json:"ports"`
	PortRanges     []PortRange `json:"port-ranges"`
	Principal      string      `json:"principal"`
	Subordinate    bool        `json:"subordinate"`
	WorkloadStatus StatusInfo  `json:"workload-status"`
	AgentStatus    StatusInfo  `json:"agent-status"`
}

// Address is an address in a Delta.
type Address struct {
	Value     string `json:"value"`
	Type      string `json:"type"`
	Scope     string `json:"scope"`
	SpaceName string `json:"space-name,omitempty"`
}

// MachineEntity is a machine in a Delta.
type MachineEntity struct {
	ModelUUID                string         `json:"model-uuid"`
	ID                       string         `json:"id"`
	InstanceID               string         `json:"instance-id"`
	AgentStatus              StatusInfo     `json:"agent-status"`
	InstanceStatus           StatusInfo     `json:"instance-status"`
	Life                     string         `json:"life"`
	Config                   map[string]any `json:"config,omitempty"`
	Base                     string         `json:"base"`
	ContainerType            string         `json:"container-type"`
	SupportedContainers      []string       `json:"supported-containers"`
	SupportedContainersKnown bool           `json:"supported-containers-known"`
	HardwareCharacteristics  map[string]any `json:"hardware-characteristics,omitempty"`
	Jobs                     []string       `json:"jobs"`
	Addresses                []Address      `json:"addresses"`
	HasVote                  bool           `json:"has-vote"`
	WantsVote                bool           `json:"wants-vote"`
	Hostname                 string         `json:"hostname,omitempty"`
}

// RelationEntity is a relation in a Delta.
type RelationEntity struct {
	ModelUUID string           `json:"model-uuid"`
	Key       string           `json:"key"`
	ID        int              `json:"id"`
	Endpoints []EndpointEntity `json:"endpoints"`
}

// EndpointEntity is one side of a relation in a Delta.
type EndpointEntity struct {
	ApplicationName string        `json:"application-name"`
	Relation        CharmRelation `json:"relation"`
}

// CharmRelation is an endpoint as a charm declares it.
type CharmRelation struct {
	Name      string `json:"name"`
	Role      string `json:"role"`
	Interface string `json:"interface"`
	Optional  bool   `json:"optional"`
	Limit     int    `json:"limit"`
	Scope     string `json:"scope"`
}

// CharmEntity is a charm in a Delta.
type CharmEntity struct {
	ModelUUID    string         `json:"model-uuid"`
	CharmURL     string         `json:"charm-url"`
	CharmVersion string         `json:"charm-version"`
	Life         string         `json:"life"`
	LXDProfile   map[string]any `json:"profile"`
	Config       map[string]any `json:"config,omitempty"`
}

// ActionEntity is a task in a Delta, without parameters and results.
type ActionEntity struct {
	ModelUUID string    `json:"model-uuid"`
	ID        string    `json:"id"`
	Receiver  string    `json:"receiver"`
	Name      string    `json:"name"`
	Status    string    `json:"status"`
	Message   string    `json:"message"`
	Enqueued  time.Time `json:"enqueued"`
	Started   time.Time `json:"started"`
	Completed time.Time `json:"completed"`
}

// ModelEntity is the model in a Delta.
type ModelEntity struct {
	ModelUUID      string         `json:"model-uuid"`
	Name           string         `json:"name"`
	Life           string         `json:"life"`
	Owner          string         `json:"owner"`
	ControllerUUID string         `json:"controller-uuid"`
	IsController   bool           `json:"is-controller"`
	Config         map[string]any `json:"config,omitempty"`
	Status         StatusInfo     `json:"status"`
	Constraints    map[string]any `json:"constraints"`
	SLA            ModelSLA       `json:"sla"`
	Type           string         `json:"type"`
	Cloud          string         `json:"cloud"`
	CloudRegion    string         `json:"cloud-region"`
	Version        string         `json:"version"`
}

// ModelSLA is empty in practice.
type ModelSLA struct {
	Level string `json:"level"`
	Owner string `json:"owner"`
}
