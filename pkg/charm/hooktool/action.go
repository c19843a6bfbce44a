package hooktool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"jujuetcd.io/pkg/printable"
)

// ActionParameter is a string parameter of the running action; empty if it was not given.
func (t *Tools) ActionParameter(ctx context.Context, name string) (string, error) {
	var value *string
	if err := t.ask(ctx, &value, "action-get", name); err != nil || value == nil {
		return "", err
	}
	return *value, nil
}

// ActionNumber is a parameter of the running action that is a number, or its text; zero if it was not
// given, or is empty.
func (t *Tools) ActionNumber(ctx context.Context, name string) (int64, error) {
	var value any
	out, err := t.run.Run(ctx, nil, "action-get", "--format=json", name)
	if err != nil || len(bytes.TrimSpace(out)) == 0 {
		return 0, err
	}
	decoder := json.NewDecoder(bytes.NewReader(out))
	decoder.UseNumber() // a float has not room for every revision
	if err := decoder.Decode(&value); err != nil {
		return 0, fmt.Errorf("cannot read what action-get printed: %w", err)
	}
	text := strings.TrimSpace(fmt.Sprint(value))
	if value == nil || text == "" {
		return 0, nil
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 1 {
		return 0, fmt.Errorf("%s is %.40q, and must be a whole number above 0: %w", name, text, ErrNoNumber)
	}
	return number, nil
}

// ErrNoNumber says that a parameter of an action, which a person has typed, is no number.
var ErrNoNumber = errors.New("no number")

// ActionFlag is a boolean parameter of the running action, and otherwise if it was not given: Juju
// 4.0 does not fill in the defaults that actions.yaml names.
func (t *Tools) ActionFlag(ctx context.Context, name string, otherwise bool) (bool, error) {
	var value *bool
	if err := t.ask(ctx, &value, "action-get", name); err != nil || value == nil {
		return otherwise, err
	}
	return *value, nil
}

// LogAction tells who waits for the running action how it goes.
func (t *Tools) LogAction(ctx context.Context, message string) error {
	return t.do(ctx, "action-log", printable.Text(message, printable.Message))
}

// MaxResult is the size in bytes of what SetActionResult takes: action-set reads its arguments
// only, and Linux takes none of more than 128 KiB (MAX_ARG_STRLEN).
const MaxResult = 100 << 10

// SetActionResult sets one result of the running action.
func (t *Tools) SetActionResult(ctx context.Context, key, value string) error {
	if value = strings.ReplaceAll(value, "\x00", ""); len(key)+len(value) > MaxResult {
		return fmt.Errorf("cannot set result %s: it has %d bytes: %w", key, len(value), ErrTooLong)
	}
	return t.do(ctx, "action-set", key+"="+value)
}

// FailAction marks the running action as failed; what it has changed is still committed.
func (t *Tools) FailAction(ctx context.Context, message string) error {
	return t.do(ctx, "action-fail", printable.Text(message, printable.Message))
}
