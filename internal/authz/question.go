package authz

import (
	"strconv"
	"strings"
	"time"

	"github.com/garrison-cloud/garrison/engine/iam"
)

// A question is one target asked by one caller. As an iam.Context it gives
// condition keys their values only when a policy looks at them.
type question struct {
	facts  *Facts
	target *Target
	// given holds the values handed out so far. It only grows, so that a slice
	// given out stays valid while the engine looks up the next key.
	given []string
}

// Prefixes of condition keys that end in a tag's key.
const (
	principalTag = "aws:principaltag/"
	resourceTag  = "aws:resourcetag/"
)

// Values returns the values of a condition key, given in lower case; ok is false
// when the call has no such key (IAM User Guide, "AWS global condition context
// keys").
func (q *question) Values(key string) ([]string, bool) {
	if v, ok := q.target.Conditions[key]; ok {
		return v, true
	}
	if q.target.Lookup != nil {
		if v, ok := q.target.Lookup(key); ok {
			return v, true
		}
	}
	if !strings.HasPrefix(key, "aws:") {
		if s := q.facts.Principal.Session; s != nil {
			if v, ok := s.Federated[key]; ok {
				return v, true
			}
		}
		return q.serviceTag(key)
	}
	if name, ok := strings.CutPrefix(key, principalTag); ok {
		return q.tag(q.facts.Principal.Tags, name)
	}
	if name, ok := strings.CutPrefix(key, resourceTag); ok {
		return q.tag(q.target.Tags, name)
	}
	if v, ok := q.ofPrincipal(key); ok {
		return v, true
	}
	if v, ok := q.ofSession(key); ok {
		return v, true
	}
	return q.ofRequest(key)
}

func (q *question) one(v string) ([]string, bool) {
	q.given = append(q.given, v)
	n := len(q.given)
	return q.given[n-1 : n : n], true
}

// present gives v unless it is empty: an empty fact is an absent key.
func (q *question) present(v string) ([]string, bool) {
	if v == "" {
		return nil, false
	}
	return q.one(v)
}

// tag looks a tag up by its key; condition keys do not distinguish case.
func (q *question) tag(tags map[string]string, name string) ([]string, bool) {
	for k, v := range tags {
		if strings.EqualFold(k, name) {
			return q.one(v)
		}
	}
	return nil, false
}

// serviceTag serves a service's own spelling of the resource tag key, such as
// iam:ResourceTag/team.
func (q *question) serviceTag(key string) ([]string, bool) {
	_, rest, _ := strings.Cut(key, ":")
	if name, ok := strings.CutPrefix(rest, "resourcetag/"); ok {
		return q.tag(q.target.Tags, name)
	}
	return nil, false
}

func (q *question) ofPrincipal(key string) ([]string, bool) {
	p := q.facts.Principal
	switch key {
	case "aws:principalarn":
		if p.Kind == iam.RoleSession {
			return q.present(p.RoleARN)
		}
		return q.present(p.ARN)
	case "aws:principalaccount":
		if p.Kind == iam.Anonymous {
			return q.one("anonymous")
		}
		return q.present(p.Account)
	case "aws:principaltype":
		return q.present(principalType(p.Kind))
	case "aws:userid":
		return q.present(p.ID)
	case "aws:username":
		if p.Kind != iam.User {
			return nil, false
		}
		return q.present(p.Name)
	case "aws:principalisawsservice":
		if p.Kind == iam.Anonymous { // a key of signed requests only
			return nil, false
		}
		return q.one(strconv.FormatBool(p.Kind == iam.ServicePrincipal))
	case "aws:principalservicename":
		return q.present(p.Service)
	}
	return nil, false
}

func principalType(k iam.PrincipalKind) string {
	switch k {
	case iam.AccountRoot:
		return "Account"
	case iam.User:
		return "User"
	case iam.RoleSession:
		return "AssumedRole"
	case iam.FederatedUser:
		return "FederatedUser"
	case iam.Anonymous:
		return "Anonymous"
	default:
		return ""
	}
}

func (q *question) ofSession(key string) ([]string, bool) {
	s := q.facts.Principal.Session
	if s == nil {
		// A service that calls on a user's behalf does so with temporary credentials
		// of its own making, which no second factor stands behind.
		if key == "aws:multifactorauthpresent" && len(q.facts.Via) > 0 {
			return q.one("false")
		}
		return nil, false
	}
	switch key {
	case "aws:multifactorauthpresent":
		return q.one(strconv.FormatBool(s.MFA))
	case "aws:multifactorauthage":
		if !s.MFA {
			return nil, false
		}
		return q.one(strconv.FormatInt(int64(q.facts.Time.Sub(s.Created)/time.Second), 10))
	case "aws:tokenissuetime":
		return q.one(s.Created.UTC().Format(time.RFC3339))
	case "aws:sourceidentity":
		return q.present(s.SourceIdentity)
	case "aws:federatedprovider":
		return q.present(q.facts.Principal.Provider)
	}
	return nil, false
}

func (q *question) ofRequest(key string) ([]string, bool) {
	f := q.facts
	switch key {
	case "aws:currenttime":
		return q.one(f.Time.UTC().Format(time.RFC3339))
	case "aws:epochtime":
		return q.one(strconv.FormatInt(f.Time.Unix(), 10))
	case "aws:requestedregion":
		return q.present(f.Region)
	case "aws:securetransport":
		return q.one(strconv.FormatBool(f.Secure))
	case "aws:sourceip":
		if len(f.Via) > 0 { // the address would be the service's, so AWS leaves it out
			return nil, false
		}
		return q.present(f.SourceIP)
	case "aws:useragent":
		return q.present(f.UserAgent)
	case "aws:referer":
		return q.present(f.Referer)
	case "aws:sourcearn":
		return q.present(f.SourceARN)
	case "aws:sourceaccount":
		return q.present(f.SourceAccount)
	case "aws:resourceaccount":
		if q.target.Account == "" {
			return q.present(f.Principal.Account)
		}
		return q.one(q.target.Account)
	}
	return q.ofChain(key)
}

func (q *question) ofChain(key string) ([]string, bool) {
	via := q.facts.Via
	switch key {
	case "aws:viaawsservice":
		return q.one(strconv.FormatBool(len(via) > 0))
	case "aws:calledvia":
		return via, len(via) > 0
	case "aws:calledviafirst":
		if len(via) > 0 {
			return via[:1], true
		}
	case "aws:calledvialast":
		if n := len(via); n > 0 {
			return via[n-1:], true
		}
	}
	return nil, false
}
