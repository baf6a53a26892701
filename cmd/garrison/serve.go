package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/garrison-cloud/garrison/internal/server"
)

type serveCmd struct {
	Listen      string            `default:"127.0.0.1:4566" help:"Address of the API (default ${default})." placeholder:"HOST:PORT"`
	OpsListen   string            `default:"127.0.0.1:4567" help:"Address of /_garrison/health and /metrics, or \"off\" (default ${default})." placeholder:"HOST:PORT"`
	Data        string            `help:"Directory of the state (default ${data}; with --dev: in memory)." placeholder:"DIR" type:"path"`
	Blob        string            `help:"Bucket of an S3-compatible server for objects' bytes, in place of the data directory; its keys are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY." placeholder:"s3://BUCKET/PREFIX?endpoint=URL"`
	Regions     []string          `default:"us-east-1" help:"Regions to serve; the first is what clients use by default (default ${default})." placeholder:"REGION"`
	Account     []string          `default:"000000000000" help:"Account ids; each gets a root access key (default ${default})." placeholder:"ID"`
	Dev         bool              `help:"For tests: take any signature, and a twelve-digit access key id as the account's root."`
	DevIAM      string            `name:"dev-iam" default:"on" enum:"on,off" help:"With --dev: whether policies are enforced (on, off)."`
	Peer        map[string]string `help:"A Region that another process serves, and where that process takes deliveries (repeatable)." placeholder:"REGION=URL"`
	PeerListen  string            `help:"Address at which the Regions of other processes deliver." placeholder:"HOST:PORT"`
	PeerSecret  string            `help:"File of the secret that all the processes share." placeholder:"FILE" type:"existingfile"`
	HSM         []string          `name:"hsm" sep:"none" help:"A PKCS#11 token that KMS may keep keys in, by the id of the CloudHSM cluster that it stands for (repeatable)." placeholder:"CLUSTER=MODULE,token=LABEL"`
	Resolver    string            `help:"The name server that proofs of certificates' names are looked up at (the machine's)." placeholder:"HOST:PORT"`
	SMTP        string            `name:"smtp" help:"The mail server that sends validation mails of certificates; without one their links are written to the log." placeholder:"HOST:PORT"`
	MailFrom    string            `help:"The sender of those mails." placeholder:"ADDRESS"`
	Audit       string            `default:"grouped" enum:"grouped,strict" help:"When events are durable: grouped (within half a second) or strict (before the answer)."`
	FunctionUID int               `name:"function-uid" default:"1879048192" help:"First of the user ids that Lambda functions run under, 64 a Region, when the server is root (default ${default})." placeholder:"UID"`
	Quotas      string            `default:"off" enum:"off,aws" help:"Request rates that callers are held to: off, or aws for those that AWS publishes."`
	TLS         bool              `name:"tls" help:"Serve HTTPS with a certificate of the server's own CA."`
	TLSCert     string            `name:"tls-cert" help:"Serve HTTPS with this certificate (PEM)." placeholder:"FILE" type:"existingfile"`
	TLSKey      string            `name:"tls-key" help:"The key of --tls-cert (PEM)." placeholder:"FILE" type:"existingfile"`
	Trace       string            `name:"trace-endpoint" help:"Send OpenTelemetry traces to this OTLP/HTTP collector." placeholder:"URL"`
	Drain       time.Duration     `default:"10s" help:"How long calls may take to end after SIGTERM."`
	LogLevel    slog.Level        `default:"info" help:"Least level to log: debug, info, warn, error."`
	LogJSON     bool              `name:"log-json" help:"Log JSON instead of text."`
}

// gcPercent trades memory under load for processor time: most of what a call
// allocates is gone with its answer. At rest it changes nothing.
const gcPercent = 300

// Run serves until the process is told to stop.
func (c *serveCmd) Run(stdout io.Writer) error {
	if err := hardenProcess(); err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := server.New(ctx, c.config())
	if err != nil {
		return err
	}
	_, _ = io.WriteString(stdout, c.greeting(s)) // a server serves even if nobody reads this
	return s.Run(ctx)
}

func (c *serveCmd) config() server.Config {
	data := c.Data
	if data == "" && !c.Dev {
		data = defaultData()
	}
	return server.Config{
		Listen: c.Listen, OpsListen: c.OpsListen, Data: data, Blob: c.Blob, Regions: c.Regions, Accounts: c.Account,
		Dev: c.Dev, IAMOff: c.DevIAM == "off", StrictAudit: c.Audit == "strict",
		Quotas: c.Quotas == "aws", FunctionUID: c.FunctionUID, HSM: c.HSM, SMTP: c.SMTP, MailFrom: c.MailFrom, Resolver: server.NameServer(c.Resolver), Peers: c.Peer, PeerListen: c.PeerListen, PeerSecret: c.PeerSecret,
		TLS: c.TLS, TLSCert: c.TLSCert, TLSKey: c.TLSKey, TraceEndpoint: c.Trace, Drain: c.Drain,
		Logger: c.logger(),
	}
}

func (c *serveCmd) logger() *slog.Logger {
	o := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogJSON {
		return slog.New(slog.NewJSONHandler(os.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, o))
}

// greeting says in three lines how to use the server.
func (c *serveCmd) greeting(s *server.Server) string {
	where, env := "in memory, gone when it stops", "garrison env --dev"
	if data := c.config().Data; data != "" {
		where, env = "in "+data, "garrison env --data "+data
		if data == defaultData() {
			env = "garrison env"
		}
	}
	if c.Listen != server.DefaultListen && c.Data == "" && c.Dev {
		env += " --endpoint " + s.URL()
	}
	stop := "stop with Ctrl-C\n"
	if ops := s.OpsURL(); ops != "" {
		stop = fmt.Sprintf("health and metrics: %s/_garrison/health, %s/metrics; %s", ops, ops, stop)
	}
	return fmt.Sprintf("garrison serves %s, state %s\nto use it:  eval \"$(%s)\"  then e.g.  aws kms create-key\n%s",
		s.URL(), where, env, stop)
}

// defaultData is the data directory of a user who named none (XDG Base
// Directory Specification).
func defaultData() string {
	base := os.Getenv("XDG_DATA_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "garrison-data"
		}
		base = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(base, "garrison", "data")
}
