package wire

import "strings"

// UnitTag returns the tag of a unit: "unit-etcd-0" for "etcd/0".
func UnitTag(unit string) string { return "unit-" + strings.ReplaceAll(unit, "/", "-") }

// UnitName returns the unit of a tag: "etcd/0" for "unit-etcd-0". The last dash separates the number.
func UnitName(tag string) (string, bool) {
	rest, ok := strings.CutPrefix(tag, "unit-")
	i := strings.LastIndexByte(rest, '-')
	if !ok || i <= 0 || i == len(rest)-1 || strings.Trim(rest[i+1:], "0123456789") != "" {
		return "", false
	}
	return rest[:i] + "/" + rest[i+1:], true
}

// ApplicationTag returns the tag of an application.
func ApplicationTag(application string) string { return "application-" + application }

// MachineTag returns the tag of a machine.
func MachineTag(id string) string { return "machine-" + id }

// UserTag returns the tag of a user.
func UserTag(user string) string { return "user-" + user }

// ModelTag returns the tag of a model.
func ModelTag(uuid string) string { return "model-" + uuid }

// ActionTag returns the tag of a task.
func ActionTag(id string) string { return "action-" + id }

// OperationTag returns the tag of an operation.
func OperationTag(id string) string { return "operation-" + id }

// ID returns what follows the kind in a tag: ID("action-12", "action") is "12".
func ID(tag, kind string) (string, bool) {
	id, ok := strings.CutPrefix(tag, kind+"-")
	return id, ok && id != ""
}
