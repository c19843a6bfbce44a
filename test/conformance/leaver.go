package conformance

import (
	"encoding/json"
	"testing"
	"time"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// leaver removes a unit and looks at it until it is gone. Between its last hook and its end it is
// dead: 4.0 answers with an error for it, in a reply that reports all others as ever.
func (s *suite) leaver(t *testing.T) {
	if s.Leaver == "" {
		t.Skip("THE END OF A UNIT WAS NOT TESTED: the suite was given none that it may remove. It is tested on the embedded controller.")
	}
	conn, info := s.model(t)
	version, err := conn.Facade("Application")
	if err != nil {
		t.Fatal(err)
	}
	others := len(s.units(t, conn)) - 1
	tag := wire.UnitTag(s.Leaver)
	var destroyed json.RawMessage
	if err := conn.Call(t.Context(), "Application", version, "DestroyUnit", json.RawMessage(`{"units":[{"unit-tag":"`+tag+`"}]}`), &destroyed); err != nil {
		t.Fatal(err)
	}
	const dead, gone = "getting unit machine name: unit is dead", wire.CodeNotFound
	seen := map[string]bool{}
	for deadline := time.Now().Add(s.Wait); !seen[gone]; time.Sleep(50 * time.Millisecond) {
		var r wire.UnitInfoResults
		ask(t, conn, "Application", "UnitsInfo", entities(tag, wire.ApplicationTag(s.Application)), &r)
		switch own := r.Results[0]; {
		case own.Error != nil && own.Error.Code == gone:
			seen[gone] = true
		case own.Error != nil && own.Error.Message == dead && own.Error.Code == "":
			seen["dead"] = true
		case own.Error != nil:
			t.Fatalf("got %+v", own.Error)
		default:
			seen[own.Result.Life] = true
		}
		listed := 0
		for _, u := range r.Results[1:] {
			if u.Result != nil && u.Result.Tag != tag {
				listed++
			}
		}
		if listed != others {
			t.Fatalf("%d of the other units are listed, want %d: %+v", listed, others, r.Results)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is still there; it was %v", s.Leaver, seen)
		}
	}
	if !seen["dead"] {
		t.Errorf("%s was %v, and never dead (AllWatcher offered: %v)", s.Leaver, seen, old(info))
	}
}
