package dashboards_test

import (
	"encoding/json"
	"strings"
	"testing"

	"jujuetcd.io/deploy/dashboards"
)

func TestEveryPanelIsOnTheGivenSource(t *testing.T) {
	board, digest, err := dashboards.Etcd(`prom "x" - Juju generated source`)
	if err != nil {
		t.Fatal(err)
	}
	if board["__inputs"] != nil || board["uid"] == "" || board["title"] != "etcd" {
		t.Errorf("inputs %v, uid %v, title %v", board["__inputs"], board["uid"], board["title"])
	}
	text, err := json.Marshal(board)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "DS_PROMETHEUS") {
		t.Error("a source of data is not filled in")
	}
	for _, p := range board["panels"].([]any) {
		panel := p.(map[string]any)
		if panel["datasource"] != `prom "x" - Juju generated source` {
			t.Errorf("panel %v is on %v", panel["title"], panel["datasource"])
		}
	}
	if _, other, _ := dashboards.Etcd("another"); other == digest {
		t.Error("two contents have one digest")
	}
	if _, same, _ := dashboards.Etcd(`prom "x" - Juju generated source`); same != digest {
		t.Error("one content has two digests")
	}
}

func TestPanelsHaveTheirPlaceAndAWordOfWhatTheyShow(t *testing.T) {
	board, err := dashboards.Panels()
	if err != nil {
		t.Fatal(err)
	}
	const cluster = `{juju_charm="etcd",juju_model=~"$juju_model",juju_application=~"$juju_application"`
	taken := map[[2]int]string{}
	for _, p := range board.Panels {
		if p.Description == "" || p.Title == "" || len(p.Targets) == 0 || p.Field.Defaults.Unit == "" {
			t.Errorf("panel %q lacks a description, a unit or an expression", p.Title)
		}
		for x := p.Position.X; x < p.Position.X+p.Position.W; x++ {
			for y := p.Position.Y; y < p.Position.Y+p.Position.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("panels %q and %q overlap, or leave the grid", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			metrics, chosen := strings.Count(target.Expr, "{"), strings.Count(target.Expr, cluster)
			if chosen == 0 || chosen != metrics {
				t.Errorf("panel %q shows more than one cluster: %s", p.Title, target.Expr)
			}
		}
	}
	if len(board.Panels) < 20 {
		t.Errorf("only %d panels were looked at", len(board.Panels))
	}
}
