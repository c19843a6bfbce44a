package hooktool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"jujuetcd.io/pkg/printable"
)

// Runner runs one hook tool and returns what it printed.
type Runner interface {
	// Run gives stdin to the tool, if it is not nil. A non-zero exit is an error that holds what the tool wrote to its standard
	// error, and nothing of stdin.
	Run(ctx context.Context, stdin []byte, tool string, args ...string) ([]byte, error)
}

// Exec runs the tools that the unit agent put first on PATH.
type Exec struct{}

// Run implements Runner.
func (Exec) Run(ctx context.Context, stdin []byte, tool string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, tool, args...)
	out, faults := bounded{limit: maxOutput}, bounded{limit: printable.Message}
	cmd.Stdout, cmd.Stderr = &out, &faults
	if stdin != nil {
		cmd.Stdin = bytes.NewReader(stdin)
	}
	if err := cmd.Run(); err != nil {
		if words := printable.Line(faults.String(), printable.Message); words != "" {
			return nil, fmt.Errorf("cannot run %s: %w: %s", tool, err, words)
		}
		return nil, fmt.Errorf("cannot run %s: %w", tool, err)
	}
	if out.over {
		return nil, fmt.Errorf("cannot take what %s prints: %w", tool, ErrTooLong)
	}
	return out.Bytes(), nil
}

// maxOutput bounds what a tool may print. All of it is ours or Juju's but databags, which others write.
const maxOutput = 8 << 20

// ErrTooLong says that a tool has printed more than is kept.
var ErrTooLong = errors.New("it is too long")

// bounded keeps the beginning of what is written, and takes the rest: a program that cannot write would hang.
type bounded struct {
	bytes.Buffer
	limit int
	over  bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if room := b.limit - b.Len(); len(p) > room {
		b.over = true
		b.Buffer.Write(p[:room])
		return len(p), nil
	}
	return b.Buffer.Write(p)
}

// ReadFrom is not the buffer's, which has no bound.
func (b *bounded) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{b}, r)
}
