package service

import "testing"

// FuzzState: what systemctl says is a state, or is refused; a unit is never both running and down.
func FuzzState(f *testing.F) {
	f.Add("LoadState=loaded\nActiveState=active\nSubState=running\nResult=success\nMainPID=77\nNRestarts=0\nExecMainStartTimestampMonotonic=5\n")
	f.Add("LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nNRestarts=[not set]\n")
	f.Add("LoadState=not-found\nActiveState=inactive\nMainPID=99999999999999999999\n")
	f.Fuzz(func(t *testing.T, out string) {
		s, err := parseState(out)
		if err != nil {
			if s != (State{}) {
				t.Errorf("a state beside an error: %+v", s)
			}
			return
		}
		if s.Active == "" || s.Running() && s.Down() {
			t.Errorf("%q is %+v", out, s)
		}
	})
}
