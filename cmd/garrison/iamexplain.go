package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/clock"
)

// iamExplainCmd is a client of the public APIs: it reads the policies that count
// for a call and asks the engine that decides real calls.
type iamExplainCmd struct {
	connection

	Principal string   `required:"" help:"Who: the ARN or the name of a user or role, a role's session, root, a service, or anonymous." placeholder:"ARN|NAME"`
	Action    string   `required:"" help:"What, such as kms:Decrypt." placeholder:"SERVICE:NAME"`
	Resource  string   `default:"*" help:"On what (default * for actions that have no resource)." placeholder:"ARN"`
	Context   []string `sep:"none" help:"A condition key of the request; repeat it for more values or keys." placeholder:"KEY=VALUE"`
	JSON      bool     `name:"json" help:"Answer in JSON."`

	ResourcePolicy string   `help:"The resource's policy, where it is not to be read from the server." placeholder:"FILE" type:"existingfile"`
	SessionPolicy  []string `help:"A session policy of the caller's credentials." placeholder:"FILE" type:"existingfile"`
	SCP            []string `name:"scp" help:"A service control policy, one a level of the organization." placeholder:"FILE" type:"existingfile"`
	RCP            []string `name:"rcp" help:"A resource control policy, one a level of the organization." placeholder:"FILE" type:"existingfile"`
}

// A query is what is asked, taken apart.
type query struct {
	action, resource string
	context          map[string][]string // by lower-case key
	encryption       map[string]string   // KMS's, names as they were given
	resourcePolicy   string
}

// Run reads the policies, decides, and says why.
func (c *iamExplainCmd) Run(stdout io.Writer) error {
	e, err := c.ends()
	if err != nil {
		return err
	}
	r, err := c.explain(context.Background(), e)
	if err != nil {
		return err
	}
	if c.JSON {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		out.SetEscapeHTML(false)
		return out.Encode(r)
	}
	_, err = io.WriteString(stdout, r.text())
	return err
}

// The ends of a question: how the SDK calls on behalf of the principal's account
// and of the resource's.
type ends struct{ subject, object aws.Config }

func (c *iamExplainCmd) ends() (e ends, err error) {
	if e.subject, err = c.config(accountOf(c.Principal)); err != nil {
		return e, err
	}
	if e.object, err = c.config(accountOf(c.Resource)); err != nil {
		return e, err
	}
	if a, err := arn.Parse(c.Resource); err == nil && a.Region != "" {
		e.object.Region = a.Region
	}
	return e, nil
}

func (c *iamExplainCmd) explain(ctx context.Context, e ends) (*explanation, error) {
	q, err := c.query()
	if err != nil {
		return nil, err
	}
	s, err := c.subject(ctx, e.subject)
	if err != nil {
		return nil, fmt.Errorf("read the policies of %s: %w", c.Principal, err)
	}
	o, err := findObject(ctx, e.object, q)
	if err != nil {
		return nil, fmt.Errorf("read the policy of %s: %w", c.Resource, err)
	}
	if err := o.judgeGrants(s, q); err != nil {
		return nil, err
	}
	o.ofCaller(s, q)
	if err := c.addFiles(s); err != nil {
		return nil, err
	}
	return newExplanation(ctx, facts(s, &e.object), s, o, q)
}

func (c *iamExplainCmd) query() (*query, error) {
	q := &query{action: c.Action, resource: c.Resource, context: map[string][]string{}, encryption: map[string]string{}}
	if service, name, ok := strings.Cut(c.Action, ":"); !ok || service == "" || name == "" || strings.ContainsAny(name, "*?") {
		return nil, fmt.Errorf("the action %s is not one action, written service:Name", c.Action)
	}
	for _, pair := range c.Context {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || !strings.Contains(key, ":") {
			return nil, fmt.Errorf("the context %s is not written service:Key=value", pair)
		}
		lower := strings.ToLower(key)
		q.context[lower] = append(q.context[lower], value)
		if strings.HasPrefix(lower, "kms:encryptioncontext:") {
			q.encryption[key[len("kms:encryptioncontext:"):]] = value
		}
	}
	var err error
	q.resourcePolicy, err = document(c.ResourcePolicy)
	return q, err
}

// document reads a file, or nothing where none is named.
func document(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path) //nolint:gosec // the file that the user names
	return string(b), err
}

// accountOf is the account in an ARN, or none.
func accountOf(name string) string {
	a, err := arn.Parse(name)
	if err != nil || !arn.IsAccount(a.AccountID) {
		return ""
	}
	return a.AccountID
}

func (c *iamExplainCmd) subject(ctx context.Context, cfg aws.Config) (*subject, error) {
	me, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, err
	}
	if other := accountOf(c.Principal); other != "" && other != *me.Account {
		return nil, fmt.Errorf("it is of account %s, and the credentials are of %s", other, *me.Account)
	}
	return findSubject(ctx, iam.NewFromConfig(cfg), *me.Account, c.Principal)
}

// addFiles adds the policies that no API tells of.
func (c *iamExplainCmd) addFiles(s *subject) error {
	for _, group := range []struct {
		files  []string
		source engine.Source
		kind   engine.Kind
	}{
		{c.SessionPolicy, engine.Session, engine.SessionPolicy},
		{c.SCP, engine.SCP, engine.ServiceControlPolicy},
		{c.RCP, engine.RCP, engine.ResourceControlPolicy},
	} {
		for i, file := range group.files {
			text, err := document(file)
			if err != nil {
				return err
			}
			s.papers = append(s.papers, paper{source: group.source, kind: group.kind, name: file, level: i, document: text})
		}
	}
	return nil
}

// facts are those of a call made now, as far as they can be known.
func facts(s *subject, cfg *aws.Config) *authz.Facts {
	now := clock.System{}.Now()
	if s.Session != nil {
		s.Session.Created, s.Session.Expires = now, now.Add(time.Hour)
	}
	for _, p := range s.papers {
		if p.source != engine.Session {
			continue
		}
		if s.Session == nil {
			s.Session = &authz.Session{IssuerKind: "User", IssuerARN: s.ARN, IssuerID: s.ID, IssuerName: s.Name, Created: now}
		}
		s.Session.Policies = append(s.Session.Policies, p.document)
	}
	return &authz.Facts{Principal: &s.Principal, Region: cfg.Region, Time: now, Secure: strings.HasPrefix(*cfg.BaseEndpoint, "https:")}
}
