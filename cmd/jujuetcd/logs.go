package main

import (
	"fmt"
	"os"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"
	"k8s.io/klog/v2"
	crlog "sigs.k8s.io/controller-runtime/pkg/log"
)

// logs is how the daemon logs: to standard error.
type logs struct{ format, level string }

func (l *logs) flags(c *cobra.Command) {
	c.Flags().StringVar(&l.format, "log-format", "console", "console or json")
	c.Flags().StringVar(&l.level, "log-level", "info", "info, debug or error")
}

func (l *logs) logger() (logr.Logger, error) {
	levels := map[string]zapcore.Level{"debug": zapcore.DebugLevel, "info": zapcore.InfoLevel, "error": zapcore.ErrorLevel}
	level, ok := levels[l.level]
	if !ok {
		return logr.Discard(), usageError{fmt.Errorf("--log-level is %q; it must be info, debug or error", l.level)}
	}
	encoding := zap.NewProductionEncoderConfig()
	encoding.TimeKey, encoding.EncodeTime, encoding.EncodeDuration = "time", zapcore.RFC3339NanoTimeEncoder, zapcore.StringDurationEncoder
	var encoder zapcore.Encoder
	switch l.format {
	case "json":
		encoder = zapcore.NewJSONEncoder(encoding)
	case "console":
		encoding.EncodeTime, encoding.EncodeLevel = zapcore.TimeEncoderOfLayout("15:04:05.000"), zapcore.CapitalLevelEncoder
		if colours(os.Stderr) {
			encoding.EncodeLevel = zapcore.CapitalColorLevelEncoder
		}
		encoder = zapcore.NewConsoleEncoder(encoding)
	default:
		return logr.Discard(), usageError{fmt.Errorf("--log-format is %q; it must be console or json", l.format)}
	}
	// No stack traces on errors: an error here is an event of the world, not of the program.
	log := zapr.NewLogger(zap.New(zapcore.NewCore(encoder, zapcore.Lock(os.Stderr), level), zap.AddStacktrace(zapcore.DPanicLevel)))
	crlog.SetLogger(log)
	klog.SetLogger(log.WithName("klog"))
	return log, nil
}

// colours says whether to colour what is written to f.
func colours(f *os.File) bool {
	return os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(f.Fd()))
}
