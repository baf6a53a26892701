// Package server assembles the one process: stores, services, gateway and
// listeners. The command and the tests start the same server with it.
//
//	Config → New (opens stores, builds services) → Run (listens, works, drains)
package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"slices"
	"time"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/service/acm"
	"github.com/garrison-cloud/garrison/service/kms"
)

// Config says what to serve. The zero value of a field takes the default that
// its comment names.
type Config struct {
	// Listen is the API's address (127.0.0.1:4566). OpsListen is the address of
	// health and metrics (127.0.0.1:4567); "off" has none.
	Listen, OpsListen string
	// Data is the data directory; empty keeps everything in memory.
	Data string
	// Blob is the bucket that large bodies go to, as s3://BUCKET/PREFIX?endpoint=URL; empty
	// is the data directory.
	Blob string
	// Regions are served, the first being the home of what all share (us-east-1).
	Regions []string
	// Accounts have a root user each (000000000000).
	Accounts []string
	// Dev takes any signature, and an access key id of twelve digits as the
	// account. IAMOff then lets everyone do everything.
	Dev, IAMOff bool
	// Peers are the Regions that other processes serve, and the URLs at which those
	// take deliveries. PeerListen is where this one does; empty is nowhere.
	// PeerSecret names the file of the secret by which they know each other.
	Peers                  map[string]string
	PeerListen, PeerSecret string
	// StrictAudit answers no call before its event is durable.
	StrictAudit bool
	// Quotas holds callers to AWS's request rates.
	Quotas bool
	// TLS serves HTTPS: with the given certificate and key, or, when both are
	// empty, with one of the server's own CA.
	TLS             bool
	TLSCert, TLSKey string
	// TraceEndpoint is an OTLP/HTTP collector's URL; empty sends no traces.
	TraceEndpoint string
	// Drain is how long calls may take to end after a stop was asked for (10 s).
	Drain time.Duration
	// HSM names PKCS#11 tokens that CloudHSM key stores may be made of, each as
	// CLUSTER=MODULE,token=LABEL[,account=ID]. Outside is what else custom key stores
	// may use (external ones, by the machine's trusted authorities).
	HSM     []string
	Outside kms.Outside
	// Resolver looks up what proves the names of certificates (the machine's name server).
	Resolver acm.Resolver
	// SMTP is the mail server, with its port, that sends validation mails (none: their
	// links are written to the log); MailFrom is their sender.
	SMTP, MailFrom string
	// FunctionUID is the first of the user ids that Lambda functions run under, 64 a
	// Region, where the server is root (1879048192).
	FunctionUID int
	// endpoint is where the API is reached; New sets it.
	endpoint string
	// Clock is the time of services (the machine's; with Dev, one that can be
	// advanced).
	Clock  clock.Clock
	Logger *slog.Logger
}

var regionForm = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$`)

// Default addresses and names.
const (
	DefaultListen    = "127.0.0.1:4566"
	DefaultOpsListen = "127.0.0.1:4567"
	DefaultRegion    = "us-east-1"
	DefaultAccount   = "000000000000"
	defaultDrain     = 10 * time.Second
)

// complete fills in defaults and refuses what cannot work, naming the flag.
func (c *Config) complete() error {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.OpsListen == "" {
		c.OpsListen = DefaultOpsListen
	}
	if len(c.Regions) == 0 {
		c.Regions = []string{DefaultRegion}
	}
	if len(c.Accounts) == 0 {
		c.Accounts = []string{DefaultAccount}
	}
	if c.Drain == 0 {
		c.Drain = defaultDrain
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
		if c.Dev {
			c.Clock = clock.NewShifted()
		}
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if err := c.clusters(); err != nil {
		return err
	}
	return c.check()
}

func (c *Config) check() error {
	for i, r := range c.Regions {
		if !regionForm.MatchString(r) {
			return fmt.Errorf("--regions: %q is not a Region's name, such as us-east-1", r)
		}
		if slices.Contains(c.Regions[:i], r) {
			return fmt.Errorf("--regions: %s is named twice", r)
		}
	}
	if err := c.checkPeers(); err != nil {
		return err
	}
	for _, a := range c.Accounts {
		if !arn.IsAccount(a) {
			return fmt.Errorf("--account: %q is not an account id: twelve digits", a)
		}
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key go together: give both, or --tls alone for a certificate of the server's own CA")
	}
	if c.IAMOff && !c.Dev {
		return errors.New("--dev-iam=off needs --dev: a production server always enforces IAM")
	}
	if c.Dev && !loopback(c.Listen) {
		return fmt.Errorf("--dev takes any signature, so it listens on loopback only, not on %s", c.Listen)
	}
	return nil
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
