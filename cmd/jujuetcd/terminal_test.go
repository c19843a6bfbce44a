package main

import (
	"fmt"
	"io"
	"os"
	"testing"
)

// What a verb prints is put together from what others have written, and goes to a terminal: no verb has another way out.
func TestNoVerbPrintsEscapeSequences(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = write
	root := command()
	os.Stdout = stdout
	verbs := 0
	for _, c := range root.Commands() {
		verbs++
		fmt.Fprint(c.OutOrStdout(), "\x1b[2J\x1b]0;owned\x07.\u202e")
	}
	_ = write.Close()
	text, err := io.ReadAll(read)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) != verbs || verbs < 5 {
		t.Errorf("%d verbs print %q", verbs, text)
	}
}
