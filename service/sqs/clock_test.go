package sqs_test

import (
	"context"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
)

// sleepABit gives another goroutine the time to begin to wait. Nothing depends on
// whether it did: the test only proves less.
func sleepABit() error { return clock.Sleep(context.Background(), clock.System{}, 50*time.Millisecond) }
