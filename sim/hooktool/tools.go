package hooktool

import (
	"regexp"
)

var resultKey = regexp.MustCompile(`^[a-z0-9](([a-z0-9-.]+)?[a-z0-9])?$`)

// gone are the tools that only those profiles have that keep leader settings.
var gone = []string{"leader-get", "leader-set"}

// tools are all hook tools by name.
var tools = map[string]tool{
	"config-get":              {bools: []string{"all"}, run: configGet},
	"relation-ids":            {run: relationIDs},
	"relation-list":           {values: []string{"relation"}, bools: []string{"app"}, run: relationList},
	"relation-get":            {values: []string{"relation"}, bools: []string{"app"}, run: relationGet},
	"relation-set":            {values: []string{"relation", "file"}, bools: []string{"app"}, run: relationSet},
	"relation-model-get":      {values: []string{"relation"}, run: relationModelGet},
	"status-set":              {bools: []string{"application"}, run: statusSet},
	"status-get":              {bools: []string{"application", "include-data"}, run: statusGet},
	"is-leader":               {run: isLeader},
	"leader-get":              {run: leaderGet},
	"leader-set":              {run: leaderSet},
	"network-get":             {values: []string{"relation"}, bools: []string{"bind-address", "ingress-address", "egress-subnets", "primary-address"}, run: networkGet},
	"unit-get":                {run: unitGet},
	"open-port":               {values: []string{"endpoints"}, run: openPort},
	"close-port":              {values: []string{"endpoints"}, run: closePort},
	"opened-ports":            {bools: []string{"endpoints"}, run: openedPorts},
	"application-version-set": {run: applicationVersionSet},
	"juju-log":                {values: []string{"log-level"}, bools: []string{"debug"}, run: jujuLog},
	"action-get":              {run: actionGet},
	"action-set":              {run: actionSet},
	"action-log":              {run: actionLog},
	"action-fail":             {run: actionFail},
	"state-get":               {bools: []string{"strict"}, run: stateGet},
	"state-set":               {values: []string{"file"}, run: stateSet},
	"state-delete":            {run: stateDelete},
	"goal-state":              {run: goalState},
	"storage-list":            {run: storageList},
	"storage-get":             {values: []string{"storage"}, run: storageGet},
	"resource-get":            {run: resourceGet},
	"secret-add":              {values: secretFlags, run: secretAdd},
	"secret-get":              {values: []string{"label"}, bools: []string{"peek", "refresh"}, run: secretGet},
	"secret-info-get":         {values: []string{"label"}, run: secretInfoGet},
	"secret-ids":              {run: secretIDs},
	"secret-set":              {values: secretFlags, run: secretSet},
	"secret-grant":            {values: []string{"relation", "unit"}, run: secretGrant},
	"secret-revoke":           {values: []string{"relation", "app", "application", "unit"}, run: secretRevoke},
	"secret-remove":           {values: []string{"revision"}, run: secretRemove},
}
