package server

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/gateway"
	"github.com/garrison-cloud/garrison/internal/lastuse"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
	"github.com/garrison-cloud/garrison/service/accessanalyzer"
	"github.com/garrison-cloud/garrison/service/account"
	"github.com/garrison-cloud/garrison/service/acm"
	"github.com/garrison-cloud/garrison/service/acmpca"
	"github.com/garrison-cloud/garrison/service/cloudtrail"
	"github.com/garrison-cloud/garrison/service/cloudwatch"
	"github.com/garrison-cloud/garrison/service/ec2"
	"github.com/garrison-cloud/garrison/service/iam"
	"github.com/garrison-cloud/garrison/service/kms"
	"github.com/garrison-cloud/garrison/service/s3"
	"github.com/garrison-cloud/garrison/service/secretsmanager"
	"github.com/garrison-cloud/garrison/service/sns"
	"github.com/garrison-cloud/garrison/service/ssm"
	"github.com/garrison-cloud/garrison/service/sts"
)

// compiledPolicies is about how many policy documents are kept compiled.
const compiledPolicies = 10_000

// services are all services of the process, and what they share.
type services struct {
	iam        *iam.Service
	sts        *sts.Service
	authorizer *authz.Authorizer
	regions    map[string]*gateway.Region
	workers    []worker
	uses       *lastuse.Recorder
	// trails are those of all Regions.
	trails *cloudtrail.Trails
	// topics are by Region.
	topics map[string]*sns.Service
	// authorities are by Region; logger takes what answering to anybody has to say.
	authorities map[string]*acmpca.Service
	logger      *slog.Logger
	// certificates are ACM's, of each Region.
	certificates []*acm.Service
	// url is where the API answers.
	url    string
	bodies *bodyPeers
	// gateway is set once it is built of the others.
	gateway *gateway.Gateway
}

// A worker has work to do in the background.
type worker interface {
	Run(ctx context.Context) error
}

// A service is what the gateway needs of one.
type service interface{ Operations() []wire.Operation }

// globalServices act in the home Region wherever they are called.
var globalServices = map[string]bool{"iam": true, "account": true}

// buildServices makes every service: the shared ones once, the others in each
// Region. To add a service, add its line here.
func buildServices(c *Config, st *storage) (*services, error) {
	compiler := authz.NewCompiler(compiledPolicies)
	shared := st.rooms[global]
	s := &services{regions: map[string]*gateway.Region{}, topics: map[string]*sns.Service{}, authorities: map[string]*acmpca.Service{}}
	s.bodies = newBodyPeers(s)
	s.uses = lastuse.New(lastuse.Config{DB: shared.db, Clock: c.Clock, Kept: map[string]time.Duration{lastuse.Permission: iam.Tracking}})
	s.workers = append(s.workers, s.uses)
	s.iam = iam.New(iam.Config{DB: shared.db, Clock: c.Clock, Compiler: compiler, Uses: s.uses})
	s.sts = sts.New(sts.Config{DB: shared.db, Clock: c.Clock, Compiler: compiler, Roles: s.iam, Devices: s.iam, Providers: s.iam, RootMayAssume: c.Dev})
	s.authorizer = authz.New(s.iam, compiler)
	if c.IAMOff {
		s.authorizer = authz.Off()
	}
	if err := s.openTrails(st); err != nil {
		return nil, err
	}
	for _, region := range c.Regions {
		if err := s.buildRegion(c, region, st.rooms[region], shared); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *services) buildRegion(c *Config, region string, local, shared *room) error {
	keys := kms.New(kms.Config{DB: local.db, Clock: c.Clock, Region: region, Relay: local.relay, Uses: s.uses, Events: local.log, Quotas: c.Quotas, Outside: c.Outside})
	held := secretsmanager.New(secretsmanager.Config{DB: local.db, Clock: c.Clock, Region: region, KMS: inProcessKMS{s}, Relay: local.relay, Lambda: rotationFunctions{s}, Events: local.log})
	told := s.events(c, region, local)
	stored := ssm.New(ssm.Config{DB: local.db, Clock: c.Clock, Region: region, Regions: c.Regions, KMS: inProcessKMS{s}, Secrets: inProcessSecrets{s}, Events: parameterEvents{told}})
	bodies := s3.New(s3.Config{Names: shared.db, DB: local.db, Depot: local.depot, Region: region, Clock: c.Clock, KMS: inProcessKMS{s}, Peers: s.bodies, Logger: c.Logger})
	s.bodies.regions[region] = bodies
	s.workers = append(s.workers, keys, held, stored, bodies)
	queues, published := s.messaging(c, region, local)
	functions, kept := s.functions(c, region, local)
	certified, signing := s.certificatesOf(c, region, local, told)
	r := &gateway.Region{Services: map[string]*wire.Service{}, Log: local.log}
	for name, svc := range map[string]service{
		"accessanalyzer": accessanalyzer.New(knownActions()),
		"account":        account.New(c.Regions),
		"acm":            certified,
		"acmpca":         signing,
		"cloudtrail":     s.trailsOf(c, region, local, shared),
		"cloudwatch":     cloudwatch.New(local.db),
		"cloudwatchlogs": kept,
		"ec2":            ec2.New(c.Regions),
		"eventbridge":    told,
		"iam":            s.iam,
		"kms":            keys,
		"lambda":         functions,
		"s3":             bodies,
		"secretsmanager": held,
		"sns":            published,
		"sqs":            queues,
		"ssm":            stored,
		"sts":            s.sts,
	} {
		w, err := wire.NewService(name, svc.Operations(), unionsOf(svc)...)
		if err != nil {
			return fmt.Errorf("service %s: %w", name, err)
		}
		r.Services[name] = w
	}
	s.regions[region] = r
	return nil
}

// unionsOf are the unions in a service's API, of which most have none.
func unionsOf(svc service) []wire.UnionType {
	if u, ok := svc.(interface{ Unions() []wire.UnionType }); ok {
		return u.Unions()
	}
	return nil
}

func (s *services) gatewayConfig(c *Config, m *gateway.Metrics, t trace.Tracer) gateway.Config {
	keys := keyring{iam: s.iam, sts: s.sts}
	g := gateway.Config{
		Regions: s.regions, Home: home(c.Regions), Global: globalServices,
		Keys: keys, Authorizer: s.authorizer, Clock: c.Clock, Wall: clock.System{}, NewID: newID,
		Logger: c.Logger, Metrics: m, Tracer: t, AnySignature: c.Dev, Public: s.public(),
		MessageEncoder: s.sts.EncodeMessage, Uses: s.uses,
	}
	if c.Dev {
		g.Keys = devKeyring{keyring: keys, account: c.Accounts[0]}
	}
	return g
}

// home is where global services act: us-east-1, as at AWS, or the first Region
// where that one is not served.
func home(regions []string) string {
	if slices.Contains(regions, DefaultRegion) {
		return DefaultRegion
	}
	return regions[0]
}

// run does the services' background work until ctx ends.
func (s *services) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, w := range s.workers {
		g.Go(func() error { return w.Run(ctx) })
	}
	return g.Wait()
}

var (
	_ worker          = (*store.DB)(nil)
	_ worker          = (*audit.Log)(nil)
	_ authz.Directory = (*iam.Service)(nil)
)
