package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// formatFlag adds --format.
func formatFlag(c *cobra.Command, into *string, byDefault string, formats ...string) {
	c.Flags().StringVar(into, "format", byDefault, "the form of the output: "+strings.Join(formats, ", "))
	before := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if !slices.Contains(formats, *into) {
			return usage("%s: unknown format %q: there are %s", c.Name(), *into, strings.Join(formats, ", "))
		}
		if before != nil {
			return before(c, args)
		}
		return nil
	}
	complete := cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)
	if err := c.RegisterFlagCompletionFunc("format", complete); err != nil {
		cobra.CompErrorln(err.Error())
	}
}

// print writes a value as YAML or JSON. For YAML it goes through JSON, so that both have the same keys; order is kept.
func (a *App) print(format string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if format == "json" {
		fmt.Fprintf(a.Out, "%s\n", data)
		return nil
	}
	var node yaml.Node // JSON is YAML, and a node keeps the order of keys.
	if err := yaml.Unmarshal(data, &node); err != nil {
		return err
	}
	blockStyle(&node)
	out := yaml.NewEncoder(a.Out)
	out.SetIndent(2)
	if err := out.Encode(&node); err != nil {
		return err
	}
	return out.Close()
}

// blockStyle takes JSON's braces and quotes away; what would read as another type keeps its quotes.
func blockStyle(n *yaml.Node) {
	if len(n.Content) > 0 {
		n.Style &^= yaml.FlowStyle
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		n.Style = 0
		if strings.Contains(n.Value, "\n") {
			n.Style = yaml.LiteralStyle
		}
	}
	for _, child := range n.Content {
		blockStyle(child)
	}
}

// table aligns columns two spaces apart, as juju does: those named in right are numbers, and one in
// which nothing is said stays.
type table struct {
	header []string
	right  map[string]bool
	rows   [][]string
}

func newTable(header ...string) *table {
	return &table{header: header, right: map[string]bool{}}
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) String() string {
	widths := make([]int, len(t.header))
	all := append([][]string{t.header}, t.rows...)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var out strings.Builder
	for _, row := range all {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if t.right[t.header[i]] {
				cell = pad + cell
			} else {
				cell += pad
			}
			line.WriteString(cell + "  ")
		}
		out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return out.String()
}

// since is a time as juju's status shows it.
func since(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format("02 Jan 2006 15:04:05Z")
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
