package actions

import (
	"regexp"
	"strings"
)

// What stands in the place of what is left out.
const (
	noKey    = "[private key left out]"
	noSecret = "[left out]"
)

// secrets are texts that let whoever has them in, and what is left of each.
var secrets = []struct {
	is   *regexp.Regexp
	left string
}{
	// A key without its end is one that was cut off.
	{regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)`), noKey},
	// And one without its beginning is left of a longer text: nobody knows where it began.
	{regexp.MustCompile(`(?s)\A.*-----END [A-Z0-9 ]*PRIVATE KEY-----`), noKey},
	// https://user:password@host
	{regexp.MustCompile(`(://)[^\s/@"'<>]+@`), "${1}" + noSecret + "@"},
	// ?token=…&X-Amz-Signature=…
	{regexp.MustCompile(`(?i)([?&][^\s=&"']*(?:passw|secret|token|signature|credential|key)[^\s=&"']*=)[^\s&"']+`), "${1}" + noSecret},
	{regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}`), "${1} " + noSecret},
	// password: …, "secret-key": "…", --password=…
	{regexp.MustCompile(`(?i)((?:passw(?:or)?d|passphrase|secret|(?:access|api|private)[-_]?key)[\w-]*\\?["']?[ \t]*[:=][ \t]*)(\\?"[^"]*"|'[^']*'|[^\s,;}]+)`),
		"${1}" + noSecret},
}

// redacted is the text without what is in it of secrets: a debug archive is sent to others.
func redacted(text string) string {
	for _, s := range secrets {
		text = s.is.ReplaceAllString(text, s.left)
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
