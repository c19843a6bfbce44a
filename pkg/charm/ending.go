package charm

import (
	"context"
	"encoding/json"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
)

// end marks the latch when Juju keeps no unit of the application, and says so: in a hook in which this unit leaves a relation, before it
// leaves that of its peers, if it is the leader. The units are gone in seconds, sooner than the controller's next look: it does the same
// where it is in time. What cannot be written leaves the mark out, which is a person's to make up for; a unit that is to go is not held up.
func (a *Agent) end(ctx context.Context, last *v1alpha1.EtcdUnitSpec) error {
	if last == nil || !strings.HasSuffix(a.run.Env.Name, "-relation-departed") && !strings.HasSuffix(a.run.Env.Name, "-relation-broken") {
		return nil
	}
	states, err := a.run.Tools.GoalStates(ctx)
	if err != nil {
		a.run.Log.Error(err, "Took units for staying")
		return nil
	}
	if len(states) == 0 || states[a.run.Env.Unit] == "" {
		return nil
	}
	for _, state := range states {
		if state != "dying" && state != "dead" {
			return nil
		}
	}
	peers, err := a.run.Peers(ctx)
	if err != nil || peers == "" {
		return err
	}
	leader, err := a.run.Tools.IsLeader(ctx)
	if err != nil || !leader {
		return err
	}
	bag, err := a.run.LatchBag(ctx, peers)
	if err != nil {
		return err
	}
	latch, err := v1alpha1.LatchFromDatabag(bag)
	if err != nil || latch.Ends() || latch.ClusterID == "" && latch.Seeds == nil {
		return nil //nolint:nilerr // a latch that cannot be read is not written
	}
	mark, err := json.Marshal(v1alpha1.Ending{ClusterID: latch.ClusterID, Token: latch.Token(), Endpoints: whereToLook(last)})
	if err != nil {
		return err
	}
	if err := a.run.Tools.SetApplicationRelation(ctx, peers, map[string]string{v1alpha1.LatchEndingKey: string(mark)}); err != nil {
		a.run.Log.Error(err, "Left the latch without the mark that the cluster ends")
		return nil
	}
	a.run.Log.Info("Marked the latch, because Juju keeps no unit", "cluster", latch.ClusterID)
	word := text(etcdops.EndingWords())
	return a.showWord(ctx, v1alpha1.StatusSpec{Application: &word}, true)
}
