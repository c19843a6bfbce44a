package server

import (
	"fmt"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
)

// Units have the storage that their charm cannot do without. More of it is refused in Juju's words
// where Juju refuses it, too, and else in our own: whoever asks must not wait for a disk.
var storageMethods = map[string]method{
	"ListPools": {need: model.Read, run: typed(listPools)},
	"AddToUnit": {need: model.Write, changes: true, run: typed(addToUnit)},
}

// StoragePools is the result of Storage.ListPools.
type StoragePools struct {
	Results []StoragePoolsResult `json:"results"`
}

// StoragePoolsResult are the pools that one filter lets through.
type StoragePoolsResult struct {
	Pools []StoragePool `json:"storage-pools"`
}

// StoragePool is where storage comes from.
type StoragePool struct {
	Name     string         `json:"name"`
	Provider string         `json:"provider"`
	Attrs    map[string]any `json:"attrs"`
}

// pools are those of machines that Juju has not made, in the order of the recording.
var pools = []StoragePool{{Name: "rootfs", Provider: "rootfs"}, {Name: "tmpfs", Provider: "tmpfs"}, {Name: "loop", Provider: "loop"}}

// StoragePoolFilters is the parameters of Storage.ListPools. A filter that says something is refused.
type StoragePoolFilters struct {
	Filters []struct{} `json:"filters,omitempty"`
}

func listPools(_ *call, params StoragePoolFilters) (StoragePools, error) {
	results := StoragePools{Results: []StoragePoolsResult{}}
	for range params.Filters {
		results.Results = append(results.Results, StoragePoolsResult{pools})
	}
	return results, nil
}

// AddStorage is the parameters of Storage.AddToUnit.
type AddStorage struct {
	Storages []AddStorageToUnit `json:"storages"`
}

// AddStorageToUnit asks for storage of that name.
type AddStorageToUnit struct {
	Unit    string           `json:"unit"`
	Name    string           `json:"name"`
	Storage StorageDirective `json:"storage"`
}

// StorageDirective says which storage.
type StorageDirective struct {
	Pool  string `json:"pool,omitempty"`
	Size  uint64 `json:"size"`
	Count uint64 `json:"count"`
}

func addToUnit(c *call, params AddStorage) (wire.ErrorResults, error) {
	results := wire.ErrorResults{Results: []wire.ErrorResult{}}
	for _, s := range params.Storages {
		results.Results = append(results.Results, wire.ErrorResult{Error: inner(c.addToUnit(s))})
	}
	return results, nil
}

func (c *call) addToUnit(s AddStorageToUnit) error {
	name, ok := wire.UnitName(s.Unit)
	if !ok {
		return notTag(s.Unit, "unit")
	}
	unit, err := c.model.Unit(name)
	if err != nil {
		return failure(wire.CodeNotFound, fmt.Sprintf("unit %q does not exist", name))
	}
	a, err := c.model.Application(unit.Application)
	if err != nil {
		return err
	}
	if _, has := a.Charm.Metadata.Storage[s.Name]; !has {
		return failure(wire.CodeNotSupported, fmt.Sprintf("storage name %q not supported by charm", s.Name))
	}
	known := s.Storage.Pool == ""
	for _, p := range pools {
		known = known || p.Name == s.Storage.Pool
	}
	if !known {
		return failure(wire.CodeNotFound, fmt.Sprintf("storage pool %q does not exist", s.Storage.Pool))
	}
	return failure(wire.CodeNotSupported, "jujusim adds no storage to a unit that is there")
}
