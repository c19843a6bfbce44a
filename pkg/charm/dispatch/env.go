package dispatch

import (
	"fmt"
	"strconv"
	"strings"
)

// Env is what Juju says about a dispatch in its environment.
type Env struct {
	// Kind is hooks or actions, Name the rest of the dispatch path.
	Kind, Name string
	// Unit is etcd/0.
	Unit string
	// CharmDir is the folder that the charm was unpacked into.
	CharmDir         string
	Model, ModelUUID string
	// RelationID is the relation of a relation hook, such as certificates:1.
	RelationID string
	// Secret is the secret of a secret hook, by one of its names.
	Secret string
	// HasSecrets says that this Juju has secrets: 2.9 has none.
	HasSecrets bool
	// Departing is the unit that goes, in a departed hook.
	Departing string
	// Action is Juju's number of the running task; zero in hooks.
	Action int64
}

// ReadEnv reads the environment of a dispatch.
func ReadEnv(getenv func(string) string) (Env, error) {
	e := Env{
		Unit:       getenv("JUJU_UNIT_NAME"),
		Model:      getenv("JUJU_MODEL_NAME"),
		ModelUUID:  getenv("JUJU_MODEL_UUID"),
		RelationID: getenv("JUJU_RELATION_ID"),
		CharmDir:   getenv("JUJU_CHARM_DIR"),
		Departing:  getenv("JUJU_DEPARTING_UNIT"),
		Secret:     getenv("JUJU_SECRET_ID"),
		HasSecrets: hasSecrets(getenv("JUJU_VERSION")),
	}
	path := getenv("JUJU_DISPATCH_PATH")
	kind, name, found := strings.Cut(path, "/")
	if !found || name == "" || kind != KindHook && kind != KindAction {
		return e, fmt.Errorf("cannot dispatch %q: JUJU_DISPATCH_PATH must be hooks/NAME or actions/NAME", path)
	}
	e.Kind, e.Name = kind, name
	if !strings.Contains(e.Unit, "/") {
		return e, fmt.Errorf("cannot dispatch %s: JUJU_UNIT_NAME is %q", path, e.Unit)
	}
	if kind == KindAction {
		number, err := strconv.ParseInt(getenv("JUJU_ACTION_UUID"), 10, 64)
		if err != nil || number < 1 {
			return e, fmt.Errorf("cannot dispatch %s: JUJU_ACTION_UUID is %q, not a task number", path, getenv("JUJU_ACTION_UUID"))
		}
		e.Action = number
	}
	return e, nil
}

// hasSecrets says whether that version of Juju has them.
func hasSecrets(version string) bool {
	major, _, _ := strings.Cut(version, ".")
	number, err := strconv.Atoi(major)
	return err == nil && number >= 3
}

// Kinds of a dispatch.
const (
	KindHook   = "hooks"
	KindAction = "actions"
)

// Application is the unit's application.
func (e Env) Application() string {
	name, _, _ := strings.Cut(e.Unit, "/")
	return name
}

// Breaking is the relation that the running hook takes down; Juju still lists it.
func (e Env) Breaking() string {
	if e.Kind == KindHook && strings.HasSuffix(e.Name, "-relation-broken") {
		return e.RelationID
	}
	return ""
}
