// Package printable makes text that somebody else has written fit to be shown and passed on: a provider's error, a certificate's name, the
// value of a key in etcd, what another program prints.
//
// # Use
//
//	status := "the provider refuses: " + printable.Line(answer.Error, printable.Reason)
//	fmt.Fprintln(printable.Writer(os.Stdout), text)
//
// # Guarantees
//
//   - What comes out is valid UTF-8 without control characters, escape sequences of terminals, marks that turn the direction of writing
//     or that take no room, and is no longer than asked for. So it adds no line to a file, moves no cursor, hides nothing, and is a
//     valid argument of a program.
//   - Text that is fit already comes out as it is.
//
// Errors and words are cleaned where they enter, and once more at each way out: hook tools, statuses, terminals, files.
package printable

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits in bytes.
const (
	// Name is for what names something or somebody.
	Name = 100
	// Reason is for a sentence within a sentence.
	Reason = 300
	// Status is for a whole status, which stands in one line of a terminal, with much before it.
	Status = 2000
	// Message is for a line of a log, and for why an action failed.
	Message = 8000
)

// sequences are what terminals take for commands: CSI and OSC sequences, and two-character escapes, with ESC or its 8-bit forms.
var sequences = regexp.MustCompile("(?:\x1b\\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\x1b\\]|\u009d)[^\x07\x1b\u009c]*(?:\x07|\x1b\\\\|\u009c)?|\x1b[ -/]*[0-~]?")

// Line is the text as one line of at most limit bytes: white space of all kinds is one space.
func Line(text string, limit int) string {
	text = shorten(text, limit)
	return cut(strings.Join(strings.Fields(clean(text, false)), " "), limit)
}

// Text is the text with its line breaks and tabs, of at most limit bytes.
func Text(text string, limit int) string { return cut(clean(shorten(text, limit), true), limit) }

// Fit says that the text is fit to be shown as one line, whatever its length.
func Fit(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return unfit(r, false) })
}

// shorten keeps huge texts from being worked on for nothing: what is cleaned away is rarely most of it.
func shorten(text string, limit int) string { return text[:min(len(text), 16*limit+1024)] }

func clean(text string, lines bool) string {
	if lines {
		text = strings.ReplaceAll(text, "\r\n", "\n")
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	if strings.ContainsFunc(text, func(r rune) bool { return r == 0x1b || r == 0x9b || r == 0x9d }) {
		text = sequences.ReplaceAllString(text, "")
	}
	return strings.Map(func(r rune) rune {
		switch {
		case !lines && unicode.IsSpace(r):
			return ' '
		case unfit(r, lines):
			return -1
		}
		return r
	}, text)
}

// unfit says that a character is none that is seen.
func unfit(r rune, lines bool) bool {
	if lines && (r == '\n' || r == '\t') {
		return false
	}
	// Cc is control; Cf holds the marks of direction and of no width; U+2028 and U+2029 break lines.
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// cut ends a text that is too long with an ellipsis, between two characters.
func cut(text string, limit int) string {
	const ellipsis = "…"
	if len(text) <= limit {
		return text
	}
	end := max(limit-len(ellipsis), 0)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}
