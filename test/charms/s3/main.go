// Command s3 is the dispatch of a small charm that plays s3-integrator (1/stable) on its endpoint s3-credentials (interface s3, v0):
// once a requirer has asked for a bucket, the leader tells it what the options say, in the databag of the application.
package main

import (
	"context"
	"encoding/json"
	"os"

	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/test/charms/dispatch"
)

const endpoint = "s3-credentials"

func main() {
	dispatch.Main("s3", func(ctx context.Context) error { return run(ctx, os.Getenv("JUJU_HOOK_NAME")) })
}

func run(ctx context.Context, hook string) error {
	tools := hooktool.New(hooktool.Exec{})
	leader, err := tools.IsLeader(ctx)
	if err != nil || !leader || hook == "stop" || hook == "remove" {
		return err
	}
	ids, err := tools.RelationIDs(ctx, endpoint)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if id == dispatch.Broken() {
			continue
		}
		if err := answer(ctx, tools, id); err != nil {
			return err
		}
	}
	return nil
}

// answer tells who has asked.
func answer(ctx context.Context, tools *hooktool.Tools, id string) error {
	application, err := tools.RelationApplication(ctx, id)
	if err != nil || application == "" {
		return err
	}
	asked, err := tools.ApplicationRelation(ctx, id, application)
	if err != nil || asked["bucket"] == "" {
		return err
	}
	says := map[string]string{"s3-uri-style": "path", "region": "us-east-1"}
	for _, option := range []string{"endpoint", "bucket", "path", "access-key", "secret-key"} {
		if says[option], err = tools.Config(ctx, option); err != nil {
			return err
		}
	}
	chain, err := tools.Config(ctx, "tls-ca-chain")
	if err != nil {
		return err
	}
	if chain != "" {
		text, err := json.Marshal([]string{chain})
		if err != nil {
			return err
		}
		says["tls-ca-chain"] = string(text)
	}
	return tools.SetApplicationRelation(ctx, id, says)
}
