package observe

import (
	"slices"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
)

// storeRelated says that a person has related the application to who gives credentials for a store. A
// relation of another model may show in the units' own relations only.
func (o *Observer) storeRelated(application jujuapi.Application) bool {
	for _, u := range o.info.units {
		for _, r := range u.RelationData {
			if r.Endpoint == v1alpha1.EndpointStore {
				return true
			}
		}
	}
	return slices.ContainsFunc(application.Relations, func(r jujuapi.Relation) bool { return r.Endpoint == v1alpha1.EndpointStore })
}
