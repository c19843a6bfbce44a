package server_test

import (
	"crypto/sha512"
	"encoding/json"
	"regexp"
	"testing"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/profile"
	"jujuetcd.io/sim/server"
)

// TestResourcesAreListedAsRecorded: the reply is the one that a controller of Juju 4.0 has given, but
// for what it makes up: the id and the time.
func TestResourcesAreListedAsRecorded(t *testing.T) {
	h, m := smallOf(t, profile.V40, server.Options{})
	content := []byte("blob two\n")
	sum := sha512.Sum384(content)
	_, err := m.Deploy(model.DeployArgs{Charm: lab(t, "name: lab\nresources: {blob: {type: file, filename: blob.txt, description: a blob}, none: {type: file, filename: none.txt}}", "", ""),
		Name: "own", NumUnits: 1, User: "admin", Resources: map[string]model.Upload{"blob": {Name: "b.txt", File: "/kept", Size: 9, Fingerprint: sum[:]}}})
	must(t, err)
	list := func() string {
		t.Helper()
		params, err := json.Marshal(wire.Entities{Entities: []wire.Entity{{Tag: "application-own"}, {Tag: "application-nosuch"}}})
		must(t, err)
		reply, fault := h.Call(t.Context(), "admin", m.UUID, wire.Request{Type: "Resources", Version: 3, Request: "ListResources", Params: params})
		if fault != nil {
			t.Fatal(fault.Message)
		}
		text := regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllString(string(reply), "ID")
		return regexp.MustCompile(`"timestamp":"20[^"]+Z"`).ReplaceAllString(text, `"timestamp":"AT"`)
	}
	const blob = `{"name":"blob","type":"file","path":"blob.txt","description":"a blob","origin":"upload","revision":0,` +
		`"fingerprint":"PHxu6q1UMegsE5krwjhrbOhNSXRPR8YWNuPOsAlofUba+0TUeBEhC9E1ABsE3JjE","size":9,"id":"ID","pending-id":"",` +
		`"application":"own","username":"admin","timestamp":"AT"}`
	const none = `{"name":"none","type":"file","path":"none.txt","description":"","origin":"upload","revision":0,` +
		`"fingerprint":"","size":0,"id":"ID","pending-id":"","application":"own","username":"","timestamp":"AT"}`
	wants := func(units string) string {
		return `{"results":[{"resources":[` + blob + `,` + none + `],"charm-store-resources":[],"unit-resources":[{"tag":"unit-own-0","resources":` + units +
			`,"download-progress":null}]},{"error":{"message":"application nosuch not found","code":""},"resources":null,"charm-store-resources":null,"unit-resources":null}]}`
	}
	if got, want := list(), wants("null"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	_, err = m.FetchResource("own/0", "blob")
	must(t, err)
	if got, want := list(), wants("["+blob+"]"); got != want {
		t.Errorf("once it is fetched: got  %s\nwant %s", got, want)
	}
	if _, err = m.FetchResource("own/0", "none"); !model.IsNotFound(err) {
		t.Errorf("what nobody has uploaded: %v", err)
	}
}
