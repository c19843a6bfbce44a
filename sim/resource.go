package sim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"jujuetcd.io/sim/charm"
	"jujuetcd.io/sim/control"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/server"
)

// resourcesDir is below an instance's folder.
const resourcesDir = "resources"

// keep copies a file of this host into the instance's folder, as an upload leaves it with a
// controller.
func (i *instance) keep(path string) (model.Upload, error) {
	from, err := os.Open(path)
	if err != nil {
		return model.Upload{}, err
	}
	defer from.Close()
	return server.Keep(i.uploads(), path, from)
}

func (i *instance) uploads() string { return filepath.Join(i.options.Dir, resourcesDir) }

func (i *instance) keepAll(c *charm.Charm, paths map[string]string) (map[string]model.Upload, error) {
	uploads := map[string]model.Upload{}
	for name, path := range paths {
		if _, known := c.Metadata.Resources[name]; !known {
			return nil, fmt.Errorf("unrecognized resource %q", name)
		}
		u, err := i.keep(path)
		if err != nil {
			return nil, fmt.Errorf("resource %q: %w", name, err)
		}
		uploads[name] = u
	}
	return uploads, nil
}

// Attach gives an application a resource, as juju attach-resource does.
func (i *instance) Attach(a control.Attach) error {
	m, err := i.model(a.Model)
	if err != nil {
		return err
	}
	if _, _, err := m.Resources(a.Application); err != nil { // what the client asks first
		return err
	}
	u, err := i.keep(a.Path)
	if err != nil {
		return err
	}
	if err := m.AttachResource(a.Application, a.Resource, Admin, u); err != nil {
		return fmt.Errorf("failed to upload resource %q: Put https://%s/model/%s/applications/%s/resources/%s: %w",
			a.Resource, i.server.Address(), m.UUID, a.Application, a.Resource, errors.Join(err, os.Remove(u.File)))
	}
	return nil
}
