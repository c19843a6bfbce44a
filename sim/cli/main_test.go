package cli_test

import (
	"context"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"jujuetcd.io/sim/cli"
	"jujuetcd.io/sim/machine"
)

// TestMain makes the test's program jujusim, its hook tools and systemctl, by the name that it is called by.
func TestMain(m *testing.M) {
	if code, handled := machine.MultiCall(os.Args); handled {
		os.Exit(code)
	}
	jujusim := func() { os.Exit(cli.Main(context.Background(), os.Args[1:], "v0-test", machine.NewFleet)) }
	// As juju, too: what documentation has is written there as it stands.
	testscript.Main(m, map[string]func(){"jujusim": jujusim, "juju": jujusim})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			// Short, because unix sockets lie below it.
			dir, err := os.MkdirTemp("", "js")
			if err != nil {
				return err
			}
			env.Defer(func() { _ = os.RemoveAll(dir) })
			env.Setenv("JUJUSIM_DIR", dir+"/s")
			env.Setenv("GORACE", os.Getenv("GORACE"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "await": await},
	})
}
