package server

import (
	"time"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
)

var resourcesMethods = map[string]method{
	"ListResources": {need: model.Read, run: typed(listResources)},
}

// ResourcesResults is the result of Resources.ListResources.
type ResourcesResults struct {
	Results []ResourcesResult `json:"results"`
}

// ResourcesResult are an application's resources, or an error. No charm here comes from a store.
type ResourcesResult struct {
	Error         *wire.Error     `json:"error,omitempty"`
	Resources     []Resource      `json:"resources"`
	StoreOnes     []Resource      `json:"charm-store-resources"`
	UnitResources []UnitResources `json:"unit-resources"`
}

// UnitResources are what a unit has fetched of them.
type UnitResources struct {
	Tag       string           `json:"tag"`
	Resources []Resource       `json:"resources"`
	Progress  map[string]int64 `json:"download-progress"`
}

// Resource is one resource, as the recordings have it.
type Resource struct {
	Name        string    `json:"name"`
	Type        string    `json:"type"`
	Path        string    `json:"path"`
	Description string    `json:"description"`
	Origin      string    `json:"origin"`
	Revision    int       `json:"revision"`
	Fingerprint []byte    `json:"fingerprint"`
	Size        int64     `json:"size"`
	ID          string    `json:"id"`
	PendingID   string    `json:"pending-id"`
	Application string    `json:"application"`
	Username    string    `json:"username"`
	Timestamp   time.Time `json:"timestamp"`
}

func listResources(c *call, params wire.Entities) (ResourcesResults, error) {
	results := ResourcesResults{Results: []ResourcesResult{}}
	for _, e := range params.Entities {
		name, ok := wire.ID(e.Tag, "application")
		if !ok {
			results.Results = append(results.Results, ResourcesResult{Error: inner(notTag(e.Tag, "application"))})
			continue
		}
		all, units, err := c.model.Resources(name)
		if err != nil {
			results.Results = append(results.Results, ResourcesResult{Error: inner(err)})
			continue
		}
		result := ResourcesResult{Resources: shownResources(name, all), StoreOnes: []Resource{}, UnitResources: []UnitResources{}}
		for _, u := range units {
			result.UnitResources = append(result.UnitResources, UnitResources{Tag: wire.UnitTag(u.Unit), Resources: shownResources(name, u.Resources)})
		}
		results.Results = append(results.Results, result)
	}
	return results, nil
}

func shownResources(application string, all []model.Resource) []Resource {
	var shown []Resource
	for _, r := range all {
		one := Resource{
			Name: r.Declared, Type: r.Type, Path: r.Filename, Description: r.Description, Origin: "upload", Fingerprint: r.Fingerprint,
			Size: r.Size, ID: r.ID, Application: application, Username: r.User, Timestamp: r.Time.UTC(),
		}
		if one.Fingerprint == nil {
			one.Fingerprint = []byte{} // "", not null
		}
		shown = append(shown, one)
	}
	return shown
}
