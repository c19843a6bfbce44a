package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// endpoint is the charm's own end of the relation.
const endpoint = "client"

// wish is one entry of cert_requests.
type wish struct {
	SANs []string `json:"sans"`
}

// answerAll brings the own databag of every relation up to date, but for the one that is gone.
func answerAll(a authority, gone string) error {
	var ids []string
	if err := ask(&ids, "relation-ids", endpoint); err != nil {
		return err
	}
	for _, id := range ids {
		if id == gone {
			continue
		}
		if err := answer(a, id); err != nil {
			return err
		}
	}
	return nil
}

// answer writes what the units of one relation have asked for, and takes back what is of units that have left.
func answer(a authority, id string) error {
	ca, err := a.read("ca")
	if err != nil {
		return err
	}
	client, err := a.issue("issued/client", "client", nil)
	if err != nil {
		return err
	}
	bag := map[string]string{"ca": ca.cert, "client.cert": client.cert, "client.key": client.key}
	var units []string
	if err := ask(&units, "relation-list", "-r", id); err != nil {
		return err
	}
	for _, unit := range units {
		if err := answerUnit(a, id, unit, bag); err != nil {
			return err
		}
	}
	return write(id, bag)
}

func answerUnit(a authority, id, unit string, bag map[string]string) error {
	var asked map[string]string
	if err := ask(&asked, "relation-get", "-r", id, "-", unit); err != nil {
		return err
	}
	name := asked["unit_name"]
	if name == "" {
		return nil
	}
	if cn := asked["common_name"]; cn != "" {
		var sans []string
		if err := unmarshal(asked["sans"], &sans); err != nil {
			return fmt.Errorf("cannot read the sans of %s: %w", unit, err)
		}
		p, err := a.issue("issued/"+fileName(name, cn), cn, sans)
		if err != nil {
			return err
		}
		bag[name+".server.cert"], bag[name+".server.key"] = p.cert, p.key
	}
	for _, kind := range []string{"cert_requests", "client_cert_requests"} {
		processed, err := answerBatch(a, name, kind, asked[kind])
		if err != nil {
			return fmt.Errorf("cannot answer the %s of %s: %w", kind, unit, err)
		}
		if processed != "" {
			bag[name+"."+map[string]string{"cert_requests": "processed_requests", "client_cert_requests": "processed_client_requests"}[kind]] = processed
		}
	}
	return nil
}

func answerBatch(a authority, name, kind, text string) (string, error) {
	wishes := map[string]wish{}
	if err := unmarshal(text, &wishes); err != nil || len(wishes) == 0 {
		return "", err
	}
	processed := map[string]map[string]string{}
	for _, cn := range slices.Sorted(maps.Keys(wishes)) {
		p, err := a.issue("issued/"+fileName(name, kind, cn), cn, wishes[cn].SANs)
		if err != nil {
			return "", err
		}
		processed[cn] = map[string]string{"cert": p.cert, "key": p.key}
	}
	out, err := json.Marshal(processed)
	return string(out), err
}

func unmarshal(text string, into any) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), into)
}

// fileName is a name for a certificate's files: common names come from others, and may hold a slash.
func fileName(parts ...string) string {
	return strings.NewReplacer("/", "_", "..", "_").Replace(strings.Join(parts, "-"))
}

// write sets the keys that differ, and removes certificates of units that have left.
func write(id string, bag map[string]string) error {
	own := unitName()
	if own == "" {
		return errors.New("cannot find the own unit's name")
	}
	var now map[string]string
	if err := ask(&now, "relation-get", "-r", id, "-", own); err != nil {
		return err
	}
	changes := map[string]string{}
	for k, v := range bag {
		if now[k] != v {
			changes[k] = v
		}
	}
	for k := range now {
		_, kept := bag[k]
		if !kept && (strings.Contains(k, ".server.") || strings.Contains(k, ".processed_")) {
			changes[k] = ""
		}
	}
	if len(changes) == 0 {
		return nil
	}
	data, err := json.Marshal(changes)
	if err != nil {
		return err
	}
	return tellWith(data, "relation-set", "-r", id, "--file", "-")
}
