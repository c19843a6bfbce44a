package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/pkg/etcdops"
)

// alarmList lists active alarms as etcdctl does, which numbers members in decimal, and says in words
// whose they are.
func (a action) alarmList(ctx context.Context) error {
	fail := func(why string) error { return a.run.Tools.FailAction(ctx, "cannot list alarms: "+why) }
	_, view, err := a.machine.Health(ctx)
	switch {
	case err != nil:
		return fail(err.Error())
	case !view.Listed:
		return fail("no member serves (" + view.Err + ")")
	case view.AlarmsErr != "":
		return fail(view.AlarmsErr)
	}
	active := slices.Concat(view.Alarms, view.Stray)
	var words []string
	for _, alarm := range active {
		who := "a member that is gone"
		if m, known := view.Member(alarm.Member); known {
			who = m.Name
		}
		words = append(words, fmt.Sprintf("%s: %s (member %s)", alarm.Kind, who, alarm.Member))
	}
	if len(words) == 0 {
		words = []string{"no alarm is active"}
	}
	return a.answer(ctx, alarmLines(active), strings.Join(words, "; "))
}

// alarmLines are alarms as etcdctl prints them.
func alarmLines(alarms []etcdops.Alarm) string {
	var lines []string
	for _, alarm := range alarms {
		lines = append(lines, fmt.Sprintf("memberID:%d alarm:%s", uint64(alarm.Member), alarm.Kind))
	}
	return strings.Join(lines, "\n")
}

// answer sets the results of an action that speaks to etcd.
func (a action) answer(ctx context.Context, output, message string) error {
	if err := a.run.Tools.SetActionResult(ctx, v1alpha1.ResultOutput, output); err != nil {
		return err
	}
	return a.run.Tools.SetActionResult(ctx, v1alpha1.ResultMessage, message)
}

// alarmDisarm takes NOSPACE alarms back, and says which, also where it could not take back all.
func (a action) alarmDisarm(ctx context.Context) error {
	done, err := a.machine.Disarm(ctx)
	message := fmt.Sprintf("%d disarmed", len(done))
	if len(done) == 0 {
		message = "no alarm is active: nothing was disarmed"
	}
	if err == nil || len(done) > 0 {
		if err := a.answer(ctx, alarmLines(done), message); err != nil {
			return err
		}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, etcdops.ErrNoRoom):
		return a.run.Tools.FailAction(ctx, err.Error()+
			"; the next write would raise the alarm again: make room first (compact, then defrag), or raise quota_backend_bytes")
	}
	return a.run.Tools.FailAction(ctx, err.Error())
}

// compact has etcd forget its history before a revision.
func (a action) compact(ctx context.Context) error {
	revision, err := a.run.Tools.ActionNumber(ctx, v1alpha1.ParameterRevision)
	if errors.Is(err, hooktool.ErrNoNumber) {
		return a.run.Tools.FailAction(ctx, "cannot compact: "+err.Error())
	}
	if err != nil {
		return err
	}
	physical, err := a.run.Tools.ActionFlag(ctx, v1alpha1.ParameterPhysical, false)
	if err != nil {
		return err
	}
	at, err := a.machine.Compact(ctx, revision, physical)
	switch {
	case revision == 0 && errors.Is(err, etcdops.ErrCompacted):
		return a.answer(ctx, fmt.Sprintf("compacted revision %d", at), "it was compacted already: nothing has been written since")
	case err != nil:
		return a.run.Tools.FailAction(ctx, err.Error())
	}
	return a.answer(ctx, fmt.Sprintf("compacted revision %d", at),
		"space became free for new data; defrag gives it back to the disk")
}
