package etcdops

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// CanDefragment says whether the member may defragment its database: nil, or a sentence that says
// why not.
//
// It serves nobody while it does, though it goes on voting: raft writes its log beside the
// database. So of two members one may, and a sole one, too, as a restart may that cannot be done
// without an outage. But every voter must serve, none be joining, and no alarm be active but
// NOSPACE, which is what it helps against: a learner refuses, and where data differ a person has to
// see them as they are.
func CanDefragment(v View, id MemberID) error {
	m, err := v.subject("defragment the database of", id)
	if err != nil {
		return err
	}
	act := fmt.Sprintf("cannot defragment the database of member %s: ", m.label())
	if v.AlarmsErr != "" {
		return refuse(ErrGuard, act+"the alarms are not known (%s)", v.AlarmsErr)
	}
	for _, a := range append(v.Alarms[:len(v.Alarms):len(v.Alarms)], v.Stray...) {
		if !a.NoSpace() {
			return refuse(ErrGuard, act+"alarm %s is active", a.Kind)
		}
	}
	for _, other := range v.Members {
		switch h := v.HealthOf(other); {
		case other.Learner, !other.Started():
			return refuse(ErrGuard, act+"member %s is joining", other.label())
		case !h.Serves || h.Fault != FaultNone && h.Fault != FaultAlarm:
			return refuse(ErrUnhealthy, act+"%s does not serve: %s", other.label(), h.Reason())
		}
	}
	if v.Leader() == 0 {
		return refuse(ErrGuard, act+"the %d voters do not agree on a leader", len(v.Voters()))
	}
	if version := v.HealthOf(m).Version; losesDataInDefrag(version) {
		return refuse(ErrGuard, act+"etcd %s may damage it if it is killed meanwhile; 3.5.6 and later do not", version)
	}
	return nil
}

// losesDataInDefrag says that the version has https://github.com/etcd-io/etcd/issues/14685: its
// consistent index may be older than its data after a crash during a defragmentation.
func losesDataInDefrag(version string) bool {
	patch, is := strings.CutPrefix(version, "3.5.")
	n, err := strconv.Atoi(patch)
	return is && err == nil && n < 6
}

// DefragmentCost says in a sentence what a defragmentation of the member costs while it lasts;
// empty means that others serve.
func DefragmentCost(v View, id MemberID) string {
	if m, ok := v.Member(id); !ok || m.Learner || len(v.Voters()) > 1 {
		return ""
	}
	return "The only voter stands still: nothing is served until it is over."
}

// Defragment has the member at the endpoint defragment its database, and waits for that, at the
// longest for so long. It goes on in etcd if nobody waits any more: ErrUnknownOutcome says so.
func (p *Pool) Defragment(ctx context.Context, endpoint string, longest time.Duration) error {
	err := p.on(ctx, endpoint, longest, func(ctx context.Context, c *clientv3.Client) error {
		_, err := c.Defragment(ctx, endpoint)
		return err
	})
	switch {
	case err == nil:
		return nil
	case unknownOutcome(err):
		return fmt.Errorf("cannot have %s defragment its database: %w", endpoint, outcome(err, nil))
	}
	return fmt.Errorf("cannot have %s defragment its database: %w", endpoint, typed(err))
}
