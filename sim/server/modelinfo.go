package server

import (
	"slices"
	"time"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
)

// ModelSummaries is the parameters of ModelManager.ListModelSummaries, which juju models calls. With
// All a superuser sees those of everyone, and none of them as one's own.
type ModelSummaries struct {
	UserTag string `json:"user-tag"`
	All     bool   `json:"all,omitempty"`
}

// ModelSummaryResults is its result.
type ModelSummaryResults struct {
	Results []ModelSummaryResult `json:"results"`
}

// ModelSummaryResult is one model.
type ModelSummaryResult struct {
	Result *ModelSummary `json:"result,omitempty"`
	Error  *wire.Error   `json:"error,omitempty"`
}

// ModelSummary is a line of juju models.
type ModelSummary struct {
	modelHead
	Access         string        `json:"user-access"`
	LastConnection *time.Time    `json:"last-connection"`
	Counts         []EntityCount `json:"counts"`
	AgentVersion   string        `json:"agent-version"`
}

// modelHead is what a summary and an info have in common.
type modelHead struct {
	Name           string       `json:"name"`
	Qualifier      string       `json:"qualifier,omitempty"` // of the facade's version 11
	OwnerTag       string       `json:"owner-tag,omitempty"` // of those before
	UUID           string       `json:"uuid"`
	Type           string       `json:"type"`
	ControllerUUID string       `json:"controller-uuid"`
	IsController   bool         `json:"is-controller"`
	ProviderType   string       `json:"provider-type,omitempty"`
	CloudTag       string       `json:"cloud-tag"`
	CloudRegion    string       `json:"cloud-region"`
	Life           string       `json:"life"`
	Status         EntityStatus `json:"status"`
	SLA            *SLA         `json:"sla,omitempty"` // of 3.6
}

// SLA is what was once there for billing.
type SLA struct {
	Level string `json:"level"`
	Owner string `json:"owner"`
}

// EntityStatus is a model's status.
type EntityStatus struct {
	Status string     `json:"status"`
	Info   string     `json:"info"`
	Since  *time.Time `json:"since"`
}

// EntityCount is how many machines or units a model has.
type EntityCount struct {
	Entity string `json:"entity"`
	Count  int64  `json:"count"`
}

// controllerModel is the name of the model that a controller is in: no other has it.
const controllerModel = "controller"

func (c *call) modelHead(m *model.Model) modelHead {
	now := c.server.controller.Now()
	head := modelHead{
		Name: m.Name, UUID: m.UUID, Type: "iaas", ControllerUUID: c.server.controller.UUID(), CloudTag: cloudTag, CloudRegion: region,
		Life: string(model.Alive), Status: EntityStatus{Status: "available", Since: &now}, IsController: m.Name == controllerModel,
	}
	if !head.IsController {
		head.ProviderType = "unmanaged"
	}
	if c.version >= 11 {
		head.Qualifier = m.Owner
	} else {
		head.OwnerTag = wire.UserTag(m.Owner)
	}
	if c.server.controller.Profile().Meters {
		head.SLA = &SLA{}
	}
	return head
}

func listModelSummaries(c *call, params ModelSummaries) (ModelSummaryResults, error) {
	controller := c.server.controller
	name, ok := wire.ID(params.UserTag, "user")
	if !ok {
		return ModelSummaryResults{}, notTag(params.UserTag, "user")
	}
	superuser := controller.ControllerAccess(c.user) == model.Superuser
	if name != c.user && !superuser {
		return ModelSummaryResults{}, errPermission
	}
	results := ModelSummaryResults{Results: []ModelSummaryResult{}}
	for _, m := range controller.Models() {
		access := controller.ModelAccess(name, m.UUID)
		if access == model.NoAccess && !(params.All && superuser) {
			continue
		}
		shown := ModelSummary{modelHead: c.modelHead(m), Counts: counts(m), AgentVersion: controller.Profile().Version}
		if !params.All {
			shown.Access, shown.LastConnection = string(access), lastLogin(controller.LastLogin(name))
		}
		results.Results = append(results.Results, ModelSummaryResult{Result: &shown})
	}
	return results, nil
}

// counts leaves out what there is none of.
func counts(m *model.Model) []EntityCount {
	all := []EntityCount{}
	for _, c := range []EntityCount{{"machines", int64(len(m.MachineIDs()))}, {"units", int64(len(m.UnitNames("")))}} {
		if c.Count > 0 {
			all = append(all, c)
		}
	}
	return all
}

// ModelInfoResults is the result of ModelManager.ModelInfo, which juju show-model calls.
type ModelInfoResults struct {
	Results []ModelInfoResult `json:"results"`
}

// ModelInfoResult is one model, or an error.
type ModelInfoResult struct {
	Result *ModelInfo  `json:"result,omitempty"`
	Error  *wire.Error `json:"error,omitempty"`
}

// ModelInfo is what juju show-model shows. There are neither credentials of a cloud nor secrets.
type ModelInfo struct {
	modelHead
	Users          []ModelUser        `json:"users"`
	Machines       []ModelMachine     `json:"machines"`
	SecretBackends []struct{}         `json:"secret-backends"`
	AgentVersion   string             `json:"agent-version"`
	Features       []SupportedFeature `json:"supported-features,omitempty"`
}

// ModelUser is who may do what there.
type ModelUser struct {
	ModelTag       string     `json:"model-tag"`
	User           string     `json:"user"`
	DisplayName    string     `json:"display-name"`
	LastConnection *time.Time `json:"last-connection"`
	Access         string     `json:"access"`
}

// ModelMachine is one of its machines.
type ModelMachine struct {
	ID         string `json:"id"`
	InstanceID string `json:"instance-id,omitempty"`
	Status     string `json:"status,omitempty"`
}

// SupportedFeature is something that a charm may ask for.
type SupportedFeature struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Version     string `json:"version,omitempty"`
}

func modelInfo(c *call, params wire.Entities) (ModelInfoResults, error) {
	results := ModelInfoResults{Results: []ModelInfoResult{}}
	for _, e := range params.Entities {
		info, err := c.modelInfo(e.Tag)
		results.Results = append(results.Results, ModelInfoResult{Result: info, Error: inner(err)})
	}
	return results, nil
}

func (c *call) modelInfo(tag string) (*ModelInfo, error) {
	controller := c.server.controller
	id, ok := wire.ID(tag, "model")
	if !ok {
		return nil, notTag(tag, "model")
	}
	m, ok := controller.Model(id)
	if !ok {
		return nil, failure(wire.CodeNotFound, "invoking getDB: database not found")
	}
	superuser, own := controller.ControllerAccess(c.user) == model.Superuser, controller.ModelAccess(c.user, id)
	if own == model.NoAccess && !superuser {
		return nil, errPermission
	}
	version := controller.Profile().Version
	info := &ModelInfo{
		modelHead: c.modelHead(m), Users: []ModelUser{}, Machines: []ModelMachine{}, SecretBackends: []struct{}{}, AgentVersion: version,
		Features: []SupportedFeature{{"juju", "the version of Juju used by the model", version}},
	}
	for _, u := range controller.Users() {
		access := controller.ModelAccess(u.Name, id)
		if access == model.NoAccess || u.Name != c.user && own != model.Admin && !superuser {
			continue // Who is no administrator sees oneself.
		}
		info.Users = append(info.Users, ModelUser{
			User: u.Name, DisplayName: u.Display, LastConnection: lastLogin(u.LastLogin), Access: string(access),
		})
	}
	for _, machine := range m.FullStatus().Machines {
		info.Machines = append(info.Machines, ModelMachine{machine.ID, machine.InstanceID, machine.Agent.Current})
	}
	return info, nil
}

// UserInfoRequest is the parameters of UserManager.UserInfo, which juju users calls; without names all
// are meant.
type UserInfoRequest struct {
	Entities []wire.Entity `json:"entities"`
}

// UserInfoResults is its result.
type UserInfoResults struct {
	Results []UserInfoResult `json:"results"`
}

// UserInfoResult is one user, or an error.
type UserInfoResult struct {
	Result *UserInfo   `json:"result,omitempty"`
	Error  *wire.Error `json:"error,omitempty"`
}

// UserInfo is a line of juju users.
type UserInfo struct {
	Username       string     `json:"username"`
	DisplayName    string     `json:"display-name"`
	Access         string     `json:"access"`
	CreatedBy      string     `json:"created-by"`
	DateCreated    time.Time  `json:"date-created"`
	LastConnection *time.Time `json:"last-connection,omitempty"`
	Disabled       bool       `json:"disabled"`
}

// firstUser is the one that a controller is made with.
const firstUser = "admin"

// userInfo shows a superuser everyone, and others themselves.
func userInfo(c *call, params UserInfoRequest) (UserInfoResults, error) {
	results := UserInfoResults{Results: []UserInfoResult{}}
	users := c.server.controller.Users()
	if c.server.controller.ControllerAccess(c.user) != model.Superuser {
		users = slices.DeleteFunc(users, func(u model.User) bool { return u.Name != c.user })
	}
	show := func(u model.User) {
		results.Results = append(results.Results, UserInfoResult{Result: &UserInfo{
			Username: u.Name, DisplayName: u.Display, Access: string(u.Access), CreatedBy: firstUser, DateCreated: u.Created.UTC(),
			LastConnection: lastLogin(u.LastLogin),
		}})
	}
	if len(params.Entities) == 0 {
		for _, u := range users {
			show(u)
		}
		return results, nil
	}
	for _, e := range params.Entities {
		name, ok := wire.ID(e.Tag, "user")
		i := slices.IndexFunc(users, func(u model.User) bool { return u.Name == name })
		switch {
		case !ok:
			results.Results = append(results.Results, UserInfoResult{Error: inner(notTag(e.Tag, "user"))})
		case i < 0:
			results.Results = append(results.Results, UserInfoResult{Error: inner(errPermission)})
		default:
			show(users[i])
		}
	}
	return results, nil
}
