package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/garrison-cloud/garrison/internal/server"
)

type clockCmd struct {
	Show    clockShowCmd    `cmd:"" default:"withargs" help:"Print the server's time."`
	Advance clockAdvanceCmd `cmd:"" help:"Move the server's time forward: rotations, expiries and deletions that are then due happen at once."`
}

// opsFlag says where the server's operators' listener is.
type opsFlag struct {
	Ops string `default:"${ops}" help:"Address that the server was given as --ops-listen (default ${default})." placeholder:"HOST:PORT"`
}

type clockShowCmd struct{ opsFlag }

// Run prints the time.
func (c *clockShowCmd) Run(stdout io.Writer) error { return c.call(stdout, http.MethodGet, nil) }

type clockAdvanceCmd struct {
	opsFlag
	By days `arg:"" help:"How far, in days or in Go's units: 40d, 1d12h, 90m." placeholder:"DURATION"`
}

// Run moves the clock and prints the new time.
func (c *clockAdvanceCmd) Run(stdout io.Writer) error {
	return c.call(stdout, http.MethodPost, url.Values{"advance": {time.Duration(c.By).String()}})
}

// days is a duration that may begin with a number of days.
type days time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *days) UnmarshalText(b []byte) error {
	text := string(b)
	var sum time.Duration
	if n, rest, ok := strings.Cut(text, "d"); ok {
		count, err := strconv.ParseUint(n, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 40d or 1d12h", text)
		}
		sum, text = time.Duration(count)*24*time.Hour, rest
	}
	if text != "" {
		more, err := time.ParseDuration(text)
		if err != nil || more < 0 {
			return fmt.Errorf("%q is not a duration such as 40d or 1d12h", string(b))
		}
		sum += more
	}
	*d = days(sum)
	return nil
}

// call asks the server for its time, or tells it to move it.
func (c *opsFlag) call(stdout io.Writer, method string, form url.Values) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	where := "http://" + c.Ops + server.ClockPath
	r, err := http.NewRequestWithContext(ctx, method, where, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set(server.ClockHeader, "1")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("%w; is garrison serve --dev running, and its --ops-listen %s?", err, c.Ops)
	}
	defer answer.Body.Close() //nolint:errcheck // it was only read
	switch answer.StatusCode {
	case http.StatusOK:
		var t server.ClockTime
		if err := json.NewDecoder(answer.Body).Decode(&t); err != nil {
			return err
		}
		_, err = fmt.Fprintln(stdout, t.Time.Format(time.RFC3339))
		return err
	case http.StatusNotFound:
		return errors.New("this server's clock is the machine's: start it with --dev to move it")
	default:
		return fmt.Errorf("the server refused to move its clock: %s", answer.Status)
	}
}
