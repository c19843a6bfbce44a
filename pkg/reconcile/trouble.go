package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
)

// Trouble is what keeps us from working with Juju, as a kind for programs and in words for people.
type Trouble struct {
	Kind    string
	Message string
	Since   time.Time
}

// Kinds of trouble.
const (
	TroubleUpgrade     = "Upgrade"
	TroubleMigration   = "Migration"
	TroubleMaintenance = "Maintenance"
	TroubleMoved       = "Moved"
	TroubleCredentials = "Credentials"
	TroubleGrant       = "Grant"
	TroubleModelGone   = "ModelGone"
	TroubleBlocked     = "Blocked"
	TroubleSlow        = "Slow"
	TroubleCut         = "Cut"
)

// troubleOf says what an error of Juju's means for us. An error that is about one object, and not
// about Juju, is none.
func troubleOf(err error) (Trouble, bool) {
	answer, answered := errors.AsType[*jujuapi.Error](err)
	code := ""
	if answered {
		code = answer.Code
	}
	is := func(kind, format string, args ...any) (Trouble, bool) {
		return Trouble{Kind: kind, Message: fmt.Sprintf(format, args...)}, true
	}
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, jujuapi.ErrClosed):
		return Trouble{}, false
	case code == wire.CodeUpgradeInProgress:
		return is(TroubleUpgrade, "the Juju controller is being upgraded; nothing is changed until it is done")
	case errors.Is(err, jujuapi.ErrRedirected):
		return is(TroubleMoved, "%s, and start jujuetcd with it", answer.Message)
	case errors.Is(err, jujuapi.ErrBadCredentials):
		return is(TroubleCredentials, "Juju refuses the user or the password: give jujuetcd the new one")
	case errors.Is(err, jujuapi.ErrUnauthorized), errors.Is(err, jujuapi.ErrPermissionDenied):
		return is(TroubleGrant, "Juju refuses what jujuetcd's user asks for: juju grant USER write MODEL")
	case errors.Is(err, jujuapi.ErrModelNotFound):
		return is(TroubleModelGone, "the Juju controller has no such model any more")
	case errors.Is(err, jujuapi.ErrBlocked):
		return is(TroubleBlocked, "somebody has disabled commands in the model: juju enable-command all")
	case answered && answer.Message == wire.MessageMigrationProgress:
		return is(TroubleMigration, "the model is about to move to another controller; nothing is changed until it has")
	case answered && errors.Is(err, jujuapi.ErrBusy):
		return is(TroubleMaintenance, "the Juju controller is busy with itself: %s", answer.Message)
	case errors.Is(err, context.DeadlineExceeded):
		return is(TroubleSlow, "the Juju controller does not answer in time")
	case answered:
		return Trouble{}, false
	}
	return is(TroubleCut, "there is no working connection with the Juju controller: %v", err)
}
