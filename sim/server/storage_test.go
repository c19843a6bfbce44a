package server_test

import (
	"encoding/json"
	"testing"

	"jujuetcd.io/sim/server"
)

// What a real 4.0 answers, letter for letter where it refuses, too; storage that it would add is
// refused in other words.
func TestStorageIsListedAndRefusedAsOnARealController(t *testing.T) {
	h, m := small(t, server.Options{})
	c := h.login(t, m, "writer", password)
	for _, asked := range []struct{ method, params, want string }{
		{"ListPools", `{"filters":[{}]}`, `{"results":[{"storage-pools":[{"name":"rootfs","provider":"rootfs","attrs":null},` +
			`{"name":"tmpfs","provider":"tmpfs","attrs":null},{"name":"loop","provider":"loop","attrs":null}]}]}`},
		{"AddToUnit", `{"storages":[{"unit":"unit-etcd-0","name":"files","storage":{"pool":"rootfs","size":10,"count":1}}]}`,
			`{"results":[{"error":{"message":"storage name \"files\" not supported by charm","code":"not supported"}}]}`},
		{"AddToUnit", `{"storages":[{"unit":"unit-etcd-0","name":"data","storage":{"pool":"nosuch","size":0,"count":1}}]}`,
			`{"results":[{"error":{"message":"storage pool \"nosuch\" does not exist","code":"not found"}}]}`},
		{"AddToUnit", `{"storages":[{"unit":"unit-etcd-9","name":"data","storage":{"pool":"loop","size":0,"count":1}}]}`,
			`{"results":[{"error":{"message":"unit \"etcd/9\" does not exist","code":"not found"}}]}`},
		{"AddToUnit", `{"storages":[{"unit":"unit-etcd-0","name":"data","storage":{"size":0,"count":1}}]}`,
			`{"results":[{"error":{"message":"jujusim adds no storage to a unit that is there","code":"not supported"}}]}`},
	} {
		r := c.call("Storage", 7, asked.method, json.RawMessage(asked.params))
		if r.Error != "" || string(r.Response) != asked.want {
			t.Errorf("%s %s: got %s %s, want %s", asked.method, asked.params, r.Error, r.Response, asked.want)
		}
	}
}
