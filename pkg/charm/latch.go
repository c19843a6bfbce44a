package charm

import (
	"errors"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// grant is what becomes of the latch if a delivery is carried out.
type grant struct {
	// judged is the latch that the machine judges by: the epoch is the claimed one, everything else what Juju has committed,
	// because a member may be started only on what cannot be lost any more.
	judged v1alpha1.Latch
	// writes are the databag keys that change.
	writes map[string]string
}

// judgeLatch says what a delivery makes of the latch, or the reason why it must be refused.
func judgeLatch(bag map[string]string, spec *v1alpha1.EtcdUnitSpec, leader bool) (grant, string, error) {
	latch, err := v1alpha1.LatchFromDatabag(bag)
	if err != nil {
		return grant{}, v1alpha1.ReasonLatchDiffers, err
	}
	if spec.Latch == nil {
		return grant{judged: latch}, "", nil
	}
	if !leader {
		return grant{}, v1alpha1.ReasonNotLeader, errors.New("cannot write the cluster's latch: this unit is not the Juju leader")
	}
	next, err := latch.Apply(*spec.Latch, spec.Delivery.Epoch)
	if err != nil {
		return grant{}, v1alpha1.ReasonLatchDiffers, err
	}
	writes, err := spec.Latch.Writes(latch, next)
	if err != nil {
		return grant{}, v1alpha1.ReasonLatchDiffers, err
	}
	judged := latch
	judged.Epoch = next.Epoch
	return grant{judged: judged, writes: writes}, "", nil
}
