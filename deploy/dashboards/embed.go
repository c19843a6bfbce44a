// Package dashboards holds the Grafana dashboard of etcd: etcd.json, which Grafana's import takes as it is, and the charm gives
// to a related Grafana with its source of data filled in.
package dashboards

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

//go:embed etcd.json
var etcd []byte

// source stands in etcd.json where the source of data belongs; Grafana's import asks for it.
const source = "${DS_PROMETHEUS}"

// Etcd is the dashboard with every panel on the source of data of that name, and a digest that tells two contents apart.
func Etcd(dataSource string) (dashboard map[string]any, digest string, err error) {
	name, err := json.Marshal(dataSource)
	if err != nil {
		return nil, "", fmt.Errorf("cannot name the dashboard's source of data: %w", err)
	}
	text := bytes.ReplaceAll(etcd, []byte(`"`+source+`"`), name)
	if err := json.Unmarshal(text, &dashboard); err != nil {
		return nil, "", fmt.Errorf("cannot read the dashboard: %w", err)
	}
	// What asks a person for the source of data: it is given.
	delete(dashboard, "__inputs")
	sum := sha256.Sum256(text)
	return dashboard, hex.EncodeToString(sum[:8]), nil
}
