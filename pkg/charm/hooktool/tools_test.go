package hooktool_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/hooktool"
)

// canned answers every tool by its command line, and keeps what it was given.
type canned struct {
	answers map[string]string
	lines   []string
	stdin   string
}

func (c *canned) Run(_ context.Context, stdin []byte, tool string, args ...string) ([]byte, error) {
	line := strings.Join(append([]string{tool}, args...), " ")
	c.lines = append(c.lines, line)
	c.stdin = string(stdin)
	answer, ok := c.answers[line]
	if !ok && strings.Contains(line, "--format=json") {
		return nil, errors.New("cannot run " + line)
	}
	return []byte(answer), nil
}

func TestAnswersAreReadInTheShapesThatJujuPrints(t *testing.T) {
	ctx := context.Background()
	answers := map[string]string{
		"relation-ids --format=json db":                         `["db:7","db:10"]` + "\n",
		"relation-ids --format=json proxy":                      "[]\n",
		"relation-list --format=json -r db:7":                   `["b/1","a/0"]`,
		"relation-list --format=json -r db:7 --app":             `"vault"`,
		"relation-get --format=json -r db:7 - etcd/0":           `{"version":"3.6.16"}`,
		"relation-get --format=json -r db:7 - etcd/9":           "null",
		"relation-get --format=json -r cluster:0 --app - etcd":  `{"epoch":"{}"}`,
		"is-leader --format=json":                               "true",
		"status-get --format=json --include-data":               `{"message":"Healthy with 1 known peer","status":"active","status-data":{}}`,
		"status-get --format=json --include-data --application": `{"application-status":{"message":"1 member","status":"active","status-data":{},"units":{}}}`,
		"opened-ports --format=json":                            `["2379/tcp","53/udp","4000-4002/tcp","icmp"]`,
		"unit-get --format=json public-address":                 `"10.0.0.4"`,
		"action-get --format=json desired":                      `"{\"unit\":\"etcd/0\"}"`,
		"action-get --format=json absent":                       "null",
		"goal-state --format=json":                              `{"units":{"etcd/0":{"status":"dying","since":"x"}},"relations":{}}`,
		"network-get --format=json db -r cluster:0":             `{"bind-addresses":[{"interface-name":"eth0","addresses":[{"hostname":"","value":"fd00::4","cidr":"fd00::/64"},{"value":"10.0.0.4"}]}],"egress-subnets":["10.0.0.4/32"],"ingress-addresses":["fd00::4","10.0.0.4"]}`,
		"network-get --format=json cluster":                     `{"bind-addresses":[{"addresses":[{"address":"10.0.0.5"}]}],"ingress-addresses":["node.example"]}`,
		"network-get --format=json prometheus":                  "",
	}
	c := &canned{answers: maps.Clone(answers)}
	tools := hooktool.New(c)
	check := func(name string, got any, err error, want any) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	ids, err := tools.RelationIDs(ctx, "db")
	check("relation ids", ids, err, []string{"db:10", "db:7"})
	ids, err = tools.RelationIDs(ctx, "proxy")
	check("no relation ids", ids, err, []string{})
	if _, err := tools.RelationIDs(ctx, "late"); err == nil {
		t.Error("a question that failed has an answer")
	}
	c.answers["relation-ids --format=json late"] = `["late:3"]`
	ids, err = tools.RelationIDs(ctx, "late")
	check("asked again", ids, err, []string{"late:3"})
	ids[0] = "changed by who asked"
	clear(c.answers)
	ids, err = tools.RelationIDs(ctx, "late")
	check("asked once", ids, err, []string{"late:3"})
	ids, err = tools.RelationIDs(ctx, "proxy")
	check("asked once for none", ids, err, []string{})
	c.answers = answers
	units, err := tools.RelationUnits(ctx, "db:7")
	check("units", units, err, []string{"a/0", "b/1"})
	app, err := tools.RelationApplication(ctx, "db:7")
	check("application", app, err, "vault")
	bag, err := tools.Relation(ctx, "db:7", "etcd/0")
	check("databag", bag, err, map[string]string{"version": "3.6.16"})
	bag, err = tools.Relation(ctx, "db:7", "etcd/9")
	check("no databag", bag, err, map[string]string(nil))
	bag, err = tools.ApplicationRelation(ctx, "cluster:0", "etcd")
	check("application databag", bag, err, map[string]string{"epoch": "{}"})
	leader, err := tools.IsLeader(ctx)
	check("leader", leader, err, true)
	status, err := tools.Status(ctx)
	check("status", status, err, v1alpha1.StatusText{State: "active", Message: "Healthy with 1 known peer"})
	status, err = tools.ApplicationStatus(ctx)
	check("application status", status, err, v1alpha1.StatusText{State: "active", Message: "1 member"})
	ports, err := tools.OpenedPorts(ctx)
	check("ports", ports, err, []int32{2379, 4000, 4001, 4002})
	public, err := tools.PublicAddress(ctx)
	check("public address", public, err, "10.0.0.4")
	desired, err := tools.ActionParameter(ctx, "desired")
	check("parameter", desired, err, `{"unit":"etcd/0"}`)
	desired, err = tools.ActionParameter(ctx, "absent")
	check("no parameter", desired, err, "")
	goal, err := tools.GoalStates(ctx)
	check("goal", goal, err, map[string]string{"etcd/0": "dying"})
	network, err := tools.Network(ctx, "db", "cluster:0")
	check("IPv4 first", network, err, hooktool.Network{Bind: []string{"10.0.0.4", "fd00::4"}, Ingress: []string{"10.0.0.4", "fd00::4"}})
	network, err = tools.Network(ctx, "cluster", "")
	check("2.9's network", network, err, hooktool.Network{Bind: []string{"10.0.0.5"}, Ingress: []string{"node.example"}})
	network, err = tools.Network(ctx, "prometheus", "")
	check("nothing printed", network, err, hooktool.Network{})
	if tools.Pending() != 0 {
		t.Errorf("%d writes are pending after questions", tools.Pending())
	}
}

func TestDatabagValuesNeverReachACommandLine(t *testing.T) {
	c := &canned{}
	tools := hooktool.New(c)
	if err := tools.SetRelation(context.Background(), "db:7", map[string]string{"client_key": "SECRET", "gone": ""}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"relation-set -r db:7 --file -"}; !cmp.Equal(want, c.lines) {
		t.Errorf("ran %q, want %q", c.lines, want)
	}
	if want := `{"client_key":"SECRET","gone":""}`; c.stdin != want {
		t.Errorf("gave %s, want %s", c.stdin, want)
	}
	if tools.Pending() != 1 {
		t.Errorf("%d writes are pending, want 1", tools.Pending())
	}
}

// A resource that was never uploaded is an error of the tool on one Juju, and an empty file on another.
func TestOnlyAFileWithContentIsAResource(t *testing.T) {
	full, empty := filepath.Join(t.TempDir(), "etcd.snap"), filepath.Join(t.TempDir(), "core.snap")
	for path, text := range map[string]string{full: "snap", empty: ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tools := hooktool.New(&canned{answers: map[string]string{"resource-get etcd": full + "\n", "resource-get core": empty}})
	for name, want := range map[string]string{"etcd": full, "core": "", "snapshot": ""} {
		if got := tools.Resource(context.Background(), name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestUnreadableAnswersAreErrors(t *testing.T) {
	c := &canned{answers: map[string]string{
		"is-leader --format=json":    "True",
		"opened-ports --format=json": `["2379x/tcp"]`,
	}}
	tools := hooktool.New(c)
	if _, err := tools.IsLeader(context.Background()); err == nil {
		t.Error("is-leader: a smart answer was read as JSON")
	}
	if _, err := tools.OpenedPorts(context.Background()); err == nil {
		t.Error("opened-ports: 2379x was read as a port")
	}
}

func TestExecPassesInputAndFails(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\nif [ \"$1\" = fail ]; then echo 'ERROR permission denied' >&2; exit 2; fi\necho \"$@\"; cat\n"
	if err := os.WriteFile(filepath.Join(dir, "relation-set"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	out, err := hooktool.Exec{}.Run(context.Background(), []byte("bag"), "relation-set", "-r", "x")
	if err != nil || string(out) != "-r x\nbag" {
		t.Errorf("printed %q, %v", out, err)
	}
	_, err = hooktool.Exec{}.Run(context.Background(), []byte("SECRET"), "relation-set", "fail")
	if err == nil || !strings.Contains(err.Error(), "ERROR permission denied") || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("the error is %v", err)
	}
}
