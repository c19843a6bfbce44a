package machine_test

import (
	"testing"

	"jujuetcd.io/sim/model"
)

func TestHookToolsPrintWhatJujuPrints(t *testing.T) {
	w := newWorld(t)
	w.deploy(probe(t), "a", 2)
	w.settled("a/0", "a/1")
	w.setConfig("a", "port", "2380")
	leader, err := w.Leader("a")
	if err != nil {
		t.Fatal(err)
	}
	address, err := w.View("a/0").Address()
	if err != nil {
		t.Fatal(err)
	}
	lead := map[bool]string{true: "true", false: "false"}[leader == "a/0"]
	network := `{"bind-addresses":[{"mac-address":"","interface-name":"lo","addresses":[{"hostname":"","value":"` + address + `","cidr":"127.0.0.0/8"}]}],"egress-subnets":["` + address + `/32"],"ingress-addresses":["` + address + `"]}`
	for _, c := range []struct {
		command, stdout, stderr string
		code                    int
	}{
		{"config-get --format=json", `{"fast":false,"name":"","port":2380}` + "\n", "", 0},
		{"config-get port", "2380\n", "", 0},
		{"config-get --format=json nosuch", "null\n", "", 0},
		{"config-get fast", "False\n", "", 0},
		{"config-get --format=yaml", "fast: false\nname: \"\"\nport: 2380\n", "", 0},
		{"relation-ids ring --format=json", "[\"ring:0\"]\n", "", 0},
		{"relation-ids in --format=json", "[]\n", "", 0},
		{"relation-list -r ring:0 --format json", "[\"a/1\"]\n", "", 0},
		{"relation-list -r ring:0", "a/1\n", "", 0},
		{"relation-list --app -r ring:0 --format=json", "\"a\"\n", "", 0},
		{"relation-list -r ring:99", "", "ERROR invalid value \"ring:99\" for option -r: relation not found\n", 2},
		{"relation-list", "", "ERROR no relation id specified\n", 2},
		{"is-leader --format=json", lead + "\n", "", 0},
		{"network-get ring --format=json", network + "\n", "", 0},
		{"network-get ring --ingress-address", address + "\n", "", 0},
		{"unit-get private-address", address + "\n", "", 0},
		{"relation-model-get -r ring:0 --format=json", `{"uuid":"` + w.UUID + `"}` + "\n", "", 0},
		{"state-set a=b && state-get a && state-get --format=json nosuch", "b\n\"\"\n", "", 0},
		{"state-get -", "a: b\n", "", 0},
		{"state-delete a && state-get --strict a", "", "ERROR \"a\" not found\n", 1},
		{"echo '{\"k\": \"v\\nw\", \"gone\": \"\"}' | relation-set -r ring:0 --file - && relation-get -r ring:0 --format=json k a/0", "\"v\\nw\"\n", "", 0},
		{"status-set active 'all good' && status-get --include-data --format=json", `{"message":"all good","status":"active","status-data":{}}` + "\n", "", 0},
		{"status-set wrong", "", "ERROR invalid status \"wrong\", expected one of [maintenance blocked waiting active]\n", 2},
		{"storage-list --format=json", "[]\n", "", 0},
		{"open-port what", "", "ERROR invalid port range \"what\"\n", 2},
		{"application-version-set 3.6.16; juju-log -l WARNING hello", "", "", 0},
		{"leader-get", "", "", 127},
	} {
		task := w.exec("a/0", c.command)
		out, _ := task.Output["stdout"].(string)
		faults, _ := task.Output["stderr"].(string)
		if c.code == 127 {
			faults = "" // bash's own words
		}
		if out != c.stdout || faults != c.stderr || task.Output["return-code"] != c.code {
			t.Errorf("%s: printed %q, complained %q, exit %v;\nwant %q, %q, %d", c.command, out, faults, task.Output["return-code"], c.stdout, c.stderr, c.code)
		}
	}
	if u, _ := w.Unit("a/0"); u.WorkloadVersion != "3.6.16" || u.Workload.Message != "all good" {
		t.Errorf("the unit: %+v", u)
	}
	var logged bool
	for _, l := range w.Logs(0) {
		logged = logged || l == (model.LogLine{Number: l.Number, At: l.At, Entity: "unit-a-0", Level: "WARNING", Module: "unit.a/0.juju-log", Message: "hello"})
	}
	if !logged {
		t.Error("juju-log left no line")
	}
}
