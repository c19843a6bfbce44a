package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Codes of secrets that are not there.
const (
	SecretNotFound         Code = "secret not found"
	SecretRevisionNotFound Code = "secret revision not found"
)

// Secret is a secret as its owner sees it.
type Secret struct {
	ID          string
	Kind        SecretOwner
	Owner       string // empty for the model
	Label       string
	Description string
	Created     time.Time
	Updated     time.Time
	Revisions   []SecretRevision // oldest first
	Access      []SecretAccess
}

// SecretRevision is one revision of a secret.
type SecretRevision struct {
	Number           int
	Created, Updated time.Time
	Content          SecretContent
}

// SecretAccess is who may read a secret, as tags.
type SecretAccess struct{ Target, Scope string }

// Latest is the newest revision.
func (s Secret) Latest() SecretRevision { return s.Revisions[len(s.Revisions)-1] }

func (m *Model) showSecret(s *secret) Secret {
	shown := Secret{ID: s.id, Kind: s.kind, Owner: s.owner, Label: s.label, Description: s.description, Created: s.created, Updated: s.updated}
	for _, r := range s.revisions {
		shown.Revisions = append(shown.Revisions, SecretRevision{r.number, r.created, r.updated, maps.Clone(r.content)})
	}
	for _, a := range m.granted(s) {
		shown.Access = append(shown.Access, SecretAccess{targetTag(a.target), a.scope})
	}
	return shown
}

// targetTag is the tag of an application or a unit.
func targetTag(name string) string {
	if strings.Contains(name, "/") {
		return "unit-" + strings.ReplaceAll(name, "/", "-")
	}
	return "application-" + name
}

// Secrets are all of the model's, in the order in which they were made.
func (m *Model) Secrets() []Secret {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Secret
	for _, id := range m.secretOrder {
		all = append(all, m.showSecret(m.secrets[id]))
	}
	return all
}

// SecretRef names a secret of a user, by its id or its name.
type SecretRef struct{ ID, Label string }

// userSecret finds a secret that users may change: those of charms are none of theirs.
func (m *Model) userSecret(ref SecretRef) (*secret, error) {
	for _, id := range m.secretOrder {
		s := m.secrets[id]
		if s.kind == OwnedByModel && (ref.ID == id || ref.ID == "" && ref.Label == s.label) {
			return s, nil
		}
	}
	if ref.ID != "" {
		return nil, errorf(SecretNotFound, "secret %q not found", ref.ID)
	}
	return nil, errorf(SecretNotFound, "getting user secret for label %q: secret with label %q not found", ref.Label, ref.Label)
}

// UserSecret is a secret that users may change.
func (m *Model) UserSecret(ref SecretRef) (Secret, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.userSecret(ref)
	if err != nil {
		return Secret{}, err
	}
	return m.showSecret(s), nil
}

// AddSecret makes a secret of a user, and returns its id.
func (m *Model) AddSecret(name, description string, content SecretContent) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(content) == 0 {
		return "", errorf(NotValid, "empty secret value not valid")
	}
	if err := m.freeName(name); err != nil {
		return "", err
	}
	s := m.newSecret(NewSecretID(), OwnedByModel, "", content)
	s.label, s.description = name, description
	m.bump()
	return s.id, nil
}

func (m *Model) freeName(name string) error {
	if name == "" {
		return nil
	}
	if _, err := m.userSecret(SecretRef{Label: name}); err == nil {
		return errorf(AlreadyExists, "secret with name %q already exists", name)
	}
	return nil
}

// SecretUpdate is what is to change in a secret; what is empty stays.
type SecretUpdate struct {
	Content            SecretContent
	Label, Description string
	AutoPrune          *bool
}

// UpdateSecret changes a secret of a user: another content is a new revision.
func (m *Model) UpdateSecret(ref SecretRef, u SecretUpdate) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.userSecret(ref)
	if err != nil {
		return err
	}
	if u.Label != "" && u.Label != s.label {
		if err := m.freeName(u.Label); err != nil {
			return err
		}
	}
	m.update(s, u)
	m.bump()
	return nil
}

// update makes the changes; the caller holds the lock and has checked them.
func (m *Model) update(s *secret, u SecretUpdate) {
	now := m.now()
	if u.Label != "" {
		s.label = u.Label
	}
	if u.Description != "" {
		s.description = u.Description
	}
	if u.AutoPrune != nil {
		s.prunes = *u.AutoPrune
	}
	if len(u.Content) == 0 || !s.revise(u.Content, now) {
		s.updated, s.latest().updated = now, now
	}
	s.prune()
}

// RemoveSecret removes a secret of a user, or some of its revisions.
func (m *Model) RemoveSecret(ref SecretRef, revisions []int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.userSecret(ref)
	if err != nil {
		return err
	}
	for _, number := range revisions {
		if s.revision(number) == nil {
			return errorf(SecretRevisionNotFound, "secret revision not found: secret:%s/%d", s.id, number)
		}
	}
	m.dropSecret(s, revisions)
	m.bump()
	return nil
}

// GrantSecret lets an application read a secret of a user; it tells nobody.
func (m *Model) GrantSecret(ref SecretRef, application string) error {
	return m.changeAccess(ref, application, true)
}

// RevokeSecret takes that back.
func (m *Model) RevokeSecret(ref SecretRef, application string) error {
	return m.changeAccess(ref, application, false)
}

func (m *Model) changeAccess(ref SecretRef, application string, grant bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.userSecret(ref)
	if err != nil {
		return err
	}
	if m.applications[application] == nil {
		return errorf(NoCode, "cannot change access to %q for %q: application %q not found", "secret:"+s.id, application, application)
	}
	access := secretAccess{target: application, relation: noRelation, scope: fmt.Sprintf("model-%s", m.UUID)}
	if grant {
		s.grant(access)
	} else {
		s.revoke(access)
	}
	m.bump()
	return nil
}

// noRelation is the relation of a grant that is for none.
const noRelation = -1

func (s *secret) grant(a secretAccess) {
	if !slices.Contains(s.access, a) {
		s.access = append(s.access, a)
	}
}

// revoke takes a grant back; one for any relation, where the given one names none.
func (s *secret) revoke(a secretAccess) {
	s.access = slices.DeleteFunc(slices.Clone(s.access), func(b secretAccess) bool {
		return a.target == b.target && (a.relation == noRelation || a.relation == b.relation)
	})
}
