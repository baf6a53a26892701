package server

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/gateway"
	"github.com/garrison-cloud/garrison/internal/recent"
	"github.com/garrison-cloud/garrison/internal/wire"
	"github.com/garrison-cloud/garrison/service/s3"
)

// s3Principal is whom replication roles let in.
const s3Principal = "s3.amazonaws.com"

const (
	// roleLife is how long S3 acts as a role before it assumes it anew.
	roleLife = 15 * time.Minute
	// roleSpare is what is left of the session's life then.
	roleSpare = time.Minute
	// keptRoles is about how many sessions are kept.
	keptRoles = 1000
)

// bodyPeers are the Regions' S3 for each other.
type bodyPeers struct {
	of       *services
	regions  map[string]*s3.Service // full before the first call
	sessions *recent.Map[s3.Deputy, *roleSession]
}

// A roleSession is a role that S3 has assumed, for a while.
type roleSession struct {
	principal *authz.Principal
	until     time.Time
}

func newBodyPeers(of *services) *bodyPeers {
	return &bodyPeers{of: of, regions: map[string]*s3.Service{}, sessions: recent.New[s3.Deputy, *roleSession](keptRoles)}
}

// Peer implements s3.Peers.
func (p *bodyPeers) Peer(region string) *s3.Service { return p.regions[region] }

// As implements s3.Peers. What the role may do is asked at each call; only that it may
// be assumed is known for its session's life.
func (p *bodyPeers) As(ctx context.Context, d s3.Deputy) (context.Context, error) {
	now := p.of.gateway.Clock.Now()
	r, ok := p.sessions.Get(d)
	if !ok || !now.Before(r.until) {
		principal, err := p.assume(ctx, d)
		if err != nil {
			return nil, err
		}
		r = &roleSession{principal: principal, until: now.Add(roleLife - roleSpare)}
		p.sessions.Put(d, r)
	}
	c := &wire.Call{
		Facts: authz.Facts{
			Principal: r.principal, Region: d.Region, Time: now, SourceIP: s3Principal, UserAgent: s3Principal, Secure: true,
		},
		Service: "s3", Operation: "ReplicateObject", RequestID: newID(), EventID: newID(),
	}
	c.Check = func(ctx context.Context, t authz.Target) error {
		return p.of.authorizer.Check(ctx, &c.Facts, "s3:ReplicateObject", t)
	}
	return wire.WithCall(ctx, c), nil
}

func (p *bodyPeers) assume(ctx context.Context, d s3.Deputy) (*authz.Principal, error) {
	out, err := gateway.InvokeAs[sdksts.AssumeRoleOutput](ctx, p.of.gateway, gateway.ServiceCall{
		Principal: s3Principal, Account: d.Account, Region: d.From, SourceARN: d.SourceARN, SourceAccount: d.Account,
	}, &sdksts.AssumeRoleInput{
		RoleArn: &d.Role, RoleSessionName: aws.String("s3-replication"), DurationSeconds: aws.Int32(int32(roleLife / time.Second)),
	})
	if err != nil {
		return nil, err
	}
	key, err := p.of.gateway.Keys.Key(ctx, *out.Credentials.AccessKeyId, *out.Credentials.SessionToken)
	return key.Principal, err
}

var _ s3.Peers = (*bodyPeers)(nil)
