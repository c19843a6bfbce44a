package dispatch_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/charm/hooktool"
)

func TestLogGoesToJujuInOneReadableLine(t *testing.T) {
	juju := charmtest.NewJuju()
	log := dispatch.JujuLog(context.Background(), hooktool.New(juju)).WithValues("unit", "etcd/0")
	log.Info("Wrote certificates", "files", 2)
	log.V(1).Info("Looked")
	log.Error(errors.New("cannot look"), "Left the status as it was")
	var got []string
	for _, c := range juju.Calls {
		got = append(got, c.Line)
	}
	want := []string{
		`juju-log -l INFO Wrote certificates "unit"="etcd/0" "files"=2`,
		`juju-log -l DEBUG Looked "unit"="etcd/0"`,
		`juju-log -l WARNING Left the status as it was: cannot look "unit"="etcd/0"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
