package machine

import (
	"path/filepath"

	"jujuetcd.io/sim/hooktool"
	"jujuetcd.io/sim/service"
)

// MultiCall plays the program that args[0] names, if it is a hook tool or systemctl: handled says so, and code is what to exit
// with.
func MultiCall(args []string) (code int, handled bool) {
	if len(args) > 0 && filepath.Base(args[0]) == "systemctl" {
		return service.Systemctl(args[1:]), true
	}
	return hooktool.Main(args)
}
