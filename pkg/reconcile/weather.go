package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"

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

// troubleOf tells what an error of Juju's means for us. An error that is about one object, and not about Juju, is none.
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

// The calls as they are counted.
const (
	callSnapshot = "Snapshot"
	callUnits    = "UnitsInfo"
	callOptions  = "Options"
	callTasks    = "Tasks"
	callTask     = "Task"
	callEnqueue  = "Enqueue"
	callExpose   = "Expose"
)

// weather is how a model's controller treats us, as the calls show. Trouble is told once when it begins, and once when it is
// over: when every call that failed has succeeded since.
type weather struct {
	log   logr.Logger
	model string
	now   func() time.Time
	// told is called with what has begun, or with nil when it is over.
	told func(*Trouble)

	mu     sync.Mutex
	failed map[string]Trouble // by call
	is     *Trouble
}

// note takes in how a call has ended.
func (w *weather) note(call string, err error) {
	trouble, bad := troubleOf(err)
	if err != nil && !bad {
		return
	}
	w.mu.Lock()
	if bad {
		w.failed[call] = trouble
	} else {
		delete(w.failed, call)
	}
	was := w.is
	now := w.worst()
	switch {
	case now == nil && was == nil, now != nil && was != nil && now.Kind == was.Kind:
		w.mu.Unlock()
		return
	case now != nil:
		now.Since = w.now()
	}
	w.is = now
	w.mu.Unlock()
	if now == nil {
		w.log.Info("Juju can be worked with again", "model", w.model, "trouble", was.Kind, "after", w.now().Sub(was.Since).Round(time.Millisecond).String())
	} else {
		w.log.Info("Juju cannot be worked with", "model", w.model, "trouble", now.Kind, "message", now.Message)
	}
	if w.told != nil {
		w.told(now)
	}
}

// worst is one trouble of those that calls have met, the same one as long as they meet the same; w.mu is held. One that a call has
// met and that is told already stays, so that two at a time do not take turns.
func (w *weather) worst() *Trouble {
	var kinds []string
	byKind := map[string]Trouble{}
	for _, t := range w.failed {
		kinds = append(kinds, t.Kind)
		byKind[t.Kind] = t
	}
	if len(kinds) == 0 {
		return nil
	}
	kind := slices.Min(kinds)
	if w.is != nil && slices.Contains(kinds, w.is.Kind) {
		kind = w.is.Kind
	}
	t := byKind[kind]
	return &t
}

// trouble is what there is now; nil for none.
func (w *weather) trouble() *Trouble {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.is == nil {
		return nil
	}
	t := *w.is
	return &t
}

// settle drops what calls about clusters have met: there is no cluster left, and nobody makes them any more.
func (w *weather) settle() {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.failed, func(call string, _ Trouble) bool { return call != callSnapshot })
}
