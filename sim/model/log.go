package model

import (
	"context"
	"slices"
	"sync"
	"time"
)

// logMax bounds the lines that a model keeps.
const logMax = 10000

// LogLine is one line of debug-log.
type LogLine struct {
	// Number counts all lines that the model ever had, from 1.
	Number  int       `json:"number"`
	At      time.Time `json:"at"`
	Entity  string    `json:"entity"` // unit-etcd-0 or machine-0
	Level   string    `json:"level"`
	Module  string    `json:"module"`
	Message string    `json:"message"`
}

type logBook struct {
	mu     *sync.Mutex
	lines  []LogLine
	count  int
	more   chan struct{}
	closed bool
}

func newLogBook() logBook { return logBook{mu: &sync.Mutex{}, more: make(chan struct{})} }

func (b *logBook) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed = true
		close(b.more)
	}
}

// Log adds a line; it is not a change of the model.
func (m *Model) Log(entity, level, module, message string) {
	b := &m.log
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.count++
	b.lines = append(b.lines, LogLine{b.count, m.now(), entity, level, module, message})
	if n := len(b.lines) - logMax; n > 0 {
		b.lines = slices.Delete(b.lines, 0, n)
	}
	close(b.more)
	b.more = make(chan struct{})
}

// Logs returns the lines after the given number.
func (m *Model) Logs(after int) []LogLine {
	b := &m.log
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.lines, func(l LogLine) bool { return l.Number > after })
	if i < 0 {
		return nil
	}
	return slices.Clone(b.lines[i:])
}

// WaitLogs waits for lines after the given number.
func (m *Model) WaitLogs(ctx context.Context, after int) ([]LogLine, error) {
	for {
		b := &m.log
		b.mu.Lock()
		more, closed := b.more, b.closed
		b.mu.Unlock()
		if lines := m.Logs(after); len(lines) > 0 {
			return lines, nil
		}
		if closed {
			return nil, ErrClosed
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-more:
		}
	}
}
