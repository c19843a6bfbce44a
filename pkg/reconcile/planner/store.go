package planner

import (
	"cmp"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
)

// storeOf is where the policy has the snapshots of the schedule kept beside the units, or, where it is
// silent, the relation that a person has made for it; nil for nowhere.
func storeOf(policy v1alpha1.SnapshotPolicy, related bool) *v1alpha1.SnapshotStore {
	if policy.Schedule == "" {
		return nil
	}
	store := policy.Store.DeepCopy()
	if store == nil && related {
		store = &v1alpha1.SnapshotStore{Credentials: v1alpha1.StoreRelation}
	}
	if store != nil {
		store.Keep = cmp.Or(store.Keep, policy.Keep)
	}
	return store
}

// storeFor is what the unit is told of it.
func (in *desired) storeFor(u observation.Unit) *v1alpha1.SnapshotStore {
	if u.Facts.Protocol < v1alpha1.ProtocolStore {
		return nil
	}
	return storeOf(in.Policy.Snapshots, in.StoreRelated)
}

// encryptionFor is to whom the unit is told to encrypt them, also those before a step without a schedule.
func (in *desired) encryptionFor(u observation.Unit) *v1alpha1.SnapshotEncryption {
	if u.Facts.Protocol < v1alpha1.ProtocolEncryption {
		return nil
	}
	return in.Policy.Snapshots.Encryption.DeepCopy()
}

// store is where snapshots of the schedule are to be, for those who keep the timetable.
func (in *timetable) store() *v1alpha1.SnapshotStore {
	return storeOf(in.Policy.Snapshots, in.StoreRelated)
}

// scheduleProtocol is what an agent must know to be asked for a snapshot of the schedule.
func (in *timetable) scheduleProtocol() int {
	// An older agent would write it in the clear.
	if in.Policy.Snapshots.Encryption != nil {
		return v1alpha1.ProtocolEncryption
	}
	if in.store() != nil {
		return v1alpha1.ProtocolStore
	}
	return v1alpha1.ProtocolSchedule
}
