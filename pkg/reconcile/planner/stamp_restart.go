package planner

import "jujuetcd.io/pkg/apis/v1alpha1"

// rollingRestart restarts each member whose process was started under an older number: by that its
// configuration is another one than it should be, so that restart sees to the rest, one at a time,
// followers first, behind the guard.
func rollingRestart() stamp {
	return stamp{name: v1alpha1.StampRestart, action: v1alpha1.ActionRestart, words: "a rolling restart",
		spec: func(s *v1alpha1.EtcdUnitSpec, raised int64) { s.Service.RestartStamp = raised }}
}
