package model

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// SecretOwner is what kind of owner a secret has.
type SecretOwner string

// Kinds of owners: the model's secrets are those of users.
const (
	OwnedByModel       SecretOwner = "model"
	OwnedByApplication SecretOwner = "application"
	OwnedByUnit        SecretOwner = "unit"
)

// SecretContent are a revision's values by key, in base64 as Juju has them.
type SecretContent map[string]string

// Checksum is what tells whether a new content differs from the last one.
func (c SecretContent) Checksum() string {
	data, err := json.Marshal(c)
	if err != nil {
		panic(err) // a map of strings
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// secret is kept until its owner removes it, or goes.
type secret struct {
	id          string
	kind        SecretOwner
	owner       string // an application or a unit; empty for the model
	label       string
	description string
	created     time.Time
	updated     time.Time
	revisions   []*secretRevision // oldest first, never empty
	last        int               // the newest number that was given
	access      []secretAccess
	prunes      bool // revisions that nobody reads any more go by themselves
	consumers   map[string]*secretConsumer
}

type secretRevision struct {
	number           int
	content          SecretContent
	created, updated time.Time
}

// secretAccess lets an application or one unit read, for as long as the relation is there; relation is
// -1 for one that a user has granted.
type secretAccess struct {
	target   string // an application's or a unit's name
	relation int
	scope    string // a tag, for users to see
}

// secretConsumer is a unit that has read a secret, or has tried to.
type secretConsumer struct {
	revision int
	label    string
}

func (s *secret) latest() *secretRevision { return s.revisions[len(s.revisions)-1] }

func (s *secret) revision(number int) *secretRevision {
	i := slices.IndexFunc(s.revisions, func(r *secretRevision) bool { return r.number == number })
	if i < 0 {
		return nil
	}
	return s.revisions[i]
}

// obsolete says that a revision is no more than history: a newer one is there, and nobody reads this one.
func (s *secret) obsolete(r *secretRevision) bool {
	if r == s.latest() {
		return false
	}
	for _, c := range s.consumers {
		if c.revision == r.number {
			return false
		}
	}
	return true
}

// prune removes what is obsolete where nobody is told of it.
func (s *secret) prune() {
	if s.prunes {
		s.revisions = slices.DeleteFunc(slices.Clone(s.revisions), s.obsolete)
	}
}

var secretKey = regexp.MustCompile(`^([a-z](?:-?[a-z0-9]){2,})$`)

// CheckSecretKey refuses a key as Juju's programs do. The API takes any.
func CheckSecretKey(key string) error {
	if !secretKey.MatchString(key) {
		return errorf(NotValid, "key %q not valid", key)
	}
	return nil
}

// ParseSecretValue reads a key=value word; key#base64=value has the value encoded already.
func ParseSecretValue(word string) (key, encoded string, err error) {
	key, value, found := strings.Cut(word, "=")
	if !found {
		return "", "", errorf(NotValid, "key value %q not valid", word)
	}
	key, form, _ := strings.Cut(key, "#")
	if err := CheckSecretKey(key); err != nil {
		return "", "", err
	}
	switch form {
	case "":
		return key, base64.StdEncoding.EncodeToString([]byte(value)), nil
	case "base64":
		if _, err := base64.StdEncoding.DecodeString(value); err != nil {
			return "", "", errorf(NotValid, "base64 value of key %q not valid", key)
		}
		return key, value, nil
	}
	return "", "", errorf(NotValid, "jujusim does not serve values of the form #%s", form)
}

// secretURI has an id as Juju makes them: 96 bits in base 32, so that the last character is one of two.
var secretURI = regexp.MustCompile(`^(?:secret:)?(?://[0-9a-f-]{36}/)?([0-9a-v]{19}[0g])$`)

// ParseSecretURI gives the id in secret:ID, secret://MODEL/ID or ID.
func ParseSecretURI(text string) (id string, err error) {
	found := secretURI.FindStringSubmatch(text)
	if found == nil {
		return "", errorf(NotValid, "secret URI %q not valid", text)
	}
	return found[1], nil
}

var secretEncoding = base32.HexEncoding.WithPadding(base32.NoPadding)

// NewSecretID makes an id that nobody has had.
func NewSecretID() string {
	raw := make([]byte, 12)
	_, _ = rand.Read(raw) // it never fails
	return strings.ToLower(secretEncoding.EncodeToString(raw))
}

// newSecret makes a secret with its first revision; the caller holds the lock.
func (m *Model) newSecret(id string, kind SecretOwner, owner string, content SecretContent) *secret {
	now := m.now()
	s := &secret{id: id, kind: kind, owner: owner, created: now, updated: now, consumers: map[string]*secretConsumer{}}
	m.secrets[id] = s
	m.secretOrder = append(m.secretOrder, id)
	s.revise(content, now)
	return s
}

// revise adds a revision, if the content is another.
func (s *secret) revise(content SecretContent, now time.Time) bool {
	if len(s.revisions) > 0 && s.latest().content.Checksum() == content.Checksum() {
		return false
	}
	s.last++
	s.updated = now
	s.revisions = append(s.revisions, &secretRevision{number: s.last, content: maps.Clone(content), created: now, updated: now})
	s.prune()
	return true
}

// dropSecret removes a secret, or some of its revisions.
func (m *Model) dropSecret(s *secret, revisions []int) {
	s.revisions = slices.DeleteFunc(slices.Clone(s.revisions), func(r *secretRevision) bool { return slices.Contains(revisions, r.number) })
	if len(revisions) > 0 && len(s.revisions) > 0 {
		return
	}
	delete(m.secrets, s.id)
	m.secretOrder = slices.DeleteFunc(m.secretOrder, func(id string) bool { return id == s.id })
}

// secretsWithout forgets a unit, or an application, as owner and as reader.
func (m *Model) secretsWithout(kind SecretOwner, name string) {
	for _, id := range slices.Clone(m.secretOrder) {
		s := m.secrets[id]
		if s.kind == kind && s.owner == name {
			m.dropSecret(s, nil)
			continue
		}
		delete(s.consumers, name)
		s.access = slices.DeleteFunc(s.access, func(a secretAccess) bool { return a.target == name })
		s.prune()
	}
}

// mayRead says whether a unit may see what is in a secret: a unit's own, the application's among peers,
// and what was granted for as long as its relation is there.
func (m *Model) mayRead(u *unit, s *secret) bool {
	if s.kind == OwnedByUnit && s.owner == u.name || s.kind == OwnedByApplication && s.owner == u.app.name {
		return true
	}
	return slices.ContainsFunc(m.granted(s), func(a secretAccess) bool { return a.target == u.app.name || a.target == u.name })
}

// granted are the grants that hold: one for a relation ends with it.
func (m *Model) granted(s *secret) []secretAccess {
	s.access = slices.DeleteFunc(s.access, func(a secretAccess) bool { return a.relation >= 0 && m.relations[a.relation] == nil })
	return s.access
}

// owns says whether a unit may change a secret: its own, and as the leader the application's.
func (u *unit) owns(s *secret) bool {
	return s.kind == OwnedByUnit && s.owner == u.name || s.kind == OwnedByApplication && s.owner == u.app.name && u.app.leader == u.name
}
