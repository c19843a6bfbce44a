package etcdops

import (
	"context"
	"fmt"
	"slices"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// alarmSpace is the alarm that Disarm takes back. The other one, CORRUPT, says that data differ: no
// database size ends that.
var alarmSpace = etcdserverpb.AlarmType_NOSPACE.String()

// A database has room again when it fills at most four fifths of its quota. etcd holds the size of
// the file, not what is in use in it, against the quota, and raises the alarm again with the first
// write that does not fit: a disarm just below helps nobody.
const roomOf, roomIn = 4, 5

// DefaultQuota is what a database may grow to where nothing is configured: etcd's
// DefaultQuotaBytes (server/storage/quota.go).
const DefaultQuota = int64(2) << 30

// Disarm takes the NOSPACE alarm of a member back, also of one that is gone. etcd never does that by
// itself, whatever room there is.
type Disarm struct {
	Member MemberID
	// Quota is what databases may grow to whose etcd, before 3.6, does not report that; zero where
	// nobody knows. It is no part of the Op.
	Quota int64
}

// Kind implements Change.
func (c Disarm) Kind() ChangeKind { return ChangeDisarm }

// Op implements Change.
func (c Disarm) Op() Op { return Op{Kind: ChangeDisarm, Member: c.Member} }

// Subject implements Change.
func (c Disarm) Subject() MemberID { return c.Member }

// Unlocked implements withoutLock: while the alarm is up, etcd grants no lease, so that nobody can
// take the lock. A disarm moves no member and stops none, a second one finds nothing to do, and one
// that comes too early is undone by the next write.
func (c Disarm) Unlocked() {}

// Done implements Change.
func (c Disarm) Done(v View) bool {
	return v.Listed && v.AlarmsErr == "" && !slices.Contains(v.Alarms, c.alarm()) && !slices.Contains(v.Stray, c.alarm())
}

func (c Disarm) alarm() Alarm { return Alarm{Member: c.Member, Kind: alarmSpace} }

// Guard implements Change.
func (c Disarm) Guard(v View, _ Limits) error {
	who := c.Member.String()
	if m, err := v.subject("disarm", c.Member); err == nil {
		who = m.label()
	} else if !v.Listed || !slices.Contains(v.Stray, c.alarm()) {
		return err
	}
	act := fmt.Sprintf("cannot disarm member %s: ", who)
	if v.AlarmsErr != "" {
		return refuse(ErrGuard, act+"the alarms are not known (%s)", v.AlarmsErr)
	}
	for _, a := range slices.Concat(v.Alarms, v.Stray) {
		// Which data are right is for a person to see before anything is written again.
		if a.Kind != alarmSpace {
			return refuse(ErrGuard, act+"alarm %s is active", a.Kind)
		}
	}
	for _, m := range v.Members {
		h := v.HealthOf(m)
		if h.Quota == 0 {
			h.Quota = c.Quota
		}
		switch {
		case !h.Serves || h.Fault != FaultNone && h.Fault != FaultAlarm:
			return refuse(ErrUnhealthy, act+"%s does not serve: %s", m.label(), h.Reason())
		case h.Quota <= 0 || h.DBSize <= 0:
			return refuse(ErrGuard, act+"%s does not report its quota", m.label())
		case h.DBSize > h.Quota/roomIn*roomOf:
			return &refusal{kinds: []error{ErrGuard, ErrNoRoom},
				text: fmt.Sprintf(act+"the database of %s has %d bytes, and its quota is %d", m.label(), h.DBSize, h.Quota)}
		}
	}
	return nil
}

// Make implements Change.
func (c Disarm) Make(ctx context.Context, p *Pool, v View) error {
	act := "cannot disarm member " + c.Member.String()
	fresh, err := p.again(ctx, v)
	if err != nil {
		return fmt.Errorf("%s: %w", act, err)
	}
	if c.Done(fresh) {
		return nil
	}
	if err := c.Guard(fresh, Limits{}); err != nil {
		return err
	}
	err = p.change(ctx, fresh, 0, func(ctx context.Context, client *clientv3.Client) error {
		_, err := client.AlarmDisarm(ctx, &clientv3.AlarmMember{MemberID: uint64(c.Member), Alarm: etcdserverpb.AlarmType_NOSPACE})
		return err
	})
	switch {
	case err == nil:
		return nil
	case unknownOutcome(err):
		return fmt.Errorf("%s: %w", act, outcome(err, nil))
	}
	return fmt.Errorf("%s: %w", act, typed(err))
}
