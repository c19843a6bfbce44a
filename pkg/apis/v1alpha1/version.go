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
