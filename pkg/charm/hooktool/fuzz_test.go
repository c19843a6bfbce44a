package hooktool_test

import (
	"context"
	"testing"

	"jujuetcd.io/pkg/charm/hooktool"
)

// says is a Juju whose tools all answer the same.
type says []byte

func (s says) Run(context.Context, []byte, string, ...string) ([]byte, error) { return s, nil }

// FuzzAnswersOfTools: whatever a hook tool prints, it is an answer or an error; ports are ports.
func FuzzAnswersOfTools(f *testing.F) {
	for _, text := range []string{`null`, `[]`, `{}`, `"x"`, `true`, `["2379/tcp","2380-2381/tcp","icmp"]`, `{"units":{"etcd/0":{"status":"dying"}}}`,
		`{"bind-addresses":[{"addresses":[{"hostname":"","address":"10.0.0.4","cidr":"10.0.0.0/24"}]}],"ingress-addresses":["10.0.0.4"],"egress-subnets":null}`,
		`{"application-status":{"status":"active","message":"m"}}`, `{"bind-addresses":null}`, `["0-70000/tcp","-1/tcp","9999999999/tcp"]`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, out []byte) {
		ctx, tools := t.Context(), hooktool.New(says(out))
		ports, err := tools.OpenedPorts(ctx)
		for _, port := range ports {
			if err == nil && (port < 1 || port > 65535) {
				t.Errorf("%q has port %d", out, port)
			}
		}
		if err == nil && len(ports) > 65535 {
			t.Errorf("%d ports", len(ports))
		}
		_, _ = tools.RelationIDs(ctx, "db")
		_, _ = tools.RelationUnits(ctx, "db:1")
		_, _ = tools.Relation(ctx, "db:1", "etcd/0")
		_, _ = tools.Network(ctx, "db", "")
		_, _ = tools.Config(ctx, "port")
		_, _ = tools.IsLeader(ctx)
		_, _ = tools.Status(ctx)
		_, _ = tools.ApplicationStatus(ctx)
		_, _ = tools.GoalStates(ctx)
		_, _ = tools.ActionParameter(ctx, "desired")
		_, _ = tools.Secret(ctx, "secret:u3015jcggta3d6k72ljg")
	})
}
