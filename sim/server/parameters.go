package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// A parameter that is not read would be taken for its default, in silence: a removal that was to be
// tried only would remove. So each request is held against the type that it is decoded into, and
// what has no field there is refused, unless it is empty, or listed here.

// Reasons for which a parameter may be left unread.
const (
	noBranches    = "jujusim's applications have no branches"
	noWaiting     = "what is removed by force goes at once"
	ownStorage    = "storage goes with the unit that it was made for"
	chosenByJuju  = "Juju leaves it unread, too"
	oneJob        = "all machines have one job"
	passwordsOnly = "users come with a password"
	forTheLog     = "Juju writes it to its audit log"
	noneAdded     = "no storage is added, whatever its size"
)

// unread are the parameters that are not read, by method and path, with the reason.
var unread = map[string]map[string]string{
	"Action.EnqueueOperation": {"actions.tag": chosenByJuju},
	"Action.Run":              {"workload-context": "it is about containers"},
	"Admin.Login": {
		"nonce": "it is of machines", "macaroons": passwordsOnly, "bakery-version": passwordsOnly, "token": passwordsOnly,
		"cli-args": forTheLog, "user-data": forTheLog, "client-version": "all versions are let in, as the recordings have it",
	},
	"Application.CharmConfig":                 {"args.branch": noBranches},
	"Application.DestroyApplication":          {"applications.destroy-storage": ownStorage, "applications.max-wait": noWaiting},
	"Application.DestroyConsumedApplications": {"applications.force": noWaiting, "applications.max-wait": noWaiting},
	"Application.DestroyRelation":             {"max-wait": noWaiting},
	"Application.DestroyUnit":                 {"units.destroy-storage": ownStorage, "units.max-wait": noWaiting},
	"Application.Get":                         {"branch": noBranches},
	"Application.Leader":                      {"entity": "Juju has no such parameter, and the recordings have it ignored"},
	"Application.SetConfigs":                  {"Args.generation": noBranches},
	"Application.UnsetApplicationsConfig":     {"Args.branch": noBranches},
	"Block.SwitchBlockOff":                    {"message": chosenByJuju},
	"MachineManager.AddMachines":              {"params.jobs": oneJob},
	"MachineManager.DestroyMachineWithParams": {"max-wait": noWaiting},
	"Storage.AddToUnit":                       {"storages.storage.count": noneAdded, "storages.storage.size": noneAdded},
	"UserManager.UserInfo":                    {"include-disabled": "no user is ever disabled"},
}

// unserved are methods that Juju has and jujusim has not. Juju's client takes the code for methods
// that there are not as a reason to have itself installed anew, so that these have another.
var unserved = map[string][]string{
	"Action": {"RunOnAllMachines"},
	"Application": {
		"CharmRelations", "Consume", "Deploy", "DeployFromRepository", "GetApplicationStorage", "GetCharmURLOrigin", "GetConstraints",
		"MergeBindings", "ScaleApplications", "SetCharm", "SetConstraints", "SetMetricCredentials", "SetRelationsSuspended",
		"UpdateApplicationBase", "UpdateApplicationStorage",
	},
	"Controller": {
		"AllModels", "CloudSpec", "ConfigSet", "ControllerAPIInfoForModels", "ControllerConfig", "DashboardConnectionInfo", "DestroyController",
		"GetCloudSpec", "GetControllerAccess", "HostedModelConfigs", "IdentityProviderURL", "InitiateMigration", "ListBlockedModels",
		"ModelStatus", "ModifyControllerAccess", "MongoVersion", "RemoveBlocks", "WatchAllModelSummaries", "WatchCloudSpecsChanges",
	},
	"MachineManager": {
		"GetUpgradeSeriesMessages", "InstanceTypes", "ProvisioningScript", "RetryProvisioning", "UpgradeSeriesComplete",
		"UpgradeSeriesPrepare", "UpgradeSeriesValidate", "WatchUpgradeSeriesNotifications",
	},
	"ModelManager": {
		"ChangeModelCredential", "CreateModel", "DestroyModels", "DumpModels", "DumpModelsDB",
		"ModelDefaultsForClouds", "ModelStatus", "SetModelDefaults", "UnsetModelDefaults",
	},
	"Pinger":    {"Stop"},
	"Resources": {"AddPendingResources"},
	"Storage": {
		"Attach", "CreatePool", "DetachStorage", "Import", "ListFilesystems", "ListStorageDetails", "ListVolumes", "Remove", "RemovePool",
		"StorageDetails", "UpdatePool",
	},
	"UserManager": {"DisableUser", "EnableUser", "ModelUserInfo", "RemoveUser", "ResetPassword"},
}

func notServed(r wire.Request) error {
	return failure(wire.CodeNotSupported, fmt.Sprintf("jujusim does not serve %s.%s", r.Type, r.Request))
}

// unreadParameter refuses a request that says what its method would not hear.
func unreadParameter(r wire.Request, known reflect.Type) error {
	if len(r.Params) == 0 {
		return nil
	}
	var params any
	if err := json.Unmarshal(r.Params, &params); err != nil {
		return failure(wire.CodeBadRequest, fmt.Sprintf("cannot decode parameters: %v", err))
	}
	name := r.Type + "." + r.Request
	for _, path := range unknown(params, known, "") {
		if _, listed := unread[name][path]; !listed {
			return failure(wire.CodeNotSupported, fmt.Sprintf("jujusim does not read parameter %s of %s", path, name))
		}
	}
	return nil
}

// unknown are the paths, lists left out of them, at which a value says something that a type has no
// field for.
func unknown(value any, known reflect.Type, path string) (paths []string) {
	for known.Kind() == reflect.Pointer {
		known = known.Elem()
	}
	switch value := value.(type) {
	case []any:
		if known.Kind() != reflect.Slice {
			return nil
		}
		for _, x := range value {
			paths = append(paths, unknown(x, known.Elem(), path)...)
		}
	case map[string]any:
		if known.Kind() == reflect.Map {
			for _, key := range slices.Sorted(maps.Keys(value)) {
				paths = append(paths, unknown(value[key], known.Elem(), join(path, "*"))...)
			}
		}
		if known.Kind() != reflect.Struct {
			return paths
		}
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if name, field, ok := fieldOf(known, key); ok {
				paths = append(paths, unknown(value[key], field, join(path, name))...)
			} else if !empty(value[key]) {
				paths = append(paths, join(path, key))
			}
		}
	}
	return paths
}

func join(path, key string) string { return strings.TrimPrefix(path+"."+key, ".") }

// fieldOf finds a key's field as encoding/json does, for which upper and lower case are the same.
func fieldOf(known reflect.Type, key string) (string, reflect.Type, bool) {
	for f := range known.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if strings.EqualFold(name, key) {
			return name, f.Type, true
		}
	}
	return "", nil, false
}

// empty says that a value is the one that a parameter has where it is not given.
func empty(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case bool:
		return !value
	case string:
		return value == ""
	case float64:
		return value == 0
	case []any:
		return len(value) == 0
	case map[string]any:
		return !slices.ContainsFunc(slices.Collect(maps.Values(value)), func(x any) bool { return !empty(x) })
	}
	return false
}
