// Package statuswords holds docs/reference/status.md to the truth: every sentence of the code that can come into juju status has a
// row there, with its cause and its remedy, and every row is a sentence of the code.
package statuswords

import (
	"os"
	"slices"
	"strings"
	"testing"
)

const page = "../../docs/reference/status.md"

// row is one row of a table of the page that is headed "sentence | cause | remedy". Sentences of one cause stand in one row.
type row struct {
	line          int
	sentences     []string
	cause, remedy string
}

func rows(t *testing.T) []row {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return rowsOf(string(text))
}

func rowsOf(text string) []row {
	var all []row
	counted := false
	for i, line := range strings.Split(text, "\n") {
		switch {
		case !strings.HasPrefix(line, "|"):
			counted = false
		case strings.HasPrefix(line, "| sentence |"):
			counted = true
		case counted && !strings.HasPrefix(line, "|--"):
			cells := strings.Split(strings.Trim(line, "|"), " | ")
			r := row{line: i + 1}
			for n, part := range strings.Split(cells[0], "`") {
				if n%2 == 1 {
					r.sentences = append(r.sentences, part)
				}
			}
			if len(cells) == 3 {
				r.cause, r.remedy = strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2])
			}
			all = append(all, r)
		}
	}
	return all
}

// TestEverySentenceHasARow: what a user reads in juju status can be looked up, with what to do.
func TestEverySentenceHasARow(t *testing.T) {
	code := sentences(t)
	for _, s := range missing(code, rows(t)) {
		t.Errorf("docs/reference/status.md has no row for a sentence of %s (%s); add, in the table that it belongs to:\n"+
			"| `%s` | why it is said | what to do |", s.at, s.function, s.text)
	}
}

// TestEveryRowIsASentenceOfTheCode: a sentence that was changed or removed takes its row along.
func TestEveryRowIsASentenceOfTheCode(t *testing.T) {
	code := sentences(t)
	for _, r := range rows(t) {
		if len(r.sentences) == 0 || r.cause == "" || r.remedy == "" {
			t.Errorf("docs/reference/status.md:%d: a row is | `sentence` | cause | remedy |", r.line)
		}
		for _, text := range r.sentences {
			if len(said(code, text)) == 0 {
				t.Errorf("docs/reference/status.md:%d: no code says %q (any more)", r.line, text)
			}
		}
	}
}

// TestNoSentenceTwice: one place to look.
func TestNoSentenceTwice(t *testing.T) {
	seen := map[string]int{}
	for _, r := range rows(t) {
		for _, text := range r.sentences {
			if line, twice := seen[text]; twice {
				t.Errorf("docs/reference/status.md:%d: %q has a row already, on line %d", r.line, text, line)
			}
			seen[text] = r.line
		}
	}
}

// missing are the sentences that no row is about. A row is about the sentence of the code that has most of its words: one that would
// do for any text does not hide another.
func missing(code []sentence, rows []row) []sentence {
	covered := map[string]bool{}
	for _, r := range rows {
		for _, text := range r.sentences {
			for _, s := range said(code, text) {
				covered[s.text] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(code), func(s sentence) bool { return covered[s.text] })
}

// said are the sentences that a text of the page is one of, in the closest way.
func said(code []sentence, text string) []sentence {
	var best []sentence
	for _, s := range code {
		if !s.says(text) {
			continue
		}
		switch {
		case len(best) == 0 || s.weight() > best[0].weight():
			best = []sentence{s}
		case s.weight() == best[0].weight():
			best = append(best, s)
		}
	}
	return best
}

// TestTheWalkSeesSentences: the walk itself finds what it is to find, and leaves out what nobody reads in juju status.
func TestTheWalkSeesSentences(t *testing.T) {
	const source = `package x
func f() {
	wait("%s is gone: %d left.", a, n)
	_ = Words{Blocked, "Missing " + thing + " here."}
	log.Error(err, "Left it as it was")
	if strings.Contains(text, "not told here") { return }
	panic("cannot happen at all")
}
const Down Fault = "down"
`
	var got []string
	for _, s := range walk(t, "x.go", source, scope{}) {
		got = append(got, s.text)
	}
	want := []string{"… is gone: … left.", "Missing … here.", "down"}
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	code := walk(t, "x.go", source, scope{})
	left := missing(code, rowsOf("| sentence | cause | remedy |\n|---|---|---|\n| `etcd/0 is gone: … left.`, `down` | c | r |\n"))
	if len(left) != 1 || left[0].text != "Missing … here." {
		t.Errorf("missing are %v, want the one without a row", left)
	}
}
