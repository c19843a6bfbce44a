package machine

import (
	"context"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/datadir"
	"jujuetcd.io/pkg/snapshot"
)

// reached is the highest revision that the cluster is known to have come to, so that what is restored
// is above it: an archive that is restored a second time would else bring revisions back that clients
// have seen. Members that have lost their quorum answer, too; where none does, the unit's own data
// tells. It is zero where nothing does, and keeps nobody from a restore.
func (a *application) reached(ctx context.Context) (revision int64) {
	if cluster, err := a.m.connect(); err == nil {
		for _, h := range cluster.Look(ctx, a.endpoints()).Health {
			if h.Answered && h.Fault != etcdops.FaultOtherID {
				revision = max(revision, h.Revision)
			}
		}
		cluster.Close()
	}
	if revision > 0 || !a.data.Present {
		return revision
	}
	left, err := snapshot.Inspect(ctx, a.m.path(datadir.Database(a.data.Dir)), "")
	if err != nil {
		a.m.log.Info("Cannot tell which revision was reached", "why", err.Error())
	}
	return left.Revision
}
