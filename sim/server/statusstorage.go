package server

import (
	"encoding/json"
	"strings"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
)

// addStorage adds the filesystems that units have.
func addStorage(status *wire.FullStatus, seen model.FullStatus) error {
	for _, a := range seen.Applications {
		for _, u := range a.Units {
			for _, s := range u.Storage {
				instance, filesystem := storageEntries(s)
				data, err := json.Marshal(filesystem)
				if err != nil {
					return err
				}
				status.Storage = append(status.Storage, instance)
				status.Filesystems = append(status.Filesystems, data)
			}
		}
	}
	return nil
}

// filesystemSize is what an unsized filesystem on the machine's own disk shows, in MiB.
const filesystemSize = 8192

func storageEntries(s model.Storage) (instance wire.StorageDetails, filesystem map[string]any) {
	storageTag := "storage-" + strings.ReplaceAll(s.ID, "/", "-")
	number := s.ID[strings.LastIndexByte(s.ID, '/')+1:]
	unit, machine := wire.UnitTag(s.Unit), "machine-"+s.Machine
	state := wire.StorageStatus{Status: "attached", Since: &s.Since}
	instance = wire.StorageDetails{
		StorageTag: storageTag, OwnerTag: unit, Kind: kind(s.Kind), Status: state, Life: "alive",
		Attachments: map[string]wire.StorageAttachment{unit: {
			StorageTag: storageTag, UnitTag: unit, MachineTag: machine, Location: s.Location, Life: "alive",
		}},
	}
	filesystem = map[string]any{
		"filesystem-tag": "filesystem-" + number,
		"info":           map[string]any{"filesystem-id": number, "pool": "rootfs", "size": filesystemSize},
		"life":           "alive", "status": state, "storage": instance,
		"machine-attachments": map[string]any{machine: map[string]any{"mount-point": s.Location, "life": "alive"}},
	}
	return instance, filesystem
}

func kind(name string) int {
	if name == "block" {
		return 1
	}
	return 2
}
