package actions

import (
	"context"
	"path/filepath"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/detached"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/snapshot"
)

// Worker has a restore done where Juju's agent does not end it: PerformRestore, in a program of its
// own, with the errors of detached.Run.
type Worker func(ctx context.Context, order RestoreOrder, tell detached.Tell) (RestoreOutcome, error)

// RestoreOrder is a restore that may be done as far as Juju and the latch show.
type RestoreOrder struct {
	Unit      string `json:"unit"`
	ModelUUID string `json:"modelUUID"`
	Task      int64  `json:"task"`
	// Archive is the file, which people know by its Name; SHA256 is the one that they have given.
	Archive string `json:"archive"`
	Name    string `json:"name"`
	SHA256  string `json:"sha256,omitempty"`
	// DisableAuth turns authentication off in the restored data.
	DisableAuth bool `json:"disableAuth,omitempty"`
	// Token, Latched and Target are those of machine.Restore.
	Token   string `json:"token"`
	Latched string `json:"latched"`
	Target  string `json:"target,omitempty"`
	// Stage says that the data is only made ready, and that the controller goes on with it.
	Stage bool `json:"stage,omitempty"`
	// NotV3 is why an archive may not be restored that has not v2 keys, in a sentence; empty if it may.
	NotV3 string `json:"notV3,omitempty"`
}

// RestoreOutcome is what has come of it: Refused in a sentence, with nothing changed, or one of the
// others.
type RestoreOutcome struct {
	Refused  string                 `json:"refused,omitempty"`
	Archive  snapshot.Archive       `json:"archive"`
	Restored *machine.Restored      `json:"restored,omitempty"`
	Staged   *v1alpha1.RestoreFacts `json:"staged,omitempty"`
	Added    *machine.RestoredV2    `json:"added,omitempty"`
}

// Restorer is what is needed of the machine for a restore.
type Restorer interface {
	Restore(ctx context.Context, r machine.Restore) (machine.Restored, error)
	StageRestore(ctx context.Context, r machine.Restore) (v1alpha1.RestoreFacts, error)
	RestoreV2(ctx context.Context, r machine.RestoreV2) (machine.RestoredV2, error)
	// Path is where a path of the machine is for this program.
	Path(path string) string
}

// PerformRestore verifies an archive, and restores it: everything is verified before anything is
// touched. It asks nothing of Juju.
func PerformRestore(ctx context.Context, m Restorer, o RestoreOrder, progress func(string)) RestoreOutcome {
	progress("verifying " + o.Name)
	archive, err := snapshot.Prove(ctx, o.Archive, o.SHA256, filepath.Dir(m.Path(machine.DataDir)), machine.Identity(m))
	if err != nil {
		return RestoreOutcome{Refused: err.Error()}
	}
	defer archive.Close()
	if archive.Form == snapshot.FormV2 {
		return performV2(ctx, m, o, archive.Archive, progress)
	}
	if o.NotV3 != "" {
		return RestoreOutcome{Refused: o.NotV3}
	}
	if archive.Auth && !o.DisableAuth {
		return RestoreOutcome{Refused: "cannot restore the archive: authentication is on in it, which would lock this charm out; " +
			"run the action with auth=disable to turn it off in the restored data"}
	}
	order := machine.Restore{
		Task: o.Task, Token: o.Token, Latched: o.Latched, Target: o.Target, Progress: progress,
		Prepare: func(ctx context.Context, dir string, m machine.SoleMember) error {
			return archive.Restore(ctx, dir, snapshot.NewCluster{Name: m.Name, PeerURL: m.PeerURL, Token: m.Token, After: m.Before, DisableAuth: o.DisableAuth})
		},
	}
	outcome := RestoreOutcome{Archive: archive.Archive}
	if o.Stage {
		staged, failed := m.StageRestore(ctx, order)
		outcome.Staged, err = &staged, failed
	} else {
		restored, failed := m.Restore(ctx, order)
		outcome.Restored, err = &restored, failed
	}
	if err != nil {
		return RestoreOutcome{Refused: err.Error()}
	}
	return outcome
}
