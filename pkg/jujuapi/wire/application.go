package wire

import "encoding/json"

// ApplicationGet is the parameters of Application.Get.
type ApplicationGet struct {
	Application string `json:"application"`
	BranchName  string `json:"branch"`
}

// ApplicationGetArgs is the parameters of Application.CharmConfig.
type ApplicationGetArgs struct {
	Args []ApplicationGet `json:"args"`
}

// ApplicationGetResults is the result of Application.Get. Charm is the charm's name.
type ApplicationGetResults struct {
	Application       string                  `json:"application"`
	CharmName         string                  `json:"charm"`
	Config            map[string]ConfigOption `json:"config"`
	ApplicationConfig map[string]ConfigOption `json:"application-config,omitempty"`
	Constraints       json.RawMessage         `json:"constraints"`
	Base              Base                    `json:"base"`
	Channel           string                  `json:"channel"`
	EndpointBindings  map[string]string       `json:"endpoint-bindings,omitempty"`
}

// ConfigOption is one option. Value is absent when the option is neither set nor defaulted, Default
// when it has none.
type ConfigOption struct {
	Default     any    `json:"default,omitempty"`
	Description string `json:"description"`
	// Source is "user", "default" or "unset".
	Source string `json:"source"`
	// Type is "string", "int", "float", "boolean" or "secret"; "bool" in the application's own
	// configuration.
	Type  string `json:"type"`
	Value any    `json:"value,omitempty"`
}

// ApplicationGetConfigResults is the result of Application.CharmConfig. The capital letter is the
// real key.
type ApplicationGetConfigResults struct {
	Results []ConfigResult `json:"Results"`
}

// ConfigResult is the options of one application.
type ConfigResult struct {
	Config map[string]ConfigOption `json:"config"`
	Error  *Error                  `json:"error,omitempty"`
}

// ConfigSet is what Application.SetConfigs sets on one application; 4.0 refuses ConfigYAML.
type ConfigSet struct {
	Application string            `json:"application"`
	Generation  string            `json:"generation"`
	Config      map[string]string `json:"config"`
	ConfigYAML  string            `json:"config-yaml"`
}

// ConfigSetArgs is the parameters of Application.SetConfigs. The capital letter is the real key.
type ConfigSetArgs struct {
	Args []ConfigSet `json:"Args"`
}

// ErrorResults is the result of calls that only succeed or fail, one for each thing asked.
type ErrorResults struct {
	Results []ErrorResult `json:"results"`
}

// ErrorResult is one result of such a call.
type ErrorResult struct {
	Error *Error `json:"error,omitempty"`
}

// ApplicationInfoResults is the result of Application.ApplicationsInfo.
type ApplicationInfoResults struct {
	Results []ApplicationInfoResult `json:"results"`
}

// ApplicationInfoResult is the answer for one application.
type ApplicationInfoResult struct {
	Result *ApplicationResult `json:"result,omitempty"`
	Error  *Error             `json:"error,omitempty"`
}

// ApplicationResult is what ApplicationsInfo reports of an application.
type ApplicationResult struct {
	Tag              string                     `json:"tag"`
	Charm            string                     `json:"charm,omitempty"`
	Base             *Base                      `json:"base,omitempty"`
	Channel          string                     `json:"channel,omitempty"`
	Constraints      json.RawMessage            `json:"constraints,omitempty"`
	Principal        bool                       `json:"principal"`
	Exposed          bool                       `json:"exposed"`
	Remote           bool                       `json:"remote"`
	Life             string                     `json:"life"`
	EndpointBindings map[string]string          `json:"endpoint-bindings,omitempty"`
	ExposedEndpoints map[string]ExposedEndpoint `json:"exposed-endpoints,omitempty"`
}

// UnitInfoResults is the result of Application.UnitsInfo. An application's tag expands to all its
// units.
type UnitInfoResults struct {
	Results []UnitInfoResult `json:"results"`
}

// UnitInfoResult is the answer for one unit, or the error of one tag.
type UnitInfoResult struct {
	Result *UnitResult `json:"result,omitempty"`
	Error  *Error      `json:"error,omitempty"`
}

// UnitResult is what UnitsInfo reports of a unit.
type UnitResult struct {
	Tag             string                 `json:"tag"`
	WorkloadVersion string                 `json:"workload-version"`
	Machine         string                 `json:"machine,omitempty"`
	OpenedPorts     []string               `json:"opened-ports"`
	PublicAddress   string                 `json:"public-address,omitempty"`
	Charm           string                 `json:"charm"`
	Leader          bool                   `json:"leader,omitempty"`
	Life            string                 `json:"life,omitempty"`
	RelationData    []EndpointRelationData `json:"relation-data,omitempty"`
	ProviderID      string                 `json:"provider-id,omitempty"`
	Address         string                 `json:"address,omitempty"`
}

// EndpointRelationData is one relation as a unit sees it. ApplicationData is the related
// application's on 3.6, the queried one's on 4.0. The capital letters, here and below, are the real
// keys.
type EndpointRelationData struct {
	RelationID       int                     `json:"relation-id"`
	Endpoint         string                  `json:"endpoint"`
	CrossModel       bool                    `json:"cross-model"`
	RelatedEndpoint  string                  `json:"related-endpoint"`
	ApplicationData  map[string]any          `json:"ApplicationData"`
	UnitRelationData map[string]RelationData `json:"unit-relation-data"`
}

// RelationData is one unit's databag; UnitData is null when it cannot be read.
type RelationData struct {
	InScope  bool           `json:"InScope"`
	UnitData map[string]any `json:"UnitData"`
}

// ApplicationExpose is the parameters of Application.Expose. What it says of an endpoint replaces
// what was so; "" means all endpoints. No endpoints at all mean all of them, and everywhere;
// nothing said of an endpoint means everywhere.
type ApplicationExpose struct {
	Application      string                     `json:"application"`
	ExposedEndpoints map[string]ExposedEndpoint `json:"exposed-endpoints,omitempty"`
}

// TooLarge is the only key of a databag in the place of one that was too large to be kept; its
// value is how many bytes that had. It is of this client alone: no controller sends it, and no
// charm can set a key that begins so.
const TooLarge = "=too large"

// StringResult is the result of Application.Leader: the leader's name.
type StringResult struct {
	Error  *Error `json:"error,omitempty"`
	Result string `json:"result"`
}
