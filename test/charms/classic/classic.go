// Package classic is the provider's side of the classic dialect of the tls-certificates interface, for the small charms that play
// easyrsa and Vault in tests and the demo: it makes the keys itself, and hands them over in its unit's databag.
//
// # Use
//
//	err := classic.Dispatch(ctx, "client", authority) // in each hook, after the charm's own
//
// For every relation on the endpoint it writes ca, chain if there is one, client.cert and client.key; and for each remote unit that has
// asked, named with an underscore: <unit>.server.cert and .key for unit_name, common_name and sans, <unit>.processed_requests for
// cert_requests, and <unit>.processed_client_requests for client_cert_requests. What is of units that have left is taken back.
//
// Store keeps certificates for root alone, and Signer makes them.
package classic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"jujuetcd.io/pkg/charm/hooktool"
)

// Pair is a certificate, maybe with text before it, and its key, both PEM.
type Pair struct{ Cert, Key string }

// Purpose is what a certificate is asked for.
type Purpose string

// Purposes. A server's certificate is good for clients, too, as with every provider of this dialect.
const (
	Server Purpose = "server"
	Client Purpose = "client"
	// ServerOnly is not good for clients, as a provider should not have it.
	ServerOnly Purpose = "server only"
)

// Authority issues certificates.
type Authority interface {
	// CA and Chain are the databag's values of these names; an empty chain is left out.
	CA() string
	Chain() string
	// Issue returns the certificate of that file name, made anew if there is none with just these names.
	Issue(name string, purpose Purpose, commonName string, sans []string) (Pair, error)
}

// Root is the machine's root directory.
func Root() string {
	if root := os.Getenv("JUJUETCD_ROOT"); root != "" {
		return root
	}
	return "/"
}

// Option is the text of a charm's option, whatever its type.
func Option(ctx context.Context, name string) (string, error) {
	text, err := hooktool.Exec{}.Run(ctx, nil, "config-get", name)
	return string(bytes.TrimSpace(text)), err
}

// Address is the unit's own address.
func Address(ctx context.Context) (string, error) {
	text, err := hooktool.Exec{}.Run(ctx, nil, "unit-get", "private-address")
	return string(bytes.TrimSpace(text)), err
}

// Dispatch brings the unit's databag of every relation on the endpoint up to date, but for the one that the hook says is broken.
func Dispatch(ctx context.Context, endpoint string, a Authority) error {
	c := charm{tools: hooktool.New(hooktool.Exec{}), authority: a, unit: os.Getenv("JUJU_UNIT_NAME")}
	if c.unit == "" {
		return errors.New("cannot find the own unit's name")
	}
	ids, err := c.tools.RelationIDs(ctx, endpoint)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if strings.HasSuffix(os.Getenv("JUJU_DISPATCH_PATH"), "-relation-broken") && id == os.Getenv("JUJU_RELATION_ID") {
			continue
		}
		if err := c.answer(ctx, id); err != nil {
			return fmt.Errorf("cannot answer relation %s: %w", id, err)
		}
	}
	return nil
}

type charm struct {
	tools     *hooktool.Tools
	authority Authority
	unit      string
}

// answer writes what the units of one relation have asked for.
func (c *charm) answer(ctx context.Context, id string) error {
	client, err := c.authority.Issue("client", Client, "client", nil)
	if err != nil {
		return err
	}
	bag := map[string]string{"ca": c.authority.CA(), "client.cert": client.Cert, "client.key": client.Key}
	if chain := c.authority.Chain(); chain != "" {
		bag["chain"] = chain
	}
	units, err := c.tools.RelationUnits(ctx, id)
	if err != nil {
		return err
	}
	for _, unit := range units {
		asked, err := c.tools.Relation(ctx, id, unit)
		if err != nil {
			return err
		}
		if err := c.answerUnit(asked, bag); err != nil {
			return fmt.Errorf("cannot answer %s: %w", unit, err)
		}
	}
	return c.write(ctx, id, bag)
}

func (c *charm) answerUnit(asked, bag map[string]string) error {
	name := asked["unit_name"]
	if name == "" {
		return nil
	}
	if cn := asked["common_name"]; cn != "" {
		var sans []string
		if err := unmarshal(asked["sans"], &sans); err != nil {
			return fmt.Errorf("cannot read its sans: %w", err)
		}
		p, err := c.authority.Issue(fileName(name, cn), Server, cn, sans)
		if err != nil {
			return err
		}
		bag[name+".server.cert"], bag[name+".server.key"] = p.Cert, p.Key
	}
	for key, purpose := range map[string]Purpose{"cert_requests": Server, "client_cert_requests": Client} {
		processed, err := c.answerBatch(name, key, purpose, asked[key])
		if err != nil {
			return fmt.Errorf("cannot answer its %s: %w", key, err)
		}
		if processed != "" {
			bag[name+"."+processedKeys[purpose]] = processed
		}
	}
	return nil
}

// processedKeys are where several requests are answered.
var processedKeys = map[Purpose]string{Server: "processed_requests", Client: "processed_client_requests"}

func (c *charm) answerBatch(name, key string, purpose Purpose, text string) (string, error) {
	wishes := map[string]struct {
		SANs []string `json:"sans"`
	}{}
	if err := unmarshal(text, &wishes); err != nil || len(wishes) == 0 {
		return "", err
	}
	processed := map[string]map[string]string{}
	for _, cn := range slices.Sorted(maps.Keys(wishes)) {
		p, err := c.authority.Issue(fileName(name, key, cn), purpose, cn, wishes[cn].SANs)
		if err != nil {
			return "", err
		}
		processed[cn] = map[string]string{"cert": p.Cert, "key": p.Key}
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
func (c *charm) write(ctx context.Context, id string, bag map[string]string) error {
	now, err := c.tools.Relation(ctx, id, c.unit)
	if err != nil {
		return err
	}
	changes := map[string]string{}
	for k, v := range bag {
		if now[k] != v {
			changes[k] = v
		}
	}
	for k := range now {
		if _, kept := bag[k]; !kept && (k == "chain" || strings.Contains(k, ".server.") || strings.Contains(k, ".processed_")) {
			changes[k] = ""
		}
	}
	if len(changes) == 0 {
		return nil
	}
	return c.tools.SetRelation(ctx, id, changes)
}
