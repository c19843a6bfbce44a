// Command selfsigned is the dispatch of a small charm that plays the providers of the newer tls-certificates protocol (version 1 of the
// interface): self-signed-certificates where it signs at once, manual-tls-certificates where a person approves.
//
// It reads certificate_signing_requests from the databags of the requirer's units and of its application, and answers in its own
// application's databag: capabilities, certificates, and request_errors. A request that is not there any more takes its certificate
// with it. One unit is enough: only Juju's leader can write there.
//
// # Who writes what
//
//	ROOT/var/lib/selfsigned/{root,signer}.pem          the authority, root-only
//	ROOT/var/lib/selfsigned/state.json                what was signed, approved, and ever seen
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/test/charms/dispatch"
)

const endpoint = "certificates"

func main() {
	dispatch.Main("selfsigned", func(ctx context.Context) error { return run(ctx, os.Getenv("JUJU_DISPATCH_PATH")) })
}

func run(ctx context.Context, path string) error {
	switch path {
	case "hooks/install", "hooks/stop", "hooks/remove":
		return nil
	}
	tools := hooktool.New(hooktool.Exec{})
	c := &charm{ctx: ctx, tools: tools, unit: os.Getenv("JUJU_UNIT_NAME"), dir: filepath.Join("/", os.Getenv("JUJUETCD_ROOT"), "var/lib/selfsigned")}
	if err := c.load(); err != nil {
		return err
	}
	asked, err := c.asked()
	if err != nil {
		return err
	}
	if path == "actions/approve" {
		c.state.Approved = append(c.state.Approved, c.outstanding(asked)...)
	}
	if err := c.answer(asked); err != nil {
		return err
	}
	if err := c.save(); err != nil {
		return err
	}
	if strings.HasPrefix(path, "actions/") {
		return tools.SetActionResult(ctx, "requests", fmt.Sprintf("%d outstanding, %d ever seen", len(c.outstanding(asked)), len(c.state.Seen)))
	}
	if path == "hooks/update-status" {
		return nil
	}
	return c.show()
}

// charm is one dispatch.
type charm struct {
	ctx       context.Context
	tools     *hooktool.Tools
	unit, dir string
	options   options
	state     state
	authority authority
}

type options struct {
	validity     time.Duration
	manual       bool
	deny         string
	intermediate bool
}

// state is what the charm remembers.
type state struct {
	// Signed are certificates by request; Approved and Seen are requests.
	Signed   map[string]string `json:"signed"`
	Approved []string          `json:"approved"`
	Seen     []string          `json:"seen"`
}

func (c *charm) load() error {
	read := func(name string) string {
		text, err := c.tools.Config(c.ctx, name)
		if err != nil {
			return ""
		}
		return text
	}
	var err error
	if c.options.validity, err = time.ParseDuration(read("validity")); err != nil {
		return fmt.Errorf("cannot read option validity: %w", err)
	}
	c.options.manual, c.options.deny, c.options.intermediate = read("approve") == "manual", read("deny"), read("intermediate") == "true"
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	c.state.Signed = map[string]string{}
	text, err := os.ReadFile(filepath.Join(c.dir, "state.json"))
	if err == nil {
		err = json.Unmarshal(text, &c.state)
	} else if os.IsNotExist(err) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("cannot read the state: %w", err)
	}
	return c.authority.open(c.dir, c.options.intermediate)
}

func (c *charm) save() error {
	text, err := json.Marshal(c.state)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(c.dir, "state.json"), text)
}

// asked are the requests that are there now, by relation.
func (c *charm) asked() (map[string][]string, error) {
	ids, err := c.tools.RelationIDs(c.ctx, endpoint)
	if err != nil {
		return nil, err
	}
	asked := map[string][]string{}
	for _, id := range ids {
		if id == dispatch.Broken() {
			continue
		}
		asked[id] = nil
		application, err := c.tools.RelationApplication(c.ctx, id)
		if err != nil {
			return nil, err
		}
		bag, err := c.tools.ApplicationRelation(c.ctx, id, application)
		if err != nil {
			return nil, err
		}
		bags := []map[string]string{bag}
		units, err := c.tools.RelationUnits(c.ctx, id)
		if err != nil {
			return nil, err
		}
		for _, unit := range units {
			bag, err := c.tools.Relation(c.ctx, id, unit)
			if err != nil {
				return nil, err
			}
			bags = append(bags, bag)
		}
		for _, bag := range bags {
			requests, err := requestsIn(bag)
			if err != nil {
				return nil, err
			}
			asked[id] = append(asked[id], requests...)
		}
		for _, request := range asked[id] {
			if !slices.Contains(c.state.Seen, request) {
				c.state.Seen = append(c.state.Seen, request)
			}
		}
	}
	return asked, nil
}

func requestsIn(bag map[string]string) ([]string, error) {
	text := bag["certificate_signing_requests"]
	if text == "" {
		return nil, nil
	}
	var list []struct {
		Request string `json:"certificate_signing_request"`
		CA      bool   `json:"ca"`
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("cannot read certificate_signing_requests: %w", err)
	}
	var requests []string
	for _, r := range list {
		requests = append(requests, strings.TrimSpace(r.Request))
	}
	return requests, nil
}

// outstanding are the requests that wait for an approval.
func (c *charm) outstanding(asked map[string][]string) []string {
	var waiting []string
	for _, requests := range asked {
		for _, r := range requests {
			if c.options.manual && c.state.Signed[r] == "" && !slices.Contains(c.state.Approved, r) {
				waiting = append(waiting, r)
			}
		}
	}
	return waiting
}

// answer signs what may be signed and writes all answers, if this unit is the one that can.
func (c *charm) answer(asked map[string][]string) error {
	leader, err := c.tools.IsLeader(c.ctx)
	if err != nil || !leader {
		return err
	}
	application, _, _ := strings.Cut(c.unit, "/")
	known := map[string]bool{}
	for id, requests := range asked {
		certificates, refusals := []any{}, []any{}
		for _, r := range requests {
			known[r] = true
			if c.options.deny != "" && namesIP(r) {
				refusals = append(refusals, map[string]any{"certificate_signing_request": r, "error": map[string]any{
					"code": 101, "name": "ip_not_allowed", "message": c.options.deny, "provider": application}})
				continue
			}
			if c.state.Signed[r] == "" && (!c.options.manual || slices.Contains(c.state.Approved, r)) {
				if c.state.Signed[r], err = c.authority.sign(r, c.options.validity); err != nil {
					return err
				}
			}
			if cert := c.state.Signed[r]; cert != "" {
				certificates = append(certificates, map[string]any{"certificate_signing_request": r, "certificate": cert,
					"ca": c.authority.ca(), "chain": append([]string{cert}, c.authority.chain()...), "revoked": false})
			}
		}
		if err := c.write(id, application, certificates, refusals); err != nil {
			return err
		}
	}
	for r := range c.state.Signed {
		if !known[r] {
			delete(c.state.Signed, r)
		}
	}
	return nil
}

func (c *charm) write(id, application string, certificates, refusals []any) error {
	bag, err := c.tools.ApplicationRelation(c.ctx, id, application)
	if err != nil {
		return err
	}
	want := map[string]string{"capabilities": `{"provider_type":"self-signed-certificates","supports_ca_certificates":true,"supports_ip_sans":true,"supports_wildcard_dns":true}`}
	for key, list := range map[string][]any{"certificates": certificates, "request_errors": refusals} {
		if len(list) == 0 {
			want[key] = ""
			continue
		}
		text, err := json.Marshal(list)
		if err != nil {
			return err
		}
		want[key] = string(text)
	}
	for key, value := range want {
		if bag[key] == value {
			delete(want, key)
		}
	}
	if len(want) == 0 {
		return nil
	}
	return c.tools.SetApplicationRelation(c.ctx, id, want)
}
