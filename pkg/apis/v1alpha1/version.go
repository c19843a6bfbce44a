package v1alpha1

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion names this version of the API in files and on the command line.
var GroupVersion = schema.GroupVersion{Group: "jujuetcd.io", Version: "v1alpha1"}

// Kinds of this package.
const (
	KindEtcdCluster = "EtcdCluster"
	KindEtcdUnit    = "EtcdUnit"
)

// Protocol is the version of what daemon and agent say to each other. The agent answers with its own in UnitFacts; either
// side may be newer, and neither relies on what the other's number does not promise.
const Protocol = 1
