package server_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/server"
)

// What a real 4.0 answers, letter for letter: ID stands for the secret's.
func TestSecretsAreKeptAndRefusedAsOnARealController(t *testing.T) {
	h, m := small(t, server.Options{})
	writer, reader, admin := h.login(t, m, "writer", password), h.login(t, m, "reader", password), h.login(t, m, "admin", password)
	id, times := "", regexp.MustCompile(`"20[0-9-]+T[0-9:.]+Z"`)
	const nothing = `{"results":[{}]}`
	shown := func(revision int, sum, revisions, value, access string) string {
		return fmt.Sprintf(`{"results":[{"uri":"secret:ID","version":1,"owner-tag":"model-%s","rotate-policy":"never","description":"about it","label":"sec1",`+
			`"latest-revision":%d,"latest-revision-checksum":"%s","create-time":T,"update-time":T,"revisions":[%s]%s%s}]}`, m.UUID, revision, sum, revisions, value, access)
	}
	one := func(n int) string {
		return fmt.Sprintf(`{"revision":%d,"backend-name":"internal","create-time":T,"update-time":T}`, n)
	}
	const first, second = "4b9f4229bcc8672d7aa39d4bc61336147909867c5fce2617ea6c626a36945f28", "0b434d7e369eda1d5e9b5d7c8ebbd818253abdada51ee6e5f115852740c6bef7"
	access := fmt.Sprintf(`,"access":[{"target-tag":"application-etcd","scope-tag":"model-%s","role":"view"}]`, m.UUID)
	for _, asked := range []struct {
		by                   *client
		method, params, want string
	}{
		{reader, "ListSecrets", `{"show-secrets":false,"filter":{}}`, `{"results":[]}`},
		{writer, "CreateSecrets", `{"args":[{"description":"about it","label":"sec1","content":{"data":{"pass":"cDE=","user":"Ym9i"}},"owner-tag":""}]}`, `{"results":[{"result":"secret:ID"}]}`},
		{writer, "CreateSecrets", `{"args":[{"label":"sec1","content":{"data":{"abc":"Yg=="}},"owner-tag":""}]}`,
			`{"results":[{"error":{"message":"secret with name \"sec1\" already exists","code":"already exists"},"result":""}]}`},
		{writer, "CreateSecrets", `{"args":[{"content":{"data":{"abc":"Yg=="}},"owner-tag":"application-etcd"}]}`,
			`{"results":[{"error":{"message":"owner tag \"application-etcd\" not valid","code":"not valid"},"result":""}]}`},
		{reader, "ListSecrets", `{"show-secrets":false,"filter":{"label":"sec1"}}`, shown(1, first, one(1), "", "")},
		{admin, "ListSecrets", `{"show-secrets":true,"filter":{"uri":"secret:ID"}}`, shown(1, first, one(1), `,"value":{"data":{"pass":"cDE=","user":"Ym9i"}}`, "")},
		{writer, "GrantSecret", `{"uri":"","label":"sec1","applications":["etcd"]}`, nothing},
		{writer, "GrantSecret", `{"uri":"","label":"sec1","applications":["nosuchapp"]}`,
			`{"results":[{"error":{"message":"cannot change access to \"secret:ID\" for \"nosuchapp\": application \"nosuchapp\" not found","code":""}}]}`},
		{writer, "UpdateSecrets", `{"args":[{"content":{"data":{"pass":"cDI=","user":"Ym9i"}},"uri":"","existing-label":"sec1"}]}`, nothing},
		{reader, "ListSecrets", `{"show-secrets":false,"filter":{"label":"sec1"}}`, shown(2, second, one(1)+","+one(2), "", access)},
		{reader, "ListSecrets", `{"show-secrets":false,"filter":{"label":"sec1","revision":1}}`, shown(2, second, one(1), "", access)},
		{reader, "ListSecrets", `{"show-secrets":false,"filter":{"owner-tag":"application-etcd"}}`, `{"results":[]}`},
		{writer, "RevokeSecret", `{"uri":"secret:ID","label":"","applications":["etcd"]}`, nothing},
		// Nobody has read the first revision, so that it goes.
		{writer, "UpdateSecrets", `{"args":[{"content":{},"uri":"","existing-label":"sec1","auto-prune":true}]}`, nothing},
		{writer, "RemoveSecrets", `{"args":[{"uri":"","label":"sec1","revisions":[1]}]}`,
			`{"results":[{"error":{"message":"secret revision not found: secret:ID/1","code":"secret revision not found"}}]}`},
		{writer, "RemoveSecrets", `{"args":[{"uri":"","label":"sec1"}]}`, nothing},
		{reader, "ListSecrets", `{"show-secrets":false,"filter":{"label":"sec1"}}`, `{"results":[]}`},
	} {
		r := asked.by.call("Secrets", 2, asked.method, json.RawMessage(strings.ReplaceAll(asked.params, "ID", id)))
		if found := regexp.MustCompile(`"secret:([0-9a-v]{20})"`).FindSubmatch(r.Response); found != nil && id == "" {
			id = string(found[1])
		}
		if got := times.ReplaceAllString(string(r.Response), "T"); r.Error != "" || got != strings.ReplaceAll(asked.want, "ID", id) {
			t.Errorf("%s %s: got %s %s, want %s", asked.method, asked.params, r.Error, got, asked.want)
		}
	}
	unknown := map[string]any{"label": "nosuch", "applications": []string{"etcd"}}
	const missing = `getting user secret for label "nosuch": secret with label "nosuch" not found`
	writer.refused("secret not found", missing, "Secrets", 2, "GrantSecret", unknown)
	writer.refused("secret not found", missing, "Secrets", 1, "RevokeSecret", unknown)
	writer.refused(wire.CodeUnauthorized, wire.MessagePermissionDenied, "Secrets", 2, "ListSecrets", map[string]any{"show-secrets": true, "filter": struct{}{}})
	for _, method := range []string{"CreateSecrets", "UpdateSecrets", "RemoveSecrets", "GrantSecret", "RevokeSecret"} {
		reader.refused(wire.CodeUnauthorized, wire.MessagePermissionDenied, "Secrets", 2, method, struct{}{})
	}
	writer.refused(wire.CodeNotSupported, "jujusim does not read parameter args.rotate-policy of Secrets.CreateSecrets", "Secrets", 2, "CreateSecrets",
		map[string]any{"args": []any{map[string]any{"rotate-policy": "hourly"}}})
}
