package server

import (
	"time"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
)

var controllerMethods = map[string]method{
	"ControllerVersion": {run: typed(func(c *call, _ struct{}) (any, error) {
		return map[string]string{"version": c.server.controller.Profile().Version, "git-commit": ""}, nil
	})},
	"WatchAllModels": {run: typed(func(*call, struct{}) (any, error) {
		return nil, failure(wire.CodeNotImplemented, "WatchAllModels not implemented")
	})},
	"WatchModelSummaries": {run: typed(func(*call, struct{}) (any, error) {
		return nil, failure(wire.CodeNotSupported, "WatchModelSummaries not supported")
	})},
}

var modelManagerMethods = map[string]method{
	"ListModels":         {run: typed(listModels)},
	"ListModelSummaries": {run: typed(listModelSummaries)},
	"ModelInfo":          {run: typed(modelInfo)},
	"ModifyModelAccess":  {run: typed(modifyModelAccess)},
}

// listModels reports a user's models; one's own, or anyone's for a superuser.
func listModels(c *call, params wire.Entity) (wire.UserModelList, error) {
	s := c.server
	name, ok := wire.ID(params.Tag, "user")
	if !ok {
		return wire.UserModelList{}, notTag(params.Tag, "user")
	}
	superuser := s.controller.ControllerAccess(c.user) == model.Superuser
	if name != c.user && !superuser {
		return wire.UserModelList{}, errPermission
	}
	all := s.controller.ControllerAccess(name) == model.Superuser
	var list wire.UserModelList
	for _, m := range s.controller.Models() {
		if !all && s.controller.ModelAccess(name, m.UUID) == model.NoAccess {
			continue
		}
		entry := wire.ModelEntry{Name: m.Name, UUID: m.UUID, Type: "iaas"}
		if c.version >= 11 {
			entry.Qualifier = m.Owner
		} else {
			entry.OwnerTag = wire.UserTag(m.Owner)
		}
		list.UserModels = append(list.UserModels, wire.UserModel{Model: entry, LastConnection: lastLogin(s.controller.LastLogin(name))})
	}
	return list, nil
}

func lastLogin(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.Truncate(time.Second)
	return &t
}

// ModifyAccess is the parameters of ModelManager.ModifyModelAccess.
type ModifyAccess struct {
	Changes []AccessChange `json:"changes"`
}

// AccessChange grants or revokes.
type AccessChange struct {
	UserTag  string `json:"user-tag"`
	Action   string `json:"action"`
	Access   string `json:"access"`
	ModelTag string `json:"model-tag"`
}

func modifyModelAccess(c *call, params ModifyAccess) (wire.ErrorResults, error) {
	results := wire.ErrorResults{Results: []wire.ErrorResult{}}
	for _, change := range params.Changes {
		results.Results = append(results.Results, wire.ErrorResult{Error: inner(c.modifyAccess(change))})
	}
	return results, nil
}

func (c *call) modifyAccess(change AccessChange) error {
	controller := c.server.controller
	user, ok := wire.ID(change.UserTag, "user")
	if !ok {
		return notTag(change.UserTag, "user")
	}
	id, ok := wire.ID(change.ModelTag, "model")
	if !ok {
		return notTag(change.ModelTag, "model")
	}
	if controller.ControllerAccess(c.user) != model.Superuser && controller.ModelAccess(c.user, id) != model.Admin {
		return errPermission
	}
	switch access, has := model.Access(change.Access), controller.ModelAccess(user, id); change.Action {
	case "grant":
		if has != model.NoAccess && has.Covers(access) {
			return failure(wire.CodeAlreadyExists, "user already has \""+change.Access+"\" access or greater")
		}
		return controller.Grant(user, id, access)
	case "revoke":
		return controller.Grant(user, id, below(access))
	}
	return failure(wire.CodeNotValid, "unknown action "+quote(change.Action))
}

// below is what is left when an access is revoked.
func below(access model.Access) model.Access {
	switch access {
	case model.Admin:
		return model.Write
	case model.Write:
		return model.Read
	}
	return model.NoAccess
}

var userManagerMethods = map[string]method{
	"AddUser":     {run: typed(addUser)},
	"SetPassword": {run: typed(setPassword)},
	"UserInfo":    {run: typed(userInfo)},
}

// AddUsers is the parameters of UserManager.AddUser.
type AddUsers struct {
	Users []AddUser `json:"users"`
}

// AddUser is a user to make. Jujusim asks for a password, where Juju can also make a registration
// key.
type AddUser struct {
	Username    string `json:"username"`
	DisplayName string `json:"display-name"`
	Password    string `json:"password,omitempty"`
}

// AddUserResults is its result.
type AddUserResults struct {
	Results []AddUserResult `json:"results"`
}

// AddUserResult is a user's tag, or an error.
type AddUserResult struct {
	Tag   string      `json:"tag,omitempty"`
	Error *wire.Error `json:"error,omitempty"`
}

func addUser(c *call, params AddUsers) (AddUserResults, error) {
	if c.server.controller.ControllerAccess(c.user) != model.Superuser {
		return AddUserResults{}, errPermission
	}
	results := AddUserResults{Results: []AddUserResult{}}
	for _, u := range params.Users {
		err := failure(wire.CodeNotSupported, "jujusim makes users with a password only")
		if u.Password != "" {
			_, err = c.server.controller.AddUser(u.Username, u.DisplayName, u.Password)
		}
		if err != nil {
			results.Results = append(results.Results, AddUserResult{Error: inner(err)})
			continue
		}
		results.Results = append(results.Results, AddUserResult{Tag: wire.UserTag(u.Username)})
	}
	return results, nil
}

// SetPasswords is the parameters of UserManager.SetPassword.
type SetPasswords struct {
	Changes []SetPassword `json:"changes"`
}

// SetPassword changes one's own password, or anyone's as a superuser.
type SetPassword struct {
	Tag      string `json:"tag"`
	Password string `json:"password"`
}

func setPassword(c *call, params SetPasswords) (wire.ErrorResults, error) {
	results := wire.ErrorResults{Results: []wire.ErrorResult{}}
	for _, change := range params.Changes {
		name, ok := wire.ID(change.Tag, "user")
		err := notTag(change.Tag, "user")
		switch {
		case !ok:
		case name != c.user && c.server.controller.ControllerAccess(c.user) != model.Superuser:
			err = errPermission
		case change.Password == "":
			err = failure(wire.CodeNotValid, "cannot use an empty password")
		default:
			_, err = c.server.controller.SetPassword(name, change.Password)
		}
		results.Results = append(results.Results, wire.ErrorResult{Error: inner(err)})
	}
	return results, nil
}
