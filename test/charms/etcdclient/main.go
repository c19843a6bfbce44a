// Command etcdclient is the dispatch of a small charm that wants etcd: what a charm of Kubernetes
// does with its relation to etcd, and no more.
//
// In every hook it reads its relations on the endpoints db and proxy as the requirer's side of
// these interfaces does: for each key the first remote unit, in Juju's order, that has a value; a
// unit that departs comes last. What it finds it writes, if it differs, to a file that holds a JSON
// object of the keys that have a value:
//
//	ROOT/var/lib/etcdclient/{db,proxy}.json     this charm, root-only, replaced at once
//
// A program that knows nothing but such a file is what the tests hold the provider against. With
// the option slow each hook of a relation waits that many seconds first, as that of a charm which
// restarts its service does.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/pkg/pause"
	"jujuetcd.io/test/charms/dispatch"
)

// dir is where the files lie below the machine's root.
const dir = "var/lib/etcdclient"

// keys are what a requirer takes from each relation.
var keys = map[string][]string{
	"db":    {"connection_string", "client_ca", "client_cert", "client_key", "version"},
	"proxy": {"cluster", "client_ca", "client_cert", "client_key"},
}

func main() {
	dispatch.Main("etcdclient", func(ctx context.Context) error { return run(ctx, os.Getenv) })
}

func run(ctx context.Context, getenv func(string) string) error {
	hook := getenv("JUJU_HOOK_NAME")
	if hook == "stop" || hook == "remove" {
		return nil
	}
	c := client{tools: hooktool.New(hooktool.Exec{}), getenv: getenv, hook: hook}
	if getenv("JUJU_RELATION_ID") != "" {
		if err := c.linger(ctx); err != nil {
			return err
		}
	}
	for endpoint := range keys {
		said, err := c.said(ctx, endpoint)
		if err != nil {
			return err
		}
		if err := c.write(endpoint, said); err != nil {
			return err
		}
		if endpoint == "db" && hook != "update-status" {
			if err := c.show(ctx, said); err != nil {
				return err
			}
		}
	}
	return nil
}

type client struct {
	tools  *hooktool.Tools
	getenv func(string) string
	hook   string
}

// linger takes the time that the option slow says.
func (c *client) linger(ctx context.Context) error {
	text, err := hooktool.Exec{}.Run(ctx, nil, "config-get", "slow")
	if err != nil {
		return err
	}
	linger, err := time.ParseDuration(strings.TrimSpace(string(text)) + "s")
	if err != nil {
		return fmt.Errorf("cannot read the option slow: %w", err)
	}
	return pause.For(ctx, linger)
}

// said is what the endpoint's relations say: the first value that a remote unit has for each key.
func (c *client) said(ctx context.Context, endpoint string) (map[string]string, error) {
	said := map[string]string{}
	ids, err := c.tools.RelationIDs(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		current := c.getenv("JUJU_RELATION_ID") == id
		if current && strings.HasSuffix(c.hook, "-relation-broken") {
			continue
		}
		units, err := c.tools.RelationUnits(ctx, id)
		if err != nil {
			return nil, err
		}
		if remote := c.getenv("JUJU_REMOTE_UNIT"); current && remote != "" && strings.HasSuffix(c.hook, "-relation-departed") {
			units = append(units, remote)
		}
		for _, unit := range units {
			bag, err := c.tools.Relation(ctx, id, unit)
			if err != nil {
				return nil, err
			}
			for _, key := range keys[endpoint] {
				if said[key] == "" && bag[key] != "" {
					said[key] = bag[key]
				}
			}
		}
	}
	return said, nil
}

// write replaces the endpoint's file if it differs.
func (c *client) write(endpoint string, said map[string]string) error {
	path := filepath.Join("/", c.getenv("JUJUETCD_ROOT"), dir, endpoint+".json")
	text, err := json.MarshalIndent(said, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode what %s says: %w", endpoint, err)
	}
	if have, err := os.ReadFile(path); err == nil && string(have) == string(text) {
		return nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// show says in the status how many endpoints db names.
func (c *client) show(ctx context.Context, said map[string]string) error {
	status := v1alpha1.StatusText{State: "waiting", Message: "Waiting for etcd"}
	if list := said["connection_string"]; list != "" {
		status = v1alpha1.StatusText{State: "active", Message: fmt.Sprintf("%d endpoints of etcd", strings.Count(list, ",")+1)}
	}
	return c.tools.SetStatus(ctx, status)
}
