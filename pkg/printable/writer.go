package printable

import (
	"io"
	"slices"
	"unicode/utf8"
)

// Writer passes on what is written without what a terminal would take for a command. It is for output that is put together from others'
// words; line breaks and tabs stay. What is written in pieces must not cut a character in two at the very end.
func Writer(to io.Writer) io.Writer { return &writer{to: to} }

type writer struct {
	to   io.Writer
	held []byte // the beginning of a character
}

func (w *writer) Write(p []byte) (int, error) {
	text := slices.Concat(w.held, p)
	end := len(text)
	for back := 1; back < utf8.UTFMax && back <= len(text); back++ {
		if b := text[len(text)-back]; utf8.RuneStart(b) {
			if !utf8.FullRune(text[len(text)-back:]) {
				end = len(text) - back
			}
			break
		}
	}
	w.held = append([]byte(nil), text[end:]...)
	if _, err := io.WriteString(w.to, clean(string(text[:end]), true)); err != nil {
		return 0, err
	}
	return len(p), nil
}
