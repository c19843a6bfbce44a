package jujuapi

import (
	"context"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// MayChange asks whether Juju would let us change the model now, and changes nothing: it sets the
// options of no application. Juju answers with ErrPermissionDenied where the user may only read, and
// with ErrBlocked where somebody has disabled commands, before it looks at what is to be set (the
// same in 2.9, 3.x and 4.0: apiserver/facades/client/application).
func (c *Conn) MayChange(ctx context.Context) error {
	return c.do(ctx, "Application", "SetConfigs", wire.ConfigSetArgs{Args: []wire.ConfigSet{}}, nil)
}

// MayChange is Conn's, on a connection that is there.
func (s *Session) MayChange(ctx context.Context) error {
	return s.with(ctx, func(ctx context.Context, c *Conn) error { return c.MayChange(ctx) })
}
