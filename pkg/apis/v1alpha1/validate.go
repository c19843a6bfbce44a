package v1alpha1

import (
	"fmt"
	"net/netip"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Validate reports everything that is wrong with a policy, each fault with its path. Zero values
// are what SetDefaults fills in, and are no faults.
func (c *EtcdCluster) Validate() field.ErrorList {
	var faults field.ErrorList
	if c.APIVersion != GroupVersion.String() {
		faults = append(faults, field.NotSupported(field.NewPath("apiVersion"), c.APIVersion, []string{GroupVersion.String()}))
	}
	if c.Kind != KindEtcdCluster {
		faults = append(faults, field.NotSupported(field.NewPath("kind"), c.Kind, []string{KindEtcdCluster}))
	}
	if c.Name == "" {
		faults = append(faults, field.Required(field.NewPath("metadata", "name"), "the name of the Juju application"))
	}
	return append(faults, c.Spec.Validate(field.NewPath("spec"))...)
}

// Validate reports everything that is wrong with the spec at path.
func (s *EtcdClusterSpec) Validate(path *field.Path) field.ErrorList {
	var faults field.ErrorList
	within := func(path *field.Path, d metav1.Duration, limit time.Duration) {
		if d.Duration < 0 || d.Duration > limit {
			faults = append(faults, field.Invalid(path, d.Duration.String(), "must be between 0s and "+limit.String()))
		}
	}
	within(path.Child("bootstrap", "grace"), s.Bootstrap.Grace, 24*time.Hour)
	within(path.Child("growth", "stable"), s.Growth.Stable, time.Hour)
	within(path.Child("growth", "stallTimeout"), s.Growth.StallTimeout, 24*time.Hour)
	within(path.Child("removal", "grace"), s.Removal.Grace, 24*time.Hour)
	if s.Growth.LagLimit < 0 {
		faults = append(faults, field.Invalid(path.Child("growth", "lagLimit"), s.Growth.LagLimit, "must be at least 1"))
	}
	sans := path.Child("certificates", "extraSANs")
	for i, san := range s.Certificates.ExtraSANs {
		if fault := SubjectNameFault(san); fault != "" {
			faults = append(faults, field.Invalid(sans.Index(i), san, "must be an IP address or a DNS name in lower case; it is "+fault))
		}
	}
	network := path.Child("network", "exposeTo")
	for i, to := range s.Network.ExposeTo {
		prefix, err := netip.ParsePrefix(to)
		switch {
		case to == ExposeToSelf:
		case err != nil:
			faults = append(faults, field.Invalid(network.Index(i), to, "must be auto or a CIDR such as 192.0.2.7/32"))
		case prefix != prefix.Masked():
			faults = append(faults, field.Invalid(network.Index(i), to, "must not have bits beyond its length: "+prefix.Masked().String()))
		case prefix.Bits() == 0:
			faults = append(faults, field.Invalid(network.Index(i), to, "must not be everybody: that is what juju expose is for"))
		}
	}
	snapshots := path.Child("snapshots")
	if _, err := ParseSchedule(s.Snapshots.Schedule); err != nil {
		faults = append(faults, field.Invalid(snapshots.Child("schedule"), s.Snapshots.Schedule, err.Error()))
	}
	switch _, err := ParseSchedule(s.Snapshots.Drill); {
	case err != nil:
		faults = append(faults, field.Invalid(snapshots.Child("drill"), s.Snapshots.Drill, err.Error()))
	case s.Snapshots.Drill != "" && s.Snapshots.Schedule == "":
		faults = append(faults, field.Invalid(snapshots.Child("drill"), s.Snapshots.Drill, "must have a schedule beside it, whose newest snapshot is tried"))
	}
	switch from := s.Snapshots.DrillFrom; {
	case from != "" && from != DrillFromUnit && from != DrillFromStore:
		faults = append(faults, field.NotSupported(snapshots.Child("drillFrom"), from, []string{DrillFromUnit, DrillFromStore}))
	case from != "" && s.Snapshots.Drill == "":
		faults = append(faults, field.Invalid(snapshots.Child("drillFrom"), from, "must have a timetable of drills beside it"))
	}
	if s.Snapshots.Keep < 0 || s.Snapshots.Keep > MostKept {
		faults = append(faults, field.Invalid(snapshots.Child("keep"), s.Snapshots.Keep, fmt.Sprintf("must be between 1 and %d", MostKept)))
	}
	if store := s.Snapshots.Store; store != nil {
		faults = append(faults, store.validate(snapshots.Child("store"))...)
	}
	if e := s.Snapshots.Encryption; e != nil {
		faults = append(faults, e.validate(snapshots.Child("encryption"))...)
	}
	return faults
}
