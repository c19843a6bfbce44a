// Command s3 is the dispatch of a small charm that plays s3-integrator on its endpoint s3-credentials (interface s3): once a
// requirer has asked, the leader tells it what the options say, in the databag of the application.
//
// It is that of channel 1 (v0) with the options access-key and secret-key, and that of channel 2 (v1) with the option credentials:
// the keys are then in a secret of a user's, and a requirer that asks for secrets is given one of its own.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"

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
	if hook == "secret-remove" {
		_, err := hooktool.Exec{}.Run(ctx, nil, "secret-remove", os.Getenv("JUJU_SECRET_ID"), "--revision", os.Getenv("JUJU_SECRET_REVISION"))
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
	if err != nil {
		return err
	}
	keys, err := credentials(ctx, tools)
	if err != nil {
		return err
	}
	says := map[string]string{"s3-uri-style": "path", "region": "us-east-1"}
	if keys != nil {
		says["lib-version"] = "1.0"
	}
	options := []string{"endpoint", "bucket", "path"}
	switch {
	case keys != nil && asked["requested-secrets"] != "":
		if says["secret-extra"], err = secret(ctx, id, keys); err != nil {
			return err
		}
	case keys != nil: // who asks for no secret is not of v1
		if asked["bucket"] == "" {
			return tools.SetApplicationRelation(ctx, id, map[string]string{"lib-version": "1.0"})
		}
		says["access-key"], says["secret-key"] = keys["access-key"], keys["secret-key"]
	case asked["bucket"] == "":
		return nil
	default:
		options = append(options, "access-key", "secret-key")
	}
	for _, option := range options {
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

// credentials are the keys in a user's secret; nil without that option.
func credentials(ctx context.Context, tools *hooktool.Tools) (map[string]string, error) {
	uri, err := tools.Config(ctx, "credentials")
	if err != nil || uri == "" {
		return nil, err
	}
	return tools.Secret(ctx, uri)
}

// secret is the name of the relation's own secret, with the keys in it.
func secret(ctx context.Context, id string, keys map[string]string) (string, error) {
	file, err := os.CreateTemp("", "keys")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	if err := errors.Join(json.NewEncoder(file).Encode(keys), file.Close()); err != nil {
		return "", err
	}
	tool, label := hooktool.Exec{}, "relation-"+id
	var known []byte
	if known, err = tool.Run(ctx, nil, "secret-info-get", "--format=json", "--label", label); err == nil {
		var info map[string]any
		if err := json.Unmarshal(known, &info); err != nil {
			return "", err
		}
		for name := range info {
			_, err := tool.Run(ctx, nil, "secret-set", name, "--file", file.Name())
			return "secret:" + name, err
		}
	}
	out, err := tool.Run(ctx, nil, "secret-add", "--label", label, "--file", file.Name())
	if err != nil {
		return "", err
	}
	uri := strings.TrimSpace(string(out))
	_, err = tool.Run(ctx, nil, "secret-grant", uri, "-r", id)
	return uri, err
}
