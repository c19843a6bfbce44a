package server_test

import (
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
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

// TestAResourceIsUploadedAsClientsOfJujuDo, over HTTP, with the answers that were recorded; and had
// back.
func TestAResourceIsUploadedAsClientsOfJujuDo(t *testing.T) {
	h, m := smallOf(t, profile.V40, server.Options{Uploads: t.TempDir()})
	_, err := m.Deploy(model.DeployArgs{Charm: lab(t, "name: lab\nresources: {blob: {type: file, filename: blob.txt, description: a blob}}", "", ""), Name: "own", NumUnits: 1})
	must(t, err)
	content := []byte("blob two\n")
	sum := sha512.Sum384(content)
	ask := func(verb, user, resource, name, fingerprint string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(h.ctx, verb, "https://"+h.Address()+"/model/"+m.UUID+"/applications/own/resources/"+resource, bytes.NewReader(content))
		must(t, err)
		r.SetBasicAuth("user-"+user, password)
		r.Header.Set("Content-Sha384", fingerprint)
		r.Header.Set("Content-Disposition", "form-data; filename="+name)
		answer, err := h.httpClient(t).Do(r)
		must(t, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		must(t, err)
		return answer.StatusCode, string(text)
	}
	for _, c := range []struct {
		user, resource, name, fingerprint string
		code                              int
		want                              string
	}{
		{"writer", "blob", "b.txt", "00", 500, `{"error":{"message":"parsing fingerprint: invalid fingerprint (too small)","code":"not valid"}}`},
		{"writer", "blob", "b.txt", strings.Repeat("00", 48), 500, "does not match its fingerprint"},
		{"writer", "blob", "b.bin", hex.EncodeToString(sum[:]), 500, `incorrect extension on resource upload \"b.bin\", expected \".txt\"`},
		{"writer", "nosuch", "b.txt", hex.EncodeToString(sum[:]), 500, `getting resource uuid: application \"own\", resource \"nosuch\" not found`},
		{"reader", "blob", "b.txt", hex.EncodeToString(sum[:]), 401, "permission denied"},
		{"nobody's", "blob", "b.txt", hex.EncodeToString(sum[:]), 401, "invalid entity name or password"},
		{"writer", "blob", "b.txt", hex.EncodeToString(sum[:]), 200, `{"resource":{"name":"blob","type":"file","path":"blob.txt","description":"a blob","origin":"upload","revision":0,` +
			`"fingerprint":"PHxu6q1UMegsE5krwjhrbOhNSXRPR8YWNuPOsAlofUba+0TUeBEhC9E1ABsE3JjE","size":9,`},
	} {
		if code, text := ask(http.MethodPut, c.user, c.resource, c.name, c.fingerprint); code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%+v: got %d: %s", c, code, text)
		}
	}
	if code, text := ask(http.MethodGet, "reader", "blob", "", ""); code != 200 || text != string(content) {
		t.Errorf("had back: %d: %s", code, text)
	}
	if s, err := m.Snapshot("own/0"); err != nil || s.ResourceVersion != 1 {
		t.Errorf("the unit is told of %d, %v", s.ResourceVersion, err)
	}
}
