package wire

import "time"

// UserModelList is the result of ModelManager.ListModels, whose parameters are an Entity: the user's tag.
type UserModelList struct {
	UserModels []UserModel `json:"user-models"`
}

// UserModel is a model that a user can see.
type UserModel struct {
	Model          ModelEntry `json:"model"`
	LastConnection *time.Time `json:"last-connection"`
}

// ModelEntry names a model. Qualifier is sent by version 11 in place of OwnerTag.
type ModelEntry struct {
	Name      string `json:"name"`
	Qualifier string `json:"qualifier,omitempty"`
	UUID      string `json:"uuid"`
	Type      string `json:"type"`
	OwnerTag  string `json:"owner-tag,omitempty"`
}
