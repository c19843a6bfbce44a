package jujuapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// What nobody has blown up comes through as it is, however the network cuts it.
func TestSieveKeepsOrdinaryMessagesByteForByte(t *testing.T) {
	for _, text := range []string{
		`{"request-id":7,"response":{}}`,
		`{"request-id":18446744073709551615,"response":{"results":[{"result":{"tag":"unit-a-0","relation-data":[{"ApplicationData":{"a":"b"},"unit-relation-data":{"b/0":{"InScope":true,"UnitData":null}}}]}}]}}`,
		` { "response" : [ 1, -2.5e3, true, null, "\"\\A😀", "" , {"":"x","":{}} ] , "request-id" : 12 } `,
		`{"error":"permission denied","error-code":"unauthorized access","request-id":3}`,
	} {
		for _, reader := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text)), iotest.HalfReader(strings.NewReader(text))} {
			got, err := sieveMessage(reader)
			if err != nil || string(got.text) != text || got.over || got.size != int64(len(text)) {
				t.Errorf("%s: %v, %+v", text, err, got)
				continue
			}
			var want wire.Response
			if json.Unmarshal([]byte(text), &want) == nil && got.id != want.RequestID {
				t.Errorf("%s: id %d, want %d", text, got.id, want.RequestID)
			}
		}
	}
	for _, text := range []string{"", "{", `{"a":"b`, `{"a":"\`, `{"a":"\u00`, "}", strings.Repeat("[", 20000)} {
		if _, err := sieveMessage(strings.NewReader(text)); err == nil {
			t.Errorf("%.20q is no frame", text)
		}
	}
}

// blown is a reply of UnitsInfo in which the units of a related application write as much as given.
func blown(own int, foreign []int) io.Reader {
	parts := []io.Reader{strings.NewReader(`{"request-id":9,"response":{"results":[`)}
	for n := range own {
		parts = append(parts, strings.NewReader(fmt.Sprintf(`%s{"result":{"tag":"unit-etcd-%d","relation-data":[`+
			`{"relation-id":1,"endpoint":"db","ApplicationData":{},"unit-relation-data":{`, strings.Repeat(",", min(n, 1)), n)))
		for i, size := range foreign {
			parts = append(parts, strings.NewReader(fmt.Sprintf(`%s"evil/%d":{"InScope":true,"UnitData":{"junk":"`, strings.Repeat(",", min(i, 1)), i)),
				io.LimitReader(filler{}, int64(size)), strings.NewReader(`"}}`))
		}
		parts = append(parts, strings.NewReader(fmt.Sprintf(`,"good/0":{"InScope":true,"UnitData":{"ingress-address":"10.0.0.9"}}}},`+
			`{"relation-id":0,"endpoint":"cluster","ApplicationData":{"epoch":"{}"},"unit-relation-data":{"etcd/%d":{"InScope":true,"UnitData":{"facts":"{}"}}}}]}}`, n)))
	}
	return io.MultiReader(append(parts, strings.NewReader(`]}}`))...)
}

type filler struct{}

func (filler) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// A message of any size takes bounded memory, names who is too large, and reports everybody else.
func TestSieveNamesWhoIsTooLargeAndKeepsTheRest(t *testing.T) {
	many := make([]int, 500)
	for i := range many {
		many[i] = 900 << 10
	}
	for name, foreign := range map[string][]int{"20 MB": {20 << 20}, "25 MB × 3": {25 << 20, 25 << 20, 25 << 20}, "very many": many} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			kept, err := sieveMessage(blown(5, foreign))
			runtime.ReadMemStats(&after)
			if err != nil || kept.over || kept.id != 9 {
				t.Fatalf("%v, %v, id %d", err, kept.over, kept.id)
			}
			allocated := after.TotalAlloc - before.TotalAlloc
			t.Logf("%d MiB read, %d KiB kept, %d KiB allocated", kept.size>>20, len(kept.text)>>10, allocated>>10)
			if len(kept.text) > keepLimit || allocated > 8*keepLimit {
				t.Errorf("%d bytes kept, %d allocated", len(kept.text), allocated)
			}
			var r struct {
				Response wire.UnitInfoResults `json:"response"`
			}
			if err := json.Unmarshal(kept.text, &r); err != nil {
				t.Fatal(err)
			}
			large := 0
			for i, u := range r.Response.Results {
				info, err := unitInfo(*u.Result)
				if err != nil {
					t.Fatal(err)
				}
				for name, bag := range info.RelationData[0].Units {
					switch {
					case bag.TooLarge > 0:
						large++
						if !bag.Unread || len(bag.Data) > 0 || bag.TooLarge < int64(foreign[0]) || bag.TooLarge > int64(foreign[0])+20 {
							t.Errorf("%s: %+v", name, bag)
						}
					case name == "good/0" && bag.Data["ingress-address"] != "10.0.0.9":
						t.Errorf("%s: %+v", name, bag)
					}
				}
				own := info.RelationData[1]
				if bag := own.Units[fmt.Sprintf("etcd/%d", i)]; !reflect.DeepEqual(bag.Data, map[string]string{"facts": "{}"}) || own.ApplicationData["epoch"] != "{}" {
					t.Errorf("etcd/%d: %+v", i, own)
				}
			}
			if large == 0 {
				t.Error("nobody is named")
			}
		})
	}
}

// Any text is cut, wherever it stands; what is too much even so is reported to its caller alone.
func TestSieveCutsTextsAndGivesUpOnMasses(t *testing.T) {
	kept, err := sieveMessage(io.MultiReader(strings.NewReader(`{"request-id":4,"response":{"info":"`), io.LimitReader(filler{}, 100<<20),
		strings.NewReader(`\"","next":"\"`), io.LimitReader(filler{}, 50<<20), strings.NewReader(`"}}`)))
	if err != nil || kept.over || !json.Valid(kept.text) || len(kept.text) > keepLimit*3/4+100 {
		t.Errorf("%v, %d bytes kept", err, len(kept.text))
	}
	item := []byte(`{"a":[1,2,3],"b":true},`)
	kept, err = sieveMessage(io.MultiReader(strings.NewReader(`{"response":[`), bytes.NewReader(bytes.Repeat(item, (keepLimit+1<<20)/len(item))),
		strings.NewReader(`0],"request-id":41}`)))
	if err != nil || !kept.over || kept.id != 41 || len(kept.text) > keepLimit {
		t.Errorf("%v, over %v, id %d", err, kept.over, kept.id)
	}
}
