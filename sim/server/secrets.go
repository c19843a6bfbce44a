package server

import (
	"fmt"
	"slices"
	"time"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
)

// Secrets are kept in the model, without a clock that would let them expire, and nowhere else.
var secretsMethods = map[string]method{
	"ListSecrets":   {need: model.Read, run: typed(listSecrets)},
	"CreateSecrets": {need: model.Write, changes: true, run: typed(createSecrets)},
	"UpdateSecrets": {need: model.Write, changes: true, run: typed(updateSecrets)},
	"RemoveSecrets": {need: model.Write, changes: true, run: typed(removeSecrets)},
	"GrantSecret":   {need: model.Write, changes: true, run: typed(grantSecret)},
	"RevokeSecret":  {need: model.Write, changes: true, run: typed(revokeSecret)},
}

// SecretsFilter says which secrets are listed; one that is empty lets all through.
type SecretsFilter struct {
	URI      string `json:"uri,omitempty"`
	Label    string `json:"label,omitempty"`
	Revision *int   `json:"revision,omitempty"`
	OwnerTag string `json:"owner-tag,omitempty"`
}

// ListSecrets is the parameters of Secrets.ListSecrets.
type ListSecrets struct {
	ShowSecrets bool          `json:"show-secrets"`
	Filter      SecretsFilter `json:"filter"`
}

// SecretsResults is the result of Secrets.ListSecrets.
type SecretsResults struct {
	Results []Secret `json:"results"`
}

// Secret is one secret, as the recordings have it.
type Secret struct {
	URI            string           `json:"uri"`
	Version        int              `json:"version"`
	OwnerTag       string           `json:"owner-tag"`
	RotatePolicy   string           `json:"rotate-policy"`
	Description    string           `json:"description,omitempty"`
	Label          string           `json:"label,omitempty"`
	LatestRevision int              `json:"latest-revision"`
	LatestChecksum string           `json:"latest-revision-checksum"`
	CreateTime     time.Time        `json:"create-time"`
	UpdateTime     time.Time        `json:"update-time"`
	Revisions      []SecretRevision `json:"revisions"`
	Value          *SecretValue     `json:"value,omitempty"`
	Access         []SecretAccess   `json:"access,omitempty"`
}

// SecretRevision is one revision of a secret.
type SecretRevision struct {
	Revision    int       `json:"revision"`
	BackendName string    `json:"backend-name"`
	CreateTime  time.Time `json:"create-time"`
	UpdateTime  time.Time `json:"update-time"`
}

// SecretValue are a secret's values by key, in base64.
type SecretValue struct {
	Data model.SecretContent `json:"data"`
}

// SecretAccess is who may read a secret.
type SecretAccess struct {
	TargetTag string `json:"target-tag"`
	ScopeTag  string `json:"scope-tag"`
	Role      string `json:"role"`
}

func listSecrets(c *call, params ListSecrets) (SecretsResults, error) {
	results := SecretsResults{Results: []Secret{}}
	if params.ShowSecrets && !c.server.controller.ModelAccess(c.user, c.model.UUID).Covers(model.Admin) {
		return results, errPermission
	}
	id := ""
	if params.Filter.URI != "" {
		var err error
		if id, err = model.ParseSecretURI(params.Filter.URI); err != nil {
			return results, err
		}
	}
	for _, s := range c.model.Secrets() {
		shown := shownSecret(c.model.UUID, s)
		switch f := params.Filter; {
		case id != "" && s.ID != id, f.Label != "" && s.Label != f.Label, f.OwnerTag != "" && shown.OwnerTag != f.OwnerTag:
			continue
		case f.Revision != nil:
			i := slices.IndexFunc(s.Revisions, func(r model.SecretRevision) bool { return r.Number == *f.Revision })
			if i < 0 {
				continue
			}
			s.Revisions = s.Revisions[i : i+1]
			shown.Revisions = shown.Revisions[i : i+1]
		}
		if params.ShowSecrets {
			shown.Value = &SecretValue{s.Latest().Content}
		}
		results.Results = append(results.Results, shown)
	}
	return results, nil
}

func shownSecret(modelUUID string, s model.Secret) Secret {
	shown := Secret{
		URI: "secret:" + s.ID, Version: 1, RotatePolicy: "never", Description: s.Description, Label: s.Label,
		LatestRevision: s.Latest().Number, LatestChecksum: s.Latest().Content.Checksum(), CreateTime: s.Created, UpdateTime: s.Updated,
	}
	switch s.Kind {
	case model.OwnedByApplication:
		shown.OwnerTag = wire.ApplicationTag(s.Owner)
	case model.OwnedByUnit:
		shown.OwnerTag = wire.UnitTag(s.Owner)
	default:
		shown.OwnerTag = "model-" + modelUUID
	}
	for _, r := range s.Revisions {
		shown.Revisions = append(shown.Revisions, SecretRevision{r.Number, "internal", r.Created, r.Updated})
	}
	for _, a := range s.Access {
		shown.Access = append(shown.Access, SecretAccess{a.Target, a.Scope, "view"})
	}
	return shown
}

// CreateSecrets is the parameters of Secrets.CreateSecrets.
type CreateSecrets struct {
	Args []CreateSecret `json:"args"`
}

// CreateSecret asks for one secret of the model. It has no rotation and does not expire.
type CreateSecret struct {
	Description string      `json:"description,omitempty"`
	Label       string      `json:"label,omitempty"`
	Content     SecretValue `json:"content"`
	OwnerTag    string      `json:"owner-tag"`
}

// StringResults is a text or an error for each thing that was asked for.
type StringResults struct {
	Results []StringResult `json:"results"`
}

// StringResult is a text, or an error.
type StringResult struct {
	Error  *wire.Error `json:"error,omitempty"`
	Result string      `json:"result"`
}

func createSecrets(c *call, params CreateSecrets) (StringResults, error) {
	results := StringResults{Results: []StringResult{}}
	for _, s := range params.Args {
		if s.OwnerTag != "" && s.OwnerTag != c.model.UUID {
			results.Results = append(results.Results, StringResult{Error: inner(failure(wire.CodeNotValid, fmt.Sprintf("owner tag %q not valid", s.OwnerTag)))})
			continue
		}
		id, err := c.model.AddSecret(s.Label, s.Description, s.Content.Data)
		if err != nil {
			results.Results = append(results.Results, StringResult{Error: inner(err)})
			continue
		}
		results.Results = append(results.Results, StringResult{Result: "secret:" + id})
	}
	return results, nil
}

// UpdateSecrets is the parameters of Secrets.UpdateSecrets.
type UpdateSecrets struct {
	Args []UpdateSecret `json:"args"`
}

// UpdateSecret is what is to change in one secret.
type UpdateSecret struct {
	Description   string      `json:"description,omitempty"`
	Label         string      `json:"label,omitempty"`
	Content       SecretValue `json:"content"`
	URI           string      `json:"uri"`
	ExistingLabel string      `json:"existing-label"`
	AutoPrune     *bool       `json:"auto-prune,omitempty"`
}

func updateSecrets(c *call, params UpdateSecrets) (wire.ErrorResults, error) {
	results := wire.ErrorResults{Results: []wire.ErrorResult{}}
	for _, u := range params.Args {
		ref, err := secretRef(u.URI, u.ExistingLabel)
		if err == nil {
			err = c.model.UpdateSecret(ref, model.SecretUpdate{Content: u.Content.Data, Label: u.Label, Description: u.Description, AutoPrune: u.AutoPrune})
		}
		results.Results = append(results.Results, wire.ErrorResult{Error: inner(err)})
	}
	return results, nil
}

func secretRef(uri, label string) (model.SecretRef, error) {
	if uri == "" {
		if label == "" {
			return model.SecretRef{}, failure(wire.CodeNotValid, "must specify either URI or label")
		}
		return model.SecretRef{Label: label}, nil
	}
	id, err := model.ParseSecretURI(uri)
	return model.SecretRef{ID: id}, err
}

// RemoveSecrets is the parameters of Secrets.RemoveSecrets.
type RemoveSecrets struct {
	Args []RemoveSecret `json:"args"`
}

// RemoveSecret names a secret, or revisions of it.
type RemoveSecret struct {
	URI       string `json:"uri"`
	Label     string `json:"label"`
	Revisions []int  `json:"revisions,omitempty"`
}

func removeSecrets(c *call, params RemoveSecrets) (wire.ErrorResults, error) {
	results := wire.ErrorResults{Results: []wire.ErrorResult{}}
	for _, r := range params.Args {
		ref, err := secretRef(r.URI, r.Label)
		if err == nil {
			err = c.model.RemoveSecret(ref, r.Revisions)
		}
		results.Results = append(results.Results, wire.ErrorResult{Error: inner(err)})
	}
	return results, nil
}

// SecretGrants is the parameters of Secrets.GrantSecret and RevokeSecret.
type SecretGrants struct {
	URI          string   `json:"uri"`
	Label        string   `json:"label"`
	Applications []string `json:"applications"`
}

func grantSecret(c *call, params SecretGrants) (wire.ErrorResults, error) {
	return changeGrants(c, params, c.model.GrantSecret)
}

func revokeSecret(c *call, params SecretGrants) (wire.ErrorResults, error) {
	return changeGrants(c, params, c.model.RevokeSecret)
}

// changeGrants fails as a whole where there is no such secret.
func changeGrants(c *call, params SecretGrants, change func(model.SecretRef, string) error) (wire.ErrorResults, error) {
	results := wire.ErrorResults{Results: []wire.ErrorResult{}}
	ref, err := secretRef(params.URI, params.Label)
	if err == nil {
		_, err = c.model.UserSecret(ref)
	}
	if err != nil {
		return results, err
	}
	for _, application := range params.Applications {
		results.Results = append(results.Results, wire.ErrorResult{Error: inner(change(ref, application))})
	}
	return results, nil
}
