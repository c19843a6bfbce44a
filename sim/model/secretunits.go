package model

import (
	"errors"
	"fmt"
	"maps"
)

// SecretRead is what secret-get asks for.
type SecretRead struct {
	// ID is empty where Label, of the owner or the reader, names the secret.
	ID, Label string
	// Peek shows the newest revision; Refresh has the unit read it from now on.
	Peek, Refresh bool
}

// ReadSecret is secret-get: the content that a unit sees. Whoever reads is told of new revisions from
// then on, and so is who was refused.
func (m *Model) ReadSecret(unitName string, read SecretRead) (SecretContent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return nil, err
	}
	id := read.ID
	if id == "" {
		if id = m.labelled(u, read.Label); id == "" {
			return nil, errorf(NoCode, "secret URI for consumer label %q not found", read.Label)
		}
	}
	s := m.secrets[id]
	if s == nil {
		return nil, errorf(NoCode, "getting latest secret revision: secret not found")
	}
	c := s.consumers[u.name]
	if c == nil {
		c = &secretConsumer{revision: s.latest().number}
		s.consumers[u.name] = c
	}
	if read.ID != "" && read.Label != "" {
		c.label = read.Label
	}
	if !m.mayRead(u, s) {
		return nil, errorf(NoCode, "%q is not allowed to read this secret", u.name)
	}
	if read.Peek {
		return maps.Clone(s.latest().content), nil
	}
	if read.Refresh && c.revision != s.latest().number {
		c.revision = s.latest().number
		s.prune()
		m.bump() // who owns it may be told that an older revision is read no more
	}
	r := s.revision(c.revision)
	if r == nil {
		return nil, errorf(NoCode, "secret revision not found: secret:%s/%d", s.id, c.revision)
	}
	return maps.Clone(r.content), nil
}

// labelled is the secret that a unit knows by a label: as an owner or the owner's peer, or as a reader.
func (m *Model) labelled(u *unit, label string) string {
	for _, id := range m.secretOrder {
		s := m.secrets[id]
		own := s.kind == OwnedByApplication && s.owner == u.app.name || s.kind == OwnedByUnit && s.owner == u.name
		if c := s.consumers[u.name]; own && s.label == label || c != nil && c.label == label {
			return id
		}
	}
	return ""
}

// OwnSecrets is secret-ids and secret-info-get: the secrets that a unit may change.
func (v View) OwnSecrets() (own []Secret, err error) {
	err = v.read(func(u *unit) error {
		for _, id := range v.m.secretOrder {
			if s := v.m.secrets[id]; u.owns(s) {
				own = append(own, v.m.showSecret(s))
			}
		}
		return nil
	})
	return own, err
}

// GrantRelation says whether secrets can be granted to the other side of a relation.
func (v View) GrantRelation(relationID int) error {
	return v.read(func(u *unit) error {
		_, r, err := v.m.member(u.name, relationID)
		if err != nil {
			return err
		}
		if _, other, _ := r.side(u.app); other.app.foreign {
			return errorf(NoCode, "jujusim serves no secrets across models")
		}
		return nil
	})
}

// SecretWrite is one change of a secret that a hook or action has asked for.
type SecretWrite struct {
	// Do is what to do.
	Do SecretVerb
	ID string
	// Kind is a new secret's owner.
	Kind   SecretOwner
	Update SecretUpdate
	// Relation is that of a grant, noRelation for none; Target the application or unit, the other side where empty.
	Relation int
	Target   string
	// Revision is the one to remove; zero removes the secret.
	Revision int
}

// SecretVerb is what a SecretWrite does.
type SecretVerb string

// Verbs. SecretTrack has the unit read what it has written.
const (
	SecretAdd    SecretVerb = "add"
	SecretSet    SecretVerb = "set"
	SecretTrack  SecretVerb = "track"
	SecretGrant  SecretVerb = "grant"
	SecretRevoke SecretVerb = "revoke"
	SecretRemove SecretVerb = "remove"
)

// ErrSecretRefused is in the error of a Commit that changes a secret of somebody else.
var ErrSecretRefused = errors.New("permission denied")

// checkSecrets refuses changes of what is not the unit's.
func (m *Model) checkSecrets(u *unit, writes []SecretWrite) error {
	added := map[string]bool{}
	for _, w := range writes {
		if w.Do == SecretAdd {
			if w.Kind == OwnedByApplication && u.app.leader != u.name {
				return fmt.Errorf("%w: %s is not the leader", ErrSecretRefused, u.name)
			}
			added[w.ID] = true
			continue
		}
		if s := m.secrets[w.ID]; !added[w.ID] && (s == nil || !u.owns(s)) {
			return fmt.Errorf("%w: secret %s is not one of %s", ErrSecretRefused, w.ID, u.name)
		}
	}
	return nil
}

// commitSecrets makes the changes; the caller holds the lock and has checked them.
func (m *Model) commitSecrets(u *unit, writes []SecretWrite) {
	for _, w := range writes {
		s := m.secrets[w.ID]
		if w.Do == SecretAdd {
			owner := u.name
			if w.Kind == OwnedByApplication {
				owner = u.app.name
			}
			s = m.newSecret(w.ID, w.Kind, owner, w.Update.Content)
			s.label, s.description = w.Update.Label, w.Update.Description
			continue
		}
		if s == nil {
			continue // removed before by the same hook
		}
		switch w.Do {
		case SecretSet:
			m.update(s, w.Update)
		case SecretTrack:
			if c := s.consumers[u.name]; c != nil {
				c.revision = s.latest().number
			}
		case SecretGrant:
			if a, ok := m.accessOf(u, w); ok {
				s.grant(a)
			}
		case SecretRevoke:
			a, _ := m.accessOf(u, w)
			s.revoke(a)
		case SecretRemove:
			var revisions []int
			if w.Revision > 0 {
				revisions = []int{w.Revision}
			}
			m.dropSecret(s, revisions)
		}
	}
}

// accessOf is the grant that a write is about, and whether its relation is there.
func (m *Model) accessOf(u *unit, w SecretWrite) (secretAccess, bool) {
	a := secretAccess{target: w.Target, relation: w.Relation}
	r := m.relations[w.Relation]
	if r == nil {
		return a, false
	}
	_, other, ok := r.side(u.app)
	if a.target == "" && ok {
		a.target = other.app.name
	}
	a.scope = "relation-" + r.endpoints[0].app.name + "." + r.endpoints[0].name
	if !r.peer() {
		a.scope += "#" + r.endpoints[1].app.name + "." + r.endpoints[1].name
	}
	return a, ok
}

// NoRelation is the Relation of a SecretWrite that is about none.
const NoRelation = noRelation

// SecretNotice is a revision that a unit is to be told of.
type SecretNotice struct {
	ID, Label string
	Revision  int
}

// secretNotices are the newest revisions of what a unit reads, where it reads an older one, and for who
// owns a secret the revisions that nobody reads any more.
func (m *Model) secretNotices(u *unit) (changed, obsolete []SecretNotice) {
	for _, id := range m.secretOrder {
		s := m.secrets[id]
		if c := s.consumers[u.name]; c != nil && c.revision < s.latest().number {
			label := c.label
			if s.owner == u.name || s.owner == u.app.name {
				label = s.label
			}
			changed = append(changed, SecretNotice{id, label, s.latest().number})
		}
		if !u.owns(s) {
			continue
		}
		for _, r := range s.revisions {
			if s.obsolete(r) {
				obsolete = append(obsolete, SecretNotice{id, s.label, r.number})
			}
		}
	}
	return changed, obsolete
}
