// Command nrpe is the dispatch of a small subordinate charm that plays nrpe beside etcd (interface
// nrpe-external-master): it makes the folders that the package of nrpe brings, tells its principal
// what Nagios calls the host, and notes the checks that it hears of.
//
//	ROOT/etc/nagios/nrpe.d, ROOT/var/lib/nagios/export     folders of the package
//	ROOT/var/lib/nrpe/monitors.yaml                        what the principal has said; empty without a relation
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/test/charms/dispatch"
)

func main() {
	dispatch.Main("nrpe", func(ctx context.Context) error { return run(ctx, os.Getenv("JUJU_HOOK_NAME")) })
}

func run(ctx context.Context, hook string) error {
	root := filepath.Join("/", os.Getenv("JUJUETCD_ROOT"))
	switch hook {
	case "stop", "remove":
		return nil
	case "install":
		for _, dir := range []string{"etc/nagios/nrpe.d", "var/lib/nagios/export", "var/lib/nrpe"} {
			if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
				return err
			}
		}
	}
	tools := hooktool.New(hooktool.Exec{})
	ids, err := tools.RelationIDs(ctx, "nrpe-external-master")
	if err != nil {
		return err
	}
	said := ""
	for _, id := range ids {
		if id == dispatch.Broken() {
			continue
		}
		units, err := tools.RelationUnits(ctx, id)
		if err != nil {
			return err
		}
		for _, unit := range units {
			bag, err := tools.Relation(ctx, id, unit)
			if err != nil {
				return err
			}
			said += bag["monitors"]
			if err := publishName(ctx, tools, id, unit); err != nil {
				return err
			}
		}
	}
	if err := os.WriteFile(filepath.Join(root, "var/lib/nrpe/monitors.yaml"), []byte(said), 0o644); err != nil {
		return err
	}
	return tools.SetStatus(ctx, v1alpha1.StatusText{State: "active", Message: fmt.Sprintf("%d checks", strings.Count(said, "command:"))})
}

// publishName gives the principal its name in Nagios, if it does not have it yet.
func publishName(ctx context.Context, tools *hooktool.Tools, id, principal string) error {
	prefix, err := tools.Config(ctx, "nagios_host_context")
	if err != nil {
		return err
	}
	name := prefix + "-" + strings.ReplaceAll(principal, "/", "-")
	bag, err := tools.Relation(ctx, id, os.Getenv("JUJU_UNIT_NAME"))
	if err != nil || bag["nagios_hostname"] == name {
		return err
	}
	return tools.SetRelation(ctx, id, map[string]string{"nagios_hostname": name, "nagios_host_context": prefix})
}
