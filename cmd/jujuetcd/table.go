package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// tableWidth is what a plain terminal shows; a table that is not wide is cut to it in its last column.
const tableWidth = 80

// table is columns for people.
type table struct {
	head []string
	rows [][]string
	// wide does not cut; bare leaves out the head; dull leaves out the first column where all rows have the same there.
	wide, bare, dull bool
	// note follows each row.
	note string
	// widths are the columns' least widths; print leaves there what it has used, for a table that goes on.
	widths []int
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) print(out io.Writer) error {
	if t.dull && len(t.rows) > 0 && !slices.ContainsFunc(t.rows, func(row []string) bool { return row[0] != t.rows[0][0] }) {
		t.head = t.head[1:]
		for i := range t.rows {
			t.rows[i] = t.rows[i][1:]
		}
	}
	widths := make([]int, len(t.head))
	for i, h := range t.head {
		widths[i] = len(h)
		if i < len(t.widths) {
			widths[i] = max(widths[i], t.widths[i])
		}
	}
	for _, row := range t.rows {
		for i, cell := range row {
			if cell == "" {
				row[i] = "-"
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	t.widths = widths
	var b strings.Builder
	if !t.bare {
		b.WriteString(t.line(t.head, widths) + "\n")
	}
	for _, row := range t.rows {
		b.WriteString(t.line(row, widths) + t.note + "\n")
	}
	_, err := fmt.Fprint(out, b.String())
	return err
}

func (t *table) line(cells []string, widths []int) string {
	var b strings.Builder
	for i, cell := range cells {
		b.WriteString(cell)
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
	}
	line := strings.TrimRight(b.String(), " ")
	if !t.wide && utf8.RuneCountInString(line) > tableWidth {
		line = string([]rune(line)[:tableWidth-1]) + "…"
	}
	return line
}

// wrapped breaks text into lines of at most tableWidth, each begun with indent.
func wrapped(text, indent string) string {
	var b strings.Builder
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(indent)+len(line)+1+len(word) > tableWidth {
			b.WriteString(indent + line + "\n")
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return b.String() + indent + line + "\n"
}
