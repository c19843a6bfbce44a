package hooktool

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
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
	var out, faults bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &faults
	if stdin != nil {
		cmd.Stdin = bytes.NewReader(stdin)
	}
	if err := cmd.Run(); err != nil {
		if words := strings.TrimSpace(faults.String()); words != "" {
			return nil, fmt.Errorf("cannot run %s: %w: %s", tool, err, words)
		}
		return nil, fmt.Errorf("cannot run %s: %w", tool, err)
	}
	return out.Bytes(), nil
}
