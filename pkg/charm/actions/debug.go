package actions

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// debug packs what whoever looks into a fault asks for first. Nothing of it has to work for that: a
// text that cannot be had says why. No key is among it, and what looks like a secret in what others
// have written is left out.
func (a action) debug(ctx context.Context) error {
	var files []packed
	for _, d := range a.machine.Diagnostics(ctx) {
		files = append(files, packed{d.Name, redacted(d.Text)})
	}
	for _, f := range a.cluster(ctx) {
		files = append(files, packed{f.name, redacted(f.text)})
	}
	name := "debug-" + a.run.Now().UTC().Format("20060102150405")
	data, err := archive(name, files, a.run.Now())
	if err != nil {
		return a.run.Tools.FailAction(ctx, err.Error())
	}
	return a.handOut(ctx, name+".tar.gz", data,
		fmt.Sprintf("Archive has been created on unit %s. Use the juju scp command to copy it to your local machine.", a.run.Env.Unit))
}

// cluster is the cluster as this unit sees it, in files that are named after who would show it.
func (a action) cluster(ctx context.Context) []packed {
	own, view, err := a.machine.Health(ctx)
	if err != nil {
		return []packed{{"etcdctl-cluster-health", err.Error() + "\n"}}
	}
	health, fault := report(own, view)
	if fault != "" {
		health = append(health, fault)
	}
	var members, status []string
	for _, m := range view.Members {
		h := view.HealthOf(m)
		members = append(members, fmt.Sprintf("%s, %s, peers %s, clients %s, learner %t", m.ID, m.Name,
			strings.Join(m.PeerURLs, ","), strings.Join(m.ClientURLs, ","), m.Learner))
		status = append(status, fmt.Sprintf("%s: member %s of cluster %s, version %s, leader %s, term %d, index %d, applied %d, revision %d, "+
			"database %d bytes, %d in use, quota %d, answers after %s%s", h.Endpoint, h.MemberID, h.ClusterID, h.Version, h.Leader, h.RaftTerm,
			h.RaftIndex, h.AppliedIndex, h.Revision, h.DBSize, h.DBSizeInUse, h.Quota, h.RTT, unless(h.Healthy(), ": "+h.Reason())))
	}
	alarms := []string{alarmLines(slices.Concat(view.Alarms, view.Stray)), view.AlarmsErr}
	lines := func(list []string) string { return strings.TrimSpace(strings.Join(list, "\n")) + "\n" }
	return []packed{
		{"etcdctl-cluster-health", lines(health)}, {"etcdctl-member-list", lines(members)},
		{"etcdctl-endpoint-status", lines(status)}, {"etcdctl-alarm-list", lines(alarms)},
	}
}

func unless(is bool, text string) string {
	if is {
		return ""
	}
	return text
}
