// Package asked is the answering side of the request and answer pattern of charms.reactive, for test charms: remote units write
// request_ID into their databags, and a unit of this charm answers with response_ID.
//
//	requests, err := asked.Read(ctx, tools, "manual-jobs", broken)
//	err = asked.Answer(ctx, tools, unit, requests)
//
// As there, requests are told apart by their id alone: of two units that ask with one id, one is heard.
package asked

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"jujuetcd.io/pkg/charm/hooktool"
)

// Request is one request that is there now.
type Request struct {
	ID, Relation string
	Body         json.RawMessage
	// Success and Reason are the answer, to be filled in before Answer.
	Success bool
	Reason  string
}

// Read returns the requests of an endpoint, by id, without those of the relation that the running hook takes down.
func Read(ctx context.Context, tools *hooktool.Tools, endpoint, broken string) ([]*Request, error) {
	found := map[string]*Request{}
	ids, err := tools.RelationIDs(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if id == broken {
			continue
		}
		units, err := tools.RelationUnits(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, unit := range units {
			bag, err := tools.Relation(ctx, id, unit)
			if err != nil {
				return nil, err
			}
			for key, text := range bag {
				if name, ok := strings.CutPrefix(key, "request_"); ok {
					found[name] = &Request{ID: name, Relation: id, Body: json.RawMessage(text)}
				}
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b *Request) int { return strings.Compare(a.ID, b.ID) }), nil
}

// Answer writes the answers into the own unit's databags, if they differ.
func Answer(ctx context.Context, tools *hooktool.Tools, unit string, requests []*Request) error {
	for _, r := range requests {
		text, err := json.Marshal(map[string]any{"success": r.Success, "reason": r.Reason})
		if err != nil {
			return fmt.Errorf("cannot encode an answer: %w", err)
		}
		bag, err := tools.Relation(ctx, r.Relation, unit)
		if err != nil {
			return err
		}
		if key := "response_" + r.ID; bag[key] != string(text) {
			if err := tools.SetRelation(ctx, r.Relation, map[string]string{key: string(text)}); err != nil {
				return err
			}
		}
	}
	return nil
}
