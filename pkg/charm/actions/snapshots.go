package actions

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/pkg/snapshot"
)

// listSnapshots is the action list-snapshots: what is on the unit and in the store, as tables for
// people, and the same as JSON.
func (a action) listSnapshots(ctx context.Context) error {
	target, err := a.snapshotTarget(ctx)
	if err != nil {
		return err
	}
	verify, err := a.run.Tools.ActionFlag(ctx, v1alpha1.ParameterVerify, false)
	if err != nil {
		return err
	}
	from, err := a.run.Tools.ActionParameter(ctx, v1alpha1.ParameterFrom)
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
	where, stored, why, err := a.listStored(ctx, from, verify)
	if err != nil {
		return err
	}
	if why != nil && from != "" {
		return a.run.Tools.FailAction(ctx, why.Error())
	}
	all := []folder{{target, list}}
	if where != "" && why == nil {
		all = append(all, folder{where, stored})
	}
	output, text, err := listing(all)
	if err != nil {
		return err
	}
	if why != nil {
		// What is on the unit can be told all the same.
		output += "\n" + why.Error()
		if err := a.run.Tools.SetActionResult(ctx, v1alpha1.ResultMessage, why.Error()); err != nil {
			return err
		}
	}
	if err := a.run.Tools.SetActionResult(ctx, v1alpha1.ResultSnapshots, text); err != nil {
		return err
	}
	return a.run.Tools.SetActionResult(ctx, v1alpha1.ResultOutput, output)
}

// folder is where snapshots are, and what they are.
type folder struct {
	where string
	list  []snapshot.Listed
}

// listing are the tables and the JSON of as many snapshots as there is room for, of each folder the
// newest first.
func listing(all []folder) (tables, text string, err error) {
	for left := 1.0; ; left *= 0.75 {
		tables = ""
		shown := []snapshot.Listed{}
		for i, f := range all {
			some := f.list[:int(left*float64(len(f.list)))]
			shown = append(shown, some...)
			if i > 0 {
				tables += "\n\n" + f.where + ":\n"
			}
			tables += snapshotTable(f.where, some, len(f.list)-len(some))
		}
		encoded, err := json.Marshal(shown)
		if err != nil {
			return "", "", fmt.Errorf("cannot list the snapshots: %w", err)
		}
		if max(len(encoded), len(tables)) < hooktool.MaxResult-1024 {
			return tables, string(encoded), nil
		}
	}
}

// proven is how far an archive is verified, in a word, and why no further.
func proven(l snapshot.Listed) (word, why string) {
	switch {
	case l.Fault != "":
		return "DAMAGED", l.Fault
	case l.Unopened != "" && l.Verified:
		return bySHA256, "Of " + bySHA256 + ": " + l.Unopened
	case l.Unopened != "":
		return "UNREADABLE", "UNREADABLE: " + l.Unopened
	case l.Decrypted:
		return "decrypted", ""
	case l.Verified:
		return "yes", ""
	}
	return "no", ""
}

// bySHA256 is what is encrypted, has the bytes that were written, and was not opened.
const bySHA256 = "SHA-256 alone"

func snapshotTable(target string, list []snapshot.Listed, left int) string {
	if len(list) == 0 {
		return "no snapshots in " + target
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tTIME\tSIZE\tREVISION\tETCD\tVERIFIED\tENCRYPTED\tFROM\tSHA256")
	var faults []string
	for _, l := range list {
		revision, version, from, encrypted := "?", "?", "unknown", "no"
		if l.Revision > 0 {
			revision = fmt.Sprint(l.Revision)
		}
		if l.KeysVersion == snapshot.KeysV2 {
			revision = "v2 keys"
		}
		if l.EtcdVersion != "" {
			version = l.EtcdVersion
		}
		if l.Encrypted {
			encrypted = "yes"
		}
		if l.Origin != nil {
			from = fmt.Sprintf("%s, cluster %s", l.Origin.Application, l.Origin.ClusterID)
		}
		verified, why := proven(l)
		if why != "" && !slices.Contains(faults, why) {
			faults = append(faults, why)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.ID, l.Time.Format(time.RFC3339), snapshot.Size(l.Size), revision, version, verified, encrypted, from, l.SHA256)
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
