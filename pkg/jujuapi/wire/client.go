package wire

import (
	"encoding/json"
	"time"
)

// StatusParams is the parameters of Client.FullStatus, versions 6 to 8.
type StatusParams struct {
	Patterns []string `json:"patterns"`
	// IncludeStorage works from version 7.
	IncludeStorage bool `json:"include-storage,omitempty"`
}

// FullStatus is the result of Client.FullStatus.
type FullStatus struct {
	Model               ModelStatusInfo                    `json:"model"`
	Machines            map[string]MachineStatus           `json:"machines"`
	Applications        map[string]ApplicationStatus       `json:"applications"`
	RemoteApplications  map[string]RemoteApplicationStatus `json:"remote-applications"`
	Offers              map[string]json.RawMessage         `json:"offers"`
	Relations           []RelationStatus                   `json:"relations"`
	ControllerTimestamp *time.Time                         `json:"controller-timestamp"`
	// Branches is null on 4.0.
	Branches    map[string]json.RawMessage `json:"branches"`
	Storage     []StorageDetails           `json:"storage,omitempty"`
	Filesystems []json.RawMessage          `json:"filesystems,omitempty"`
	Volumes     []json.RawMessage          `json:"volumes,omitempty"`
}

// StorageDetails is one instance of storage.
type StorageDetails struct {
	StorageTag string `json:"storage-tag"`
	// OwnerTag is empty while the storage is detached.
	OwnerTag string        `json:"owner-tag"`
	Kind     int           `json:"kind"`
	Status   StorageStatus `json:"status"`
	Life     string        `json:"life,omitempty"`
	// Persistent says that it outlives its machine.
	Persistent bool `json:"persistent"`
	// Attachments are by the unit's tag.
	Attachments map[string]StorageAttachment `json:"attachments,omitempty"`
}

// StorageStatus is how an instance of storage is.
type StorageStatus struct {
	Status string     `json:"status"`
	Info   string     `json:"info"`
	Since  *time.Time `json:"since"`
}

// StorageAttachment is where a unit has a storage instance.
type StorageAttachment struct {
	StorageTag string `json:"storage-tag"`
	UnitTag    string `json:"unit-tag"`
	MachineTag string `json:"machine-tag"`
	Location   string `json:"location,omitempty"`
	Life       string `json:"life,omitempty"`
}

// DetailedStatus is the status of anything. Data is {} for units, machines and relations, and null else, unless there is some.
type DetailedStatus struct {
	Status  string         `json:"status"`
	Info    string         `json:"info"`
	Data    map[string]any `json:"data"`
	Since   *time.Time     `json:"since"`
	Kind    string         `json:"kind"`
	Version string         `json:"version"`
	// Life is "" while alive on 2.9 and 3.6, and always "" for a workload status.
	Life string `json:"life"`
	Err  *Error `json:"err,omitempty"`
}

// ModelStatusInfo is the model in a FullStatus.
type ModelStatusInfo struct {
	Name             string         `json:"name"`
	Type             string         `json:"type"`
	CloudTag         string         `json:"cloud-tag"`
	Region           string         `json:"region,omitempty"`
	Version          string         `json:"version"`
	AvailableVersion string         `json:"available-version"`
	ModelStatus      DetailedStatus `json:"model-status"`
	// MeterStatus and SLA are sent up to 3.6.
	MeterStatus *MeterStatus `json:"meter-status,omitempty"`
	SLA         *string      `json:"sla,omitempty"`
}

// MeterStatus is empty in practice.
type MeterStatus struct {
	Color   string `json:"color"`
	Message string `json:"message"`
}

// MachineStatus is a machine in a FullStatus.
type MachineStatus struct {
	AgentStatus              DetailedStatus              `json:"agent-status"`
	InstanceStatus           DetailedStatus              `json:"instance-status"`
	ModificationStatus       DetailedStatus              `json:"modification-status"`
	Hostname                 string                      `json:"hostname,omitempty"`
	DNSName                  string                      `json:"dns-name"`
	IPAddresses              []string                    `json:"ip-addresses,omitempty"`
	InstanceID               string                      `json:"instance-id"`
	DisplayName              string                      `json:"display-name"`
	Base                     Base                        `json:"base"`
	ID                       string                      `json:"id"`
	NetworkInterfaces        map[string]NetworkInterface `json:"network-interfaces,omitempty"`
	Containers               map[string]MachineStatus    `json:"containers"`
	Constraints              string                      `json:"constraints"`
	Hardware                 string                      `json:"hardware"`
	Jobs                     []string                    `json:"jobs"`
	HasVote                  bool                        `json:"has-vote"`
	WantsVote                bool                        `json:"wants-vote"`
	LXDProfiles              map[string]json.RawMessage  `json:"lxd-profiles,omitempty"`
	PrimaryControllerMachine *bool                       `json:"primary-controller-machine,omitempty"`
	// ClusterRole is sent by 4.0.
	ClusterRole string `json:"cluster-role,omitempty"`
}

// NetworkInterface is an interface of a machine.
type NetworkInterface struct {
	IPAddresses    []string `json:"ip-addresses"`
	MACAddress     string   `json:"mac-address"`
	Gateway        string   `json:"gateway,omitempty"`
	DNSNameservers []string `json:"dns-nameservers,omitempty"`
	Space          string   `json:"space,omitempty"`
	IsUp           bool     `json:"is-up"`
}

// ApplicationStatus is an application in a FullStatus.
type ApplicationStatus struct {
	Err              *Error                     `json:"err,omitempty"`
	Charm            string                     `json:"charm"`
	CharmVersion     string                     `json:"charm-version"`
	CharmProfile     string                     `json:"charm-profile"`
	CharmChannel     string                     `json:"charm-channel,omitempty"`
	CharmRev         int                        `json:"charm-rev,omitempty"`
	Base             Base                       `json:"base"`
	Exposed          bool                       `json:"exposed"`
	ExposedEndpoints map[string]ExposedEndpoint `json:"exposed-endpoints,omitempty"`
	Life             string                     `json:"life"`
	Relations        map[string][]string        `json:"relations"`
	CanUpgradeTo     string                     `json:"can-upgrade-to"`
	SubordinateTo    []string                   `json:"subordinate-to"`
	// Units is null for a subordinate, whose units are listed under their principals.
	Units map[string]UnitStatus `json:"units"`
	// MeterStatuses is sent up to 3.6: null, or an object.
	MeterStatuses    json.RawMessage   `json:"meter-statuses,omitempty"`
	Status           DetailedStatus    `json:"status"`
	WorkloadVersion  string            `json:"workload-version"`
	EndpointBindings map[string]string `json:"endpoint-bindings"`
	Scale            int               `json:"int,omitempty"`
	ProviderID       string            `json:"provider-id,omitempty"`
	PublicAddress    string            `json:"public-address"`
}

// ExposedEndpoint says to whom an endpoint is exposed.
type ExposedEndpoint struct {
	ExposeToSpaces []string `json:"expose-to-spaces,omitempty"`
	ExposeToCIDRs  []string `json:"expose-to-cidrs,omitempty"`
}

// UnitStatus is a unit in a FullStatus. The unit's life is in AgentStatus.
type UnitStatus struct {
	AgentStatus     DetailedStatus `json:"agent-status"`
	WorkloadStatus  DetailedStatus `json:"workload-status"`
	WorkloadVersion string         `json:"workload-version"`
	// Machine is "" until one is assigned, and for subordinates.
	Machine       string   `json:"machine"`
	OpenedPorts   []string `json:"opened-ports"`
	PublicAddress string   `json:"public-address"`
	// Charm is set only while it differs from the application's.
	Charm        string                `json:"charm"`
	Subordinates map[string]UnitStatus `json:"subordinates"`
	Leader       bool                  `json:"leader,omitempty"`
	ProviderID   string                `json:"provider-id,omitempty"`
	Address      string                `json:"address,omitempty"`
}

// RelationStatus is a relation in a FullStatus; a peer relation has one endpoint.
type RelationStatus struct {
	ID        int              `json:"id"`
	Key       string           `json:"key"`
	Interface string           `json:"interface"`
	Scope     string           `json:"scope"`
	Endpoints []EndpointStatus `json:"endpoints"`
	Status    DetailedStatus   `json:"status"`
}

// EndpointStatus is one side of a relation.
type EndpointStatus struct {
	Application string `json:"application"`
	Name        string `json:"name"`
	Role        string `json:"role"`
	Subordinate bool   `json:"subordinate"`
}

// RemoteApplicationStatus is an application of another model.
type RemoteApplicationStatus struct {
	Err       *Error              `json:"err,omitempty"`
	OfferURL  string              `json:"offer-url"`
	OfferName string              `json:"offer-name"`
	Endpoints []RemoteEndpoint    `json:"endpoints"`
	Life      string              `json:"life"`
	Relations map[string][]string `json:"relations"`
	Status    DetailedStatus      `json:"status"`
}

// RemoteEndpoint is an endpoint of an application of another model.
type RemoteEndpoint struct {
	Name      string `json:"name"`
	Role      string `json:"role"`
	Interface string `json:"interface"`
	Limit     int    `json:"limit"`
}
