package machine_test

import (
	"strings"
	"testing"

	"jujuetcd.io/pkg/machine"
)

func TestErrorInPicksWhatReportsAnError(t *testing.T) {
	for line, want := range map[string]string{
		`{"level":"info","msg":"fine"}`:                                                      "",
		`{"level":"warn","msg":"slow fdatasync","error":"x"}`:                                "",
		`{"level":"fatal","msg":"discovery failed","error":"member count is unequal"}`:       "discovery failed: member count is unequal",
		`{"level":"panic","msg":"tocommit(9) is out of range","stacktrace":"goroutine 1 …"}`: "tocommit(9) is out of range",
		`{"level":"error","msg":"listing failed"}`:                                           "listing failed",
		"panic: runtime error":                                                               "panic: runtime error",
		"etcd Version: 3.6.16":                                                               "",
		"":                                                                                   "",
		"cannot\tread\n file":                                                                "cannot read file",
	} {
		if got := machine.ErrorIn(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	if got := machine.ErrorIn("error " + strings.Repeat("é", 1000)); len([]rune(got)) > 250 {
		t.Errorf("%d characters go into a status", len([]rune(got)))
	}
}
