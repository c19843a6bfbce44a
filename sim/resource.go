package sim

import (
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"jujuetcd.io/sim/charm"
	"jujuetcd.io/sim/control"
	"jujuetcd.io/sim/model"
)

// resourcesDir is below an instance's folder.
const resourcesDir = "resources"

// keep copies a file of this host into the instance's folder, as an upload leaves it with a
// controller.
func (i *instance) keep(path string) (_ model.Upload, err error) {
	from, err := os.Open(path)
	if err != nil {
		return model.Upload{}, err
	}
	defer from.Close()
	dir := filepath.Join(i.options.Dir, resourcesDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return model.Upload{}, fmt.Errorf("cannot keep %s: %w", path, err)
	}
	to, err := os.CreateTemp(dir, "")
	if err != nil {
		return model.Upload{}, fmt.Errorf("cannot keep %s: %w", path, err)
	}
	sum := sha512.New384()
	size, err := io.Copy(io.MultiWriter(to, sum), from)
	if err = errors.Join(err, to.Close()); err != nil {
		return model.Upload{}, fmt.Errorf("cannot keep %s: %w", path, errors.Join(err, os.Remove(to.Name())))
	}
	return model.Upload{Name: path, File: to.Name(), Size: size, Fingerprint: sum.Sum(nil)}, nil
}

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
