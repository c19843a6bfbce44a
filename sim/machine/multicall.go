package machine

import (
	"path/filepath"

	"jujuetcd.io/sim/hooktool"
	"jujuetcd.io/sim/service"
)

// MultiCall plays the program that args[0] names, if it is a hook tool, systemctl or systemd-run: handled says so, and code is
// what to exit with.
func MultiCall(args []string) (code int, handled bool) {
	if len(args) > 0 {
		switch filepath.Base(args[0]) {
		case "systemctl":
			return service.Systemctl(args[1:]), true
		case "systemd-run":
			return service.SystemdRun(args[1:]), true
		}
	}
	return hooktool.Main(args)
}
