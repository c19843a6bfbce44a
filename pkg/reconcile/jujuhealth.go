package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
)

// jujuHealth is whether a model's controller can be worked with, as the calls show. Trouble is
// reported once when it begins, and once when it is over: when every call that failed has succeeded
// since.
type jujuHealth struct {
	log   logr.Logger
	model string
	user  string
	now   func() time.Time
	// report is called with what has begun, or with nil when it is over.
	report func(*Trouble)

	mu      sync.Mutex
	failed  map[string]Trouble // by call
	current *Trouble
}

// note takes in how a call has ended.
func (h *jujuHealth) note(call string, err error) {
	trouble, bad := troubleOf(err)
	if err != nil && !bad {
		return
	}
	if trouble.Kind == TroubleGrant {
		trouble.Message = fmt.Sprintf("Juju refuses what user %s asks for: juju grant %s write %s", h.user, h.user, h.model)
	}
	h.mu.Lock()
	if bad {
		if call == callSnapshot {
			// Nothing else is asked for while the model cannot be read: what other calls have met before would stay, and hide this.
			clear(h.failed)
		}
		h.failed[call] = trouble
	} else {
		delete(h.failed, call)
	}
	was := h.current
	now := h.worst()
	switch {
	case now == nil && was == nil, now != nil && was != nil && now.Kind == was.Kind:
		h.mu.Unlock()
		return
	case now != nil:
		now.Since = h.now()
	}
	h.current = now
	h.mu.Unlock()
	if now == nil {
		h.log.Info("Juju can be worked with again", "model", h.model, "trouble", was.Kind,
			"after", h.now().Sub(was.Since).Round(time.Millisecond).String())
	} else {
		h.log.Info("Juju cannot be worked with", "model", h.model, "trouble", now.Kind, "message", now.Message)
	}
	if h.report != nil {
		h.report(now)
	}
}

// worst is one trouble of those that calls have met, the same one as long as they meet the same; h.mu
// is held. One that a call has met and that is reported already stays, so that two at a time do not
// take turns.
func (h *jujuHealth) worst() *Trouble {
	var kinds []string
	byKind := map[string]Trouble{}
	for _, t := range h.failed {
		kinds = append(kinds, t.Kind)
		byKind[t.Kind] = t
	}
	if len(kinds) == 0 {
		return nil
	}
	kind := slices.Min(kinds)
	if h.current != nil && slices.Contains(kinds, h.current.Kind) {
		kind = h.current.Kind
	}
	t := byKind[kind]
	return &t
}

// trouble is what there is now; nil for none.
func (h *jujuHealth) trouble() *Trouble {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current == nil {
		return nil
	}
	t := *h.current
	return &t
}

// forgetClusters drops what calls about clusters have met: there is no cluster left, and nobody makes
// them any more.
func (h *jujuHealth) forgetClusters() {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.failed, func(call string, _ Trouble) bool { return call != callSnapshot })
}
