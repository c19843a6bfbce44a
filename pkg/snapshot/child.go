package snapshot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"

	"jujuetcd.io/pkg/printable"
)

// childName is what a program is called that is to look at a database, and nothing else.
const childName = "jujuetcd-snapshot-database"

const (
	// The child's list of pages takes about one byte in a hundred of the database.
	childMemory      = 256 << 20
	childMemoryShare = 16
	// childStack is far more than the depth of a database's tree needs; a tree that leads back into
	// itself needs more than any.
	childStack = 64 << 20
)

// init makes every program that uses this package the child, when it is called by its name. If a
// main function had to say so, one that forgot it would run itself over and over.
func init() {
	if len(os.Args) == 2 && os.Args[0] == childName {
		os.Exit(child(os.Args[1]))
	}
}

// verdict is what the child prints.
type verdict struct {
	Database
	// Refused is why the database cannot be used.
	Refused string `json:"refused,omitempty"`
}

// child looks at the open file 3, of which the database is the first so many bytes.
func child(size string) int {
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return 2
	}
	debug.SetMaxStack(childStack)
	if err := limitMemory(uint64(childMemory + n/childMemoryShare)); err != nil {
		fmt.Fprintln(os.Stderr, "cannot limit memory:", err)
		return 2
	}
	var v verdict
	if v.Database, err = walk(os.NewFile(3, "database"), n); err != nil {
		v = verdict{Refused: err.Error()}
	}
	if err := json.NewEncoder(os.Stdout).Encode(v); err != nil {
		return 2
	}
	return 0
}

// look has a child look at a database.
func look(ctx context.Context, f *os.File, size int64) (Database, error) {
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{childName, strconv.FormatInt(size, 10)}
	cmd.Env = childEnvironment
	cmd.ExtraFiles = []*os.File{f}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return Database{}, context.Cause(ctx)
	}
	if _, ended := errors.AsType[*exec.ExitError](err); ended {
		// The first line tells what it was; what follows is where in the program.
		line, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		return Database{}, fmt.Errorf("its database is damaged: who reads it fails (%s)", printable.Line(line, printable.Name))
	}
	if err != nil {
		return Database{}, fmt.Errorf("its database cannot be looked at: %w", err)
	}
	var v verdict
	if err := json.Unmarshal(stdout.Bytes(), &v); err != nil {
		return Database{}, fmt.Errorf("its database cannot be looked at: %w", err)
	}
	if v.Refused != "" {
		return Database{}, errors.New(printable.Line(v.Refused, printable.Reason))
	}
	return v.Database, nil
}
