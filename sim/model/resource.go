package model

import (
	"maps"
	"path"
	"slices"
	"time"

	"github.com/google/uuid"

	"jujuetcd.io/sim/charm"
)

// Upload is a file that a user gives an application as one of its charm's resources.
type Upload struct {
	// Name is the file's own, whose extension must be that of the charm's.
	Name string
	// File is where the instance keeps it: nobody changes it any more.
	File        string
	Size        int64
	Fingerprint []byte // SHA-384
}

// Resource is a resource of an application. One that nobody has uploaded has no user, and no file.
type Resource struct {
	charm.Resource
	Upload

	// Declared is its name in the charm.
	Declared string
	ID       string
	User     string
	Time     time.Time
}

// UnitResources are the resources that a unit has fetched.
type UnitResources struct {
	Unit      string
	Resources []Resource
}

// resources are an application's, and how often one was attached: the charm hears of each time.
type resources struct {
	byName  map[string]Resource
	version int
}

// declareResources keeps what was uploaded of the resources that the charm has, as refresh does.
func (m *Model) declareResources(a *application) {
	declared := map[string]Resource{}
	for name, of := range a.charm.Metadata.Resources {
		had, known := a.resources.byName[name]
		if !known {
			had = Resource{Declared: name, ID: uuid.NewString(), Time: m.now()}
		}
		had.Resource = of
		declared[name] = had
	}
	a.resources.byName = declared
}

// checkUploads refuses what the charm does not have.
func checkUploads(a string, c *charm.Charm, uploads map[string]Upload) error {
	for _, name := range slices.Sorted(maps.Keys(uploads)) {
		of, known := c.Metadata.Resources[name]
		if !known {
			return errorf(NotFound, "getting resource uuid: application %q, resource %q not found", a, name)
		}
		if want := path.Ext(of.Filename); path.Ext(uploads[name].Name) != want {
			return errorf(NotValid, "incorrect extension on resource upload %q, expected %q", uploads[name].Name, want)
		}
	}
	return nil
}

func (m *Model) upload(a *application, name, user string, u Upload) {
	r := a.resources.byName[name]
	r.Upload, r.User, r.ID, r.Time = u, user, uuid.NewString(), m.now()
	a.resources.byName[name] = r
}

// AttachResource gives an application a resource. Its units run upgrade-charm, also for the same
// bytes once more.
func (m *Model) AttachResource(application, name, user string, u Upload) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.applications[application]
	if !ok {
		return errorf(NotFound, "application %s not found", application)
	}
	if err := checkUploads(application, a.charm, map[string]Upload{name: u}); err != nil {
		return err
	}
	m.upload(a, name, user, u)
	a.resources.version++
	m.bump()
	return nil
}

// Resources are those of an application, by name, and what its units have of them, by number.
func (m *Model) Resources(application string) ([]Resource, []UnitResources, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.applications[application]
	if !ok {
		return nil, nil, errorf(NoCode, "application %s not found", application)
	}
	var units []UnitResources
	for _, u := range a.sortedUnits() {
		units = append(units, UnitResources{Unit: u.name, Resources: sortedResources(u.resources)})
	}
	return sortedResources(a.resources.byName), units, nil
}

func sortedResources(byName map[string]Resource) []Resource {
	var all []Resource
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, byName[name])
	}
	return all
}

// FetchResource is what resource-get brings a unit; from now on it has it.
func (m *Model) FetchResource(unitName, name string) (Resource, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.unit(unitName)
	if err != nil {
		return Resource{}, err
	}
	r := u.app.resources.byName[name]
	if r.File == "" {
		return Resource{}, errorf(NotFound, "resource %q not found", name)
	}
	if u.resources == nil {
		u.resources = map[string]Resource{}
	}
	u.resources[name] = r
	return r, nil
}
