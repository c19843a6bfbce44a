package jujuapi

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// ControllerSession is a supervised connection to a controller itself, for what is not in any model.
type ControllerSession struct {
	*supervisor
}

// OpenController opens a session with a controller, like OpenModel does with a model.
func OpenController(ctx context.Context, controller Controller, options Options) *ControllerSession {
	return &ControllerSession{supervise(ctx, controller, "", options)}
}

// ListModels lists the models that the user can see.
func (s *ControllerSession) ListModels(ctx context.Context) ([]ModelRef, error) {
	var models []ModelRef
	err := s.with(ctx, func(ctx context.Context, c *Conn) (err error) {
		models, err = c.ListModels(ctx)
		return err
	})
	return models, err
}

// Resolve finds the model that text names: "prod", "admin/prod", or a UUID. The error is ErrModelNotFound, and names the
// models that there are, or ErrAmbiguousModel, and names those that are meant.
func (s *ControllerSession) Resolve(ctx context.Context, text string) (ModelRef, error) {
	models, err := s.ListModels(ctx)
	if err != nil {
		return ModelRef{}, err
	}
	return pickModel(models, text)
}

func pickModel(models []ModelRef, text string) (ModelRef, error) {
	owner, name, qualified := strings.Cut(text, "/")
	if !qualified {
		owner, name = "", text
	}
	var found []ModelRef
	for _, m := range models {
		if m.UUID == text || (m.Name == name && (!qualified || m.Owner == owner)) {
			found = append(found, m)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		if len(models) == 0 {
			return ModelRef{}, fmt.Errorf("%w: the user can see no model at all (juju grant <user> write <model>)", ErrModelNotFound)
		}
		return ModelRef{}, fmt.Errorf("%w: %q; the user can see %s", ErrModelNotFound, text, names(models))
	}
	return ModelRef{}, fmt.Errorf("%w: %q can be any of %s", ErrAmbiguousModel, text, names(found))
}

func names(models []ModelRef) string {
	all := make([]string, len(models))
	for i, m := range models {
		all[i] = m.Owner + "/" + m.Name
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
