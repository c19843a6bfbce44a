package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

func unitName() string { return os.Getenv("JUJU_UNIT_NAME") }

// ask runs a hook tool and decodes its answer.
func ask(into any, tool string, args ...string) error {
	out, err := call(nil, tool, append([]string{"--format=json"}, args...)...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("cannot read the answer of %s: %w", tool, err)
	}
	return nil
}

func tell(tool string, args ...string) error { return tellWith(nil, tool, args...) }

// tellWith gives the tool its data on standard input: a key must not be seen in a list of processes.
func tellWith(stdin []byte, tool string, args ...string) error {
	_, err := call(stdin, tool, args...)
	return err
}

func call(stdin []byte, tool string, args ...string) ([]byte, error) {
	cmd := exec.Command(tool, args...)
	var faults bytes.Buffer
	cmd.Stderr = &faults
	if stdin != nil {
		cmd.Stdin = bytes.NewReader(stdin)
	}
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("cannot run %s: %w: %s", tool, err, strings.TrimSpace(faults.String()))
	}
	return out, nil
}
