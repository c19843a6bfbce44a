package detached

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"jujuetcd.io/pkg/printable"
)

// Work is what is to be done.
type Work struct {
	// Root is the machine's, and Unit who has it done.
	Root, Unit string
	// Name is the systemd unit's, which no other has.
	Name string
	// Command is the command line of the program that calls Serve, with a whole path.
	Command []string
}

// ErrDied says that the work has ended without a word: nobody knows how far it has come.
var ErrDied = errors.New("its systemd unit ended without a word")

// line is what the program of the work prints: one of these.
type line struct {
	Progress string          `json:"progress,omitempty"`
	Log      string          `json:"log,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
}

// Tell is told what the work does, for who waits for it, and what it logs. Both must be set.
type Tell struct{ Progress, Log func(string) }

// longest is how long a line may be.
const longest = 1 << 20

// stopTimeout is how long the work may take to stop when the machine is shut down: what cannot be
// finished is undone.
const stopTimeout = "150s"

// Run has the work done, and waits for its end: result is what Serve's function has returned. With ErrRuns nothing was begun, and with ErrDied it was. When ctx
// ends, Run does, and the work goes on.
func Run(ctx context.Context, w Work, order, result any, tell Tell) error {
	fail := func(err error) error { return fmt.Errorf("cannot wait for %s: %w", w.Name, err) }
	file, err := lock(w.Root, w.Unit)
	if err != nil {
		return fmt.Errorf("cannot begin %s: %w", w.Name, err)
	}
	// The unit has the file, too, and with it the lock.
	defer func() { _ = file.Close() }()
	if err := writeOrder(file, order); err != nil {
		return fmt.Errorf("cannot begin %s: %w", w.Name, err)
	}
	cmd := exec.CommandContext(ctx, "systemd-run", append([]string{"--quiet", "--pipe", "--wait", "--collect", "--service-type=exec",
		"--unit=" + w.Name, "--property=TimeoutStopSec=" + stopTimeout}, w.Command...)...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = file, &stderr
	cmd.WaitDelay = time.Second // the unit holds the other ends of what is read here, whatever becomes of systemd-run
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("cannot begin %s: %w", w.Name, err)
	}
	answer, read := follow(out, tell)
	ended := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return fail(fmt.Errorf("%w; it goes on by itself, and the next hook tells of its end", context.Cause(ctx)))
	case answer != nil:
		return json.Unmarshal(answer, result)
	}
	// Of a unit that was killed systemd-run knows no more than that.
	why := []string{ErrDied.Error()}
	for _, err := range []error{read, ended} {
		if err != nil {
			why = append(why, err.Error())
		}
	}
	why = append(why, stderr.String())
	return fail(died(printable.Line(strings.Join(why, " "), printable.Reason)))
}

// died is ErrDied with what is known of it.
type died string

func (d died) Error() string { return string(d) }
func (d died) Unwrap() error { return ErrDied }

func writeOrder(file *os.File, order any) error {
	text, err := json.Marshal(order)
	if err != nil {
		return err
	}
	if err := file.Truncate(0); err != nil {
		return err
	}
	if _, err := file.WriteAt(text, 0); err != nil {
		return err
	}
	_, err = file.Seek(0, io.SeekStart)
	return err
}

// follow reads what the work prints, to its end.
func follow(out io.Reader, tell Tell) (answer json.RawMessage, err error) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, longest)
	for lines.Scan() {
		var l line
		switch err := json.Unmarshal(lines.Bytes(), &l); {
		case err != nil:
			return nil, fmt.Errorf("cannot read what it prints: %w", err)
		case l.Result != nil:
			answer = l.Result
		case l.Log != "":
			tell.Log(l.Log)
		default:
			tell.Progress(l.Progress)
		}
	}
	return answer, lines.Err()
}
