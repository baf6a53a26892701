package pebble

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// logger receives what the library logs. Its Fatalf must not return, yet a
// failing disk must not end the process either: audit and answers go on.
type logger struct{ e *Engine }

func (l logger) Infof(format string, args ...any) {
	if l.e.log.Enabled(context.Background(), slog.LevelDebug) {
		l.e.log.Debug(fmt.Sprintf(format, args...), "store", l.e.dir)
	}
}

func (l logger) Errorf(format string, args ...any) {
	l.e.log.Error(fmt.Sprintf(format, args...), "store", l.e.dir)
}

// Fatalf stops the engine and leaves the library's code: by a panic that guard
// catches where the call came through us. The library's own goroutine would carry
// on with a state it has declared broken, so it waits for the process to end.
func (l logger) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	_ = l.e.fail(err)
	if guarded() {
		panic(fatal{err})
	}
	select {}
}

type fatal struct{ error }

// guard runs one call into the library and turns its panics into errors: it
// panics where a log record can't be written.
func (e *Engine) guard(call func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case fatal:
			err = p.error
		case error:
			err = p
		default:
			panic(p)
		}
	}()
	return call()
}

// guarded reports whether guard is among the callers.
func guarded() bool {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, "(*Engine).guard") {
			return true
		}
		if !more {
			return false
		}
	}
}

// listener keeps a damaged block from ending the process, which is what the
// library does by default: the read that met it returns the error.
func (e *Engine) listener() *pebble.EventListener {
	return &pebble.EventListener{
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			e.log.Error("stored data is damaged", "store", e.dir, "file", i.Path, "error", i.Details)
		},
		BackgroundError: func(err error) {
			e.log.Error("background work", "store", e.dir, "error", err)
		},
	}
}
