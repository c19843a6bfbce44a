package hooktool

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFlagsMayStandAnywhere(t *testing.T) {
	relationSet := tools["relation-set"]
	for _, c := range []struct {
		args  string
		words []string
		want  map[string]string
		app   bool
	}{
		{"-r ring:0 a=b --app", []string{"a=b"}, map[string]string{"relation": "ring:0"}, true},
		{"a=b -r=ring:0 --file -", []string{"a=b"}, map[string]string{"relation": "ring:0", "file": "-"}, false},
		{"--format=json -- --app", []string{"--app"}, map[string]string{"format": "json"}, false},
		{"-", []string{"-"}, map[string]string{}, false},
	} {
		f, err := relationSet.parse(request{Args: strings.Fields(c.args)})
		if err != nil {
			t.Errorf("%s: %v", c.args, err)
			continue
		}
		if diff := cmp.Diff(c.words, f.words) + cmp.Diff(c.want, f.values); diff != "" || f.set["app"] != c.app {
			t.Errorf("%s: %s", c.args, diff)
		}
	}
	for _, bad := range []string{"--nosuch", "-r"} {
		if _, err := relationSet.parse(request{Args: strings.Fields(bad)}); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

func TestSmartFormatIsForPeople(t *testing.T) {
	for want, v := range map[string]any{"": nil, "x\n": "x", "True\n": true, "a\nb\n": []string{"a", "b"}, "k: v\n": map[string]string{"k": "v"}, "7\n": int64(7)} {
		got, err := smart(v)
		if err != nil || string(got) != want {
			t.Errorf("%v prints %q, want %q (%v)", v, got, want, err)
		}
	}
}

func TestResultKeysAreJujus(t *testing.T) {
	c := &Context{}
	for _, good := range []string{"status", "a.b-c.d0"} {
		if err := c.setResult(good, "x"); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"Status", "a_b", "-a", "stdout", "stderr-encoding", ""} {
		if err := c.setResult(bad, "x"); err == nil {
			t.Errorf("key %q was taken", bad)
		}
	}
	if diff := cmp.Diff(map[string]any{"status": "x", "a": map[string]any{"b-c": map[string]any{"d0": "x"}}}, c.results); diff != "" {
		t.Error(diff)
	}
}
