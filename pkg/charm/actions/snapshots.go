package actions

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/pkg/snapshot"
)

// listSnapshots is the action list-snapshots: a table for people, and the same as JSON.
func (a action) listSnapshots(ctx context.Context) error {
	target, err := a.snapshotTarget(ctx)
	if err != nil {
		return err
	}
	verify, err := a.run.Tools.ActionFlag(ctx, v1alpha1.ParameterVerify, false)
	if err != nil {
		return err
	}
	if verify {
		a.progress(ctx, "verifying what is in "+target)
	}
	list, err := a.machine.ListSnapshots(ctx, target, verify)
	if err != nil {
		return a.run.Tools.FailAction(ctx, err.Error())
	}
	output, text, err := listing(target, list)
	if err != nil {
		return err
	}
	if err := a.run.Tools.SetActionResult(ctx, v1alpha1.ResultSnapshots, text); err != nil {
		return err
	}
	return a.run.Tools.SetActionResult(ctx, v1alpha1.ResultOutput, output)
}

// listing is the table and the JSON of as many snapshots as there is room for, the newest first.
func listing(target string, list []snapshot.Listed) (table, text string, err error) {
	for shown := list; ; shown = shown[:len(shown)*3/4] {
		encoded, err := json.Marshal(append([]snapshot.Listed{}, shown...))
		if err != nil {
			return "", "", fmt.Errorf("cannot list the snapshots: %w", err)
		}
		table = snapshotTable(target, shown, len(list)-len(shown))
		if max(len(encoded), len(table)) < hooktool.MaxResult-1024 {
			return table, string(encoded), nil
		}
	}
}

func snapshotTable(target string, list []snapshot.Listed, left int) string {
	if len(list) == 0 {
		return "no snapshots in " + target
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tTIME\tSIZE\tREVISION\tETCD\tVERIFIED\tFROM\tSHA256")
	var faults []string
	for _, l := range list {
		revision, version, from, verified := "?", "?", "unknown", "no"
		if l.Revision > 0 {
			revision = fmt.Sprint(l.Revision)
		}
		if l.EtcdVersion != "" {
			version = l.EtcdVersion
		}
		if l.Origin != nil {
			from = fmt.Sprintf("%s, cluster %s", l.Origin.Application, l.Origin.ClusterID)
		}
		switch {
		case l.Fault != "":
			verified = "DAMAGED"
			faults = append(faults, l.Fault)
		case l.Verified:
			verified = "yes"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.ID, l.Time.Format(time.RFC3339), snapshot.Size(l.Size), revision, version, verified, from, l.SHA256)
	}
	if err := w.Flush(); err != nil {
		panic(err) // a builder takes all
	}
	for _, fault := range faults {
		fmt.Fprintln(&b, fault)
	}
	if left > 0 {
		fmt.Fprintf(&b, "%d older ones are left out here\n", left)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
