package printable_test

import (
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"jujuetcd.io/pkg/printable"
)

func TestTextOfOthersIsCleanedAndCapped(t *testing.T) {
	for _, test := range []struct{ name, text, line, lines string }{
		{"plain", "no such issuer: “été” 漢字", "no such issuer: “été” 漢字", "no such issuer: “été” 漢字"},
		{"NUL", "a\x00b", "ab", "ab"},
		{"line breaks", "a\r\nb\n\n c\u2028d", "a b c d", "a\nb\n\n cd"},
		{"colours", "\x1b[31;1mred\x1b[0m", "red", "red"},
		{"a title", "\x1b]0;owned\x07after", "after", "after"},
		{"a link", "\x1b]8;;http://x\x1b\\text\x1b]8;;\x1b\\", "text", "text"},
		{"clear", "\x1bc\x1b(Bx", "x", "x"},
		{"an 8-bit sequence", "\u009b2Jx", "x", "x"},
		{"an escape at the end", "x\x1b", "x", "x"},
		{"direction", "abc\u202edcba\u2066x\u2069", "abcdcbax", "abcdcbax"},
		{"no width", "e\u200bt\ufeffcd", "etcd", "etcd"},
		{"carriage return", "harmless\rdeleted", "harmless deleted", "harmlessdeleted"},
		{"backspaces", "a\b\b\x7fb", "ab", "ab"},
		{"no UTF-8", "a\xff\xfeb", "a\uFFFDb", "a\uFFFDb"},
	} {
		if got := printable.Line(test.text, printable.Reason); got != test.line {
			t.Errorf("%s: line %q, want %q", test.name, got, test.line)
		}
		if got := printable.Text(test.text, printable.Reason); got != test.lines {
			t.Errorf("%s: text %q, want %q", test.name, got, test.lines)
		}
	}
	long := printable.Line(strings.Repeat("é", 200000), 101)
	if len(long) > 101 || !strings.HasSuffix(long, "é…") || !utf8.ValidString(long) {
		t.Errorf("%q", long)
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\x1b[3", 3)
	f.Add("\u009b\u202e\x00é", 2)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = 3 + (limit&0xffff)%4000
		line, lines := printable.Line(text, limit), printable.Text(text, limit)
		if !printable.Fit(line) || strings.ContainsAny(line, "\n\t\r\x00\x1b") || len(line) > limit || len(lines) > limit || !utf8.ValidString(lines) {
			t.Errorf("%q: %q, %q", text, line, lines)
		}
		if again := printable.Line(line, limit); again != line {
			t.Errorf("%q becomes %q, and then %q", text, line, again)
		}
		if strings.ContainsAny(lines, "\x00\x1b\r") {
			t.Errorf("%q", lines)
		}
	})
}

// What comes out is an argument that the system takes.
func TestALineIsAnArgument(t *testing.T) {
	text := printable.Line("x\x00"+strings.Repeat("y", 300000), printable.Status)
	if out, err := exec.CommandContext(t.Context(), "echo", text).Output(); err != nil || len(out) < 1000 {
		t.Errorf("%v", err)
	}
}

func TestWriterKeepsTerminalsSafe(t *testing.T) {
	var b strings.Builder
	w := printable.Writer(&b)
	for _, part := range []string{"a\tb\nc\x1b[31mred", "\u202e d\xc3", "\xa9\n"} {
		if n, err := w.Write([]byte(part)); err != nil || n != len(part) {
			t.Fatalf("%d, %v", n, err)
		}
	}
	if got, want := b.String(), "a\tb\ncred dé\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
