package dashboards

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Board is what a program other than Grafana needs of the dashboard: its panels and where they are.
type Board struct {
	Title  string  `json:"title"`
	Panels []Panel `json:"panels"`
}

// Panel is one picture.
type Panel struct {
	Type        string      `json:"type"` // stat or timeseries
	Title       string      `json:"title"`
	Description string      `json:"description"`
	Position    Position    `json:"gridPos"`
	Targets     []Target    `json:"targets"`
	Field       FieldConfig `json:"fieldConfig"`
}

// Position is in a grid of 24 columns.
type Position struct{ X, Y, W, H int }

// Target is one expression of a panel.
type Target struct {
	Expr   string `json:"expr"`
	Legend string `json:"legendFormat"`
}

// FieldConfig tells how values are shown.
type FieldConfig struct {
	Defaults struct {
		Unit       string   `json:"unit"`
		Decimals   *int     `json:"decimals"`
		Min        *float64 `json:"min"`
		Thresholds struct {
			Steps []struct {
				Color string   `json:"color"`
				Value *float64 `json:"value"`
			} `json:"steps"`
		} `json:"thresholds"`
		Custom struct {
			FillOpacity int `json:"fillOpacity"`
			Stacking    struct {
				Mode string `json:"mode"`
			} `json:"stacking"`
		} `json:"custom"`
	} `json:"defaults"`
}

// Panels reads the dashboard's panels.
func Panels() (Board, error) {
	var board Board
	if err := json.Unmarshal(etcd, &board); err != nil {
		return Board{}, fmt.Errorf("cannot read the dashboard: %w", err)
	}
	return board, nil
}

// Filled is the expression with what Grafana fills in: the cluster's model and application, and the interval of rates.
func (t Target) Filled(model, application string, rate time.Duration) string {
	return strings.NewReplacer("$juju_model", model, "$juju_application", application, "$__rate_interval", fmt.Sprintf("%ds", int(rate.Seconds()))).Replace(t.Expr)
}
