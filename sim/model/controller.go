package model

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"jujuetcd.io/sim/profile"
)

// Access is what a user may do with a model or with the controller.
type Access string

// Accesses to a model, and to the controller.
const (
	NoAccess  Access = ""
	Read      Access = "read"
	Write     Access = "write"
	Admin     Access = "admin"
	Login     Access = "login"
	Superuser Access = "superuser"
)

var modelAccess = []Access{NoAccess, Read, Write, Admin}

// Covers says that this access to a model includes the other.
func (a Access) Covers(other Access) bool {
	return slices.Index(modelAccess, a) >= slices.Index(modelAccess, other)
}

// Options of a Controller; zero values are useful.
type Options struct {
	Profile profile.Profile
	UUID    string
	Now     func() time.Time
	Pace    Pace
	// Lease is how long leadership stays with a unit whose agent is gone: 30 s where zero.
	Lease time.Duration
	// Spaces are those that the substrate has beside DefaultSpace.
	Spaces []string
}

// Controller holds users and models.
type Controller struct {
	options Options

	mu     sync.Mutex
	users  map[string]*user
	models map[string]*Model
	order  []string

	mirrors sync.WaitGroup // of relations across models
}

type user struct {
	name, display string
	salt, hash    []byte
	access        Access
	created       time.Time
	lastLogin     time.Time
	models        map[string]Access
}

// NewController makes a controller without users and models.
func NewController(o Options) *Controller {
	if o.UUID == "" {
		o.UUID = uuid.NewString()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Profile.Name == "" {
		o.Profile = profile.V40
	}
	if o.Lease == 0 {
		o.Lease = 30 * time.Second
	}
	return &Controller{options: o, users: map[string]*user{}, models: map[string]*Model{}}
}

// Close ends timers and wakes all who wait. The state can still be read.
func (c *Controller) Close() {
	for _, m := range c.Models() {
		m.Close()
	}
	c.mirrors.Wait()
}

// UUID of the controller.
func (c *Controller) UUID() string { return c.options.UUID }

// Profile that the controller plays.
func (c *Controller) Profile() profile.Profile { return c.options.Profile }

// Now is the controller's clock, in UTC.
func (c *Controller) Now() time.Time { return c.options.Now().UTC() }

// AddUser makes a user who may log in, and returns the password, which is made up where none is given.
func (c *Controller) AddUser(name, display, password string) (string, error) {
	if !validUser.MatchString(name) {
		return "", errorf(NotValid, "invalid user name %q", name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.users[name]; ok {
		return "", errorf(AlreadyExists, "user %q already exists", name)
	}
	u := &user{name: name, display: display, access: Login, created: c.Now(), models: map[string]Access{}}
	c.users[name] = u
	return u.setPassword(password), nil
}

// SetPassword changes a user's password and returns it, made up where none is given.
func (c *Controller) SetPassword(name, password string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u, ok := c.users[name]
	if !ok {
		return "", errorf(NotFound, "user %q not found", name)
	}
	return u.setPassword(password), nil
}

func (u *user) setPassword(password string) string {
	if password == "" {
		random := make([]byte, 18)
		rand.Read(random) // Never fails, says its doc.
		password = base64.RawURLEncoding.EncodeToString(random)
	}
	u.salt = make([]byte, 16)
	rand.Read(u.salt)
	u.hash = digest(u.salt, password)
	return password
}

func digest(salt []byte, password string) []byte {
	sum := sha256.Sum256(append(slices.Clone(salt), password...))
	return sum[:]
}

// Authenticate says whether there is such a user with this password.
func (c *Controller) Authenticate(name, password string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	u, ok := c.users[name]
	return ok && subtle.ConstantTimeCompare(u.hash, digest(u.salt, password)) == 1
}

// LoggedIn notes the time of a login.
func (c *Controller) LoggedIn(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u, ok := c.users[name]; ok {
		u.lastLogin = c.Now()
	}
}

// LastLogin is zero where the user never logged in.
func (c *Controller) LastLogin(name string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u, ok := c.users[name]; ok {
		return u.lastLogin
	}
	return time.Time{}
}

// DisplayName of a user.
func (c *Controller) DisplayName(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u, ok := c.users[name]; ok {
		return u.display
	}
	return ""
}

// GrantController gives login or superuser.
func (c *Controller) GrantController(name string, access Access) error {
	if access != Login && access != Superuser {
		return errorf(NotValid, "%q controller access not valid", access)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	u, ok := c.users[name]
	if !ok {
		return errorf(NotFound, "user %q not found", name)
	}
	u.access = access
	return nil
}

// Grant gives a user access to a model; NoAccess takes it away.
func (c *Controller) Grant(name, modelUUID string, access Access) error {
	if !slices.Contains(modelAccess, access) {
		return errorf(NotValid, "%q model access not valid", access)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	u, ok := c.users[name]
	if !ok {
		return errorf(NotFound, "user %q not found", name)
	}
	if _, ok := c.models[modelUUID]; !ok {
		return errorf(NotFound, "model %q not found", modelUUID)
	}
	u.models[modelUUID] = access
	return nil
}

// ControllerAccess of a user.
func (c *Controller) ControllerAccess(name string) Access {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u, ok := c.users[name]; ok {
		return u.access
	}
	return NoAccess
}

// ModelAccess is what was granted explicitly: a superuser without a grant has none.
func (c *Controller) ModelAccess(name, modelUUID string) Access {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u, ok := c.users[name]; ok {
		return u.models[modelUUID]
	}
	return NoAccess
}

// AddModel makes an empty model, which its owner administrates.
func (c *Controller) AddModel(owner, name, id string) (*Model, error) {
	if !validName.MatchString(name) {
		return nil, errorf(NotValid, "%q is not a valid model name", name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	u, ok := c.users[owner]
	if !ok {
		return nil, errorf(NotFound, "user %q not found", owner)
	}
	for _, m := range c.models {
		if m.Owner == owner && m.Name == name {
			return nil, errorf(AlreadyExists, "model %s/%s already exists", owner, name)
		}
	}
	if id == "" {
		id = uuid.NewString()
	}
	m := newModel(c.options, owner, name, id)
	c.models[id] = m
	c.order = append(c.order, id)
	u.models[id] = Admin
	return m, nil
}

// Model returns the model with that UUID.
func (c *Controller) Model(id string) (*Model, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, ok := c.models[id]
	return m, ok
}

// FindModel returns a model by owner/name, by name where that is unique, or by UUID.
func (c *Controller) FindModel(text string) (*Model, error) {
	owner, name, qualified := strings.Cut(text, "/")
	if !qualified {
		owner, name = "", text
	}
	var found []*Model
	for _, m := range c.Models() {
		if m.UUID == text || m.Name == name && (owner == "" || owner == m.Owner) {
			found = append(found, m)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, errorf(NotFound, "model %q not found", text)
	}
	return nil, errorf(NotValid, "model name %q is not unique: say owner/%s", text, text)
}

// Models in the order in which they were made.
func (c *Controller) Models() []*Model {
	c.mu.Lock()
	defer c.mu.Unlock()
	var models []*Model
	for _, id := range c.order {
		models = append(models, c.models[id])
	}
	return models
}

// User is what is known of a user, without the password.
type User struct {
	Name, Display string
	Access        Access
	Created       time.Time
	LastLogin     time.Time
}

// Users sorted by name.
func (c *Controller) Users() []User {
	c.mu.Lock()
	defer c.mu.Unlock()
	var users []User
	for _, u := range c.users {
		users = append(users, User{u.name, u.display, u.access, u.created, u.lastLogin})
	}
	slices.SortFunc(users, func(a, b User) int { return strings.Compare(a.Name, b.Name) })
	return users
}

// String is for logs.
func (c *Controller) String() string { return fmt.Sprintf("controller %s", c.options.UUID) }
