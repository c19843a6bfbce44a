package etcdops

import (
	"errors"
	"fmt"
)

// What went wrong with a change, for errors.Is.
var (
	// ErrUnlisted: there is no current member list, so nothing may be decided.
	ErrUnlisted = errors.New("no current member list")
	// ErrGuard: the change would cost the cluster its quorum, or another change is under way.
	ErrGuard = errors.New("quorum guard")
	// ErrNoRoom: a database is nearly as large as it may be.
	ErrNoRoom = errors.New("no room")
	// ErrCompacted: the revision is compacted already.
	ErrCompacted = errors.New("compacted already")
	// ErrNotMember: no member has that ID.
	ErrNotMember = errors.New("not a member")
	// ErrNotReady: the learner has not caught up, or has not started.
	ErrNotReady = errors.New("learner is not ready")
	// ErrTooManyLearners: there is a learner already.
	ErrTooManyLearners = errors.New("too many learners")
	// ErrUnhealthy: etcd refuses because not all its members are connected or started; wait and try
	// again.
	ErrUnhealthy = errors.New("cluster is not healthy enough")
	// ErrPeerURLInUse: a started member has that peer URL.
	ErrPeerURLInUse = errors.New("peer URL is in use")
	// ErrOtherCluster: another cluster answers than the one that the caller saw.
	ErrOtherCluster = errors.New("another cluster answers")
	// ErrUnknownOutcome: no answer came, and looking again did not show it either. The change may
	// still be carried out.
	ErrUnknownOutcome = errors.New("unknown outcome")
	// ErrUnsettled: the change is in the member list, and the member itself does not show it yet.
	ErrUnsettled = errors.New("change has not settled")
	// ErrLocked: somebody else holds the cluster's lock.
	ErrLocked = errors.New("lock is held")
	// ErrLockLost: the lock's lease ended before it was given back.
	ErrLockLost = errors.New("lock is lost")
)

// refusal is a sentence for people, with a kind for errors.Is that is not part of the sentence.
type refusal struct {
	kinds []error
	text  string
}

func refuse(kind error, format string, args ...any) error {
	return &refusal{kinds: []error{kind}, text: fmt.Sprintf(format, args...)}
}

func (r *refusal) Error() string   { return r.text }
func (r *refusal) Unwrap() []error { return r.kinds }
