package dispatch

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"

	"jujuetcd.io/pkg/charm/hooktool"
)

// JujuLog writes to Juju's log through the hook tool, not to standard output or error: in an action those are results.
func JujuLog(ctx context.Context, tools *hooktool.Tools) logr.Logger {
	options := funcr.Options{
		Verbosity: 1,
		// Juju's log has its own level and time; the message stands before the pairs.
		RenderBuiltinsHook: func([]any) []any { return nil },
	}
	return logr.New(&jujuSink{Formatter: funcr.NewFormatter(options), ctx: ctx, tools: tools})
}

type jujuSink struct {
	funcr.Formatter
	ctx   context.Context //nolint:containedctx // a logger lives as long as its dispatch
	tools *hooktool.Tools
}

var _ logr.LogSink = (*jujuSink)(nil)

// Info writes at INFO, and at DEBUG for V(1) and above. What cannot be logged is lost: there is no other place for it.
func (s *jujuSink) Info(level int, message string, keysAndValues ...any) {
	jujuLevel := hooktool.LevelInfo
	if level > 0 {
		jujuLevel = hooktool.LevelDebug
	}
	_, pairs := s.FormatInfo(level, message, keysAndValues)
	_ = s.tools.Log(s.ctx, jujuLevel, join(message, pairs))
}

// Error writes at WARNING: an error that ends the dispatch is returned, not logged.
func (s *jujuSink) Error(err error, message string, keysAndValues ...any) {
	_, pairs := s.FormatError(err, message, keysAndValues)
	_ = s.tools.Log(s.ctx, hooktool.LevelWarning, join(fmt.Sprintf("%s: %v", message, err), pairs))
}

// WithValues implements logr.LogSink.
func (s *jujuSink) WithValues(keysAndValues ...any) logr.LogSink {
	c := *s
	c.AddValues(keysAndValues)
	return &c
}

// WithName implements logr.LogSink.
func (s *jujuSink) WithName(name string) logr.LogSink {
	c := *s
	c.AddName(name)
	return &c
}

func join(message, pairs string) string {
	return strings.TrimSpace(message + " " + strings.TrimSpace(pairs))
}
