package cli

import (
	"cmp"
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

// columns is the width that tables are kept to where that is possible.
const columns = 80

// table aligns columns two spaces apart; those named in right are numbers. One that is wider than columns leaves out what is empty, then
// shortens headers, then sets columns one space apart; what does not fit even so is as wide as it is.
type table struct {
	header []string
	right  map[string]bool
	short  map[string]string
	rows   [][]string
}

func newTable(header ...string) *table {
	return &table{header: header, right: map[string]bool{}, short: map[string]string{}}
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) String() string {
	wide := t.lines(t.header, "  ")
	if fits(wide) {
		return wide
	}
	narrow := t.withoutEmpty()
	if text := narrow.lines(narrow.header, "  "); fits(text) {
		return text
	}
	header := slices.Clone(narrow.header)
	for i, name := range header {
		header[i] = cmp.Or(t.short[name], name)
	}
	for _, gap := range []string{"  ", " "} {
		if text := narrow.lines(header, gap); fits(text) {
			return text
		}
	}
	return wide // A long message is on a line of its own length anyway.
}

func fits(text string) bool {
	for line := range strings.Lines(text) {
		if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > columns {
			return false
		}
	}
	return true
}

func (t *table) withoutEmpty() *table {
	narrow := &table{right: t.right, short: t.short, rows: make([][]string, len(t.rows))}
	for i, name := range t.header {
		if !slices.ContainsFunc(t.rows, func(row []string) bool { return row[i] != "" }) {
			continue
		}
		narrow.header = append(narrow.header, name)
		for r, row := range t.rows {
			narrow.rows[r] = append(narrow.rows[r], row[i])
		}
	}
	return narrow
}

func (t *table) lines(header []string, gap string) string {
	widths := make([]int, len(header))
	all := append([][]string{header}, t.rows...)
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
			line.WriteString(cell + gap)
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
