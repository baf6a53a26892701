package accessanalyzer_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"
	"pgregory.net/rapid"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	service "github.com/garrison-cloud/garrison/service/accessanalyzer"
)

const mine, theirs = "111122223333", "444455556666"

// drawStatement draws a statement over a small world of actions, resources,
// principals and keys, in which everything meets everything else often.
func drawStatement(t *rapid.T, resource bool) string {
	pick := func(name string, from ...string) string { return rapid.SampledFrom(from).Draw(t, name) }
	effect := pick("effect", "Allow", "Allow", "Deny")
	parts := []string{`"Effect":"` + effect + `"`}
	parts = append(parts, fmt.Sprintf(`"%s":%s`, pick("action element", "Action", "Action", "Action", "NotAction"),
		pick("actions", `"s3:Get*"`, `"s3:*"`, `"s3:GetObject"`, `["s3:PutObject","s3:GetObject"]`, `"*"`, `"s3:?etObject"`, `["s3:G*","s3:P*"]`)))
	parts = append(parts, fmt.Sprintf(`"%s":%s`, pick("resource element", "Resource", "Resource", "Resource", "NotResource"),
		pick("resources", `"*"`, `"arn:aws:s3:::b/*"`, `"arn:aws:s3:::b/x"`, `["arn:aws:s3:::b/x","arn:aws:s3:::b/y"]`, `"arn:aws:s3:::b/${aws:username}"`, `"arn:aws:s3:::*"`, `"arn:aws:s3:::b/?"`)))
	if resource {
		element := "Principal"
		if effect == "Deny" {
			element = pick("principal element", "Principal", "Principal", "NotPrincipal")
		}
		parts = append(parts, fmt.Sprintf(`"%s":%s`, element, pick("principals", `"*"`, `{"AWS":"`+mine+`"}`, `{"AWS":"arn:aws:iam::`+mine+`:user/x"}`,
			`{"AWS":["arn:aws:iam::`+mine+`:user/x","arn:aws:iam::`+theirs+`:root"]}`, `{"Service":"s3.amazonaws.com"}`, `{"AWS":"arn:aws:iam::`+mine+`:user/y","Service":"s3.amazonaws.com"}`)))
	}
	if n := rapid.IntRange(0, 3).Draw(t, "conditions"); n > 1 {
		blocks := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
			`"StringEquals":{"k:a":"1"}`, `"StringEquals":{"k:a":["1","2"]}`, `"StringLike":{"k:a":"1*"}`, `"StringNotEquals":{"k:a":"1"}`,
			`"StringNotLike":{"k:a":"*"}`, `"StringEqualsIfExists":{"k:a":"1"}`, `"StringNotEqualsIfExists":{"k:a":["1","2"]}`,
			`"ForAllValues:StringEquals":{"k:a":["1","2"]}`, `"ForAnyValue:StringLike":{"k:a":"*"}`, `"Null":{"k:a":"true"}`, `"Null":{"k:a":"false"}`,
			`"StringEquals":{"k:a":"${aws:username}"}`, `"StringLike":{"k:a":"${aws:username}"}`,
		}), 1, n-1, func(s string) string { return s[:strings.IndexByte(s, ':')] }).Draw(t, "blocks")
		if duplicated(blocks) {
			blocks = blocks[:1]
		}
		parts = append(parts, `"Condition":{`+strings.Join(blocks, ",")+`}`)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func duplicated(blocks []string) bool {
	seen := map[string]bool{}
	for _, b := range blocks {
		name := strings.SplitN(b, `"`, 3)[1]
		if seen[name] {
			return true
		}
		seen[name] = true
	}
	return false
}

func drawPolicy(t *rapid.T, resource bool, name string) []string {
	n := rapid.IntRange(1, 3).Draw(t, name)
	out := make([]string, n)
	for i := range out {
		out[i] = drawStatement(t, resource)
	}
	return out
}

func written(t *rapid.T, statements []string) string {
	version := rapid.SampledFrom([]string{"2012-10-17", "2012-10-17", "2008-10-17"}).Draw(t, "version")
	return `{"Version":"` + version + `","Statement":[` + strings.Join(statements, ",") + `]}`
}

// drawPair draws a policy and one made from it by a few changes, so that proofs
// often succeed.
func drawPair(t *rapid.T, resource bool) (before, next string) {
	old := drawPolicy(t, resource, "old")
	young := append([]string{}, old...)
	switch rapid.IntRange(0, 3).Draw(t, "change") {
	case 0:
		young = drawPolicy(t, resource, "new")
	case 1:
		young = append(young, drawStatement(t, resource))
	case 2:
		young[rapid.IntRange(0, len(young)-1).Draw(t, "at")] = drawStatement(t, resource)
	case 3:
		young = append(young[:0:0], young[rapid.IntRange(0, len(young)-1).Draw(t, "from"):]...)
	}
	return written(t, old), written(t, young)
}

// world are all requests of the small world.
func world(resource bool) []engine.Request {
	callers := []engine.Principal{{Kind: engine.User, ARN: "arn:aws:iam::" + mine + ":user/x", Account: mine, ID: "AIDAX"}}
	if resource {
		callers = append(callers,
			engine.Principal{Kind: engine.User, ARN: "arn:aws:iam::" + mine + ":user/y", Account: mine, ID: "AIDAY"},
			engine.Principal{Kind: engine.User, ARN: "arn:aws:iam::" + theirs + ":user/x", Account: theirs, ID: "AIDAZ"},
			engine.Principal{Kind: engine.RoleSession, ARN: "arn:aws:sts::" + mine + ":assumed-role/r/s", RoleARN: "arn:aws:iam::" + mine + ":role/r", Account: mine, ID: "AROA:s"},
			engine.Principal{Kind: engine.ServicePrincipal, Service: "s3.amazonaws.com"}, engine.Principal{Kind: engine.Anonymous})
	}
	var out []engine.Request
	for _, p := range callers {
		for _, action := range []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:GetBucket", "kms:Decrypt"} {
			for _, on := range []string{"arn:aws:s3:::b/x", "arn:aws:s3:::b/y", "arn:aws:s3:::b/xx", "arn:aws:s3:::b/${aws:username}", "arn:aws:s3:::c", "arn:aws:kms:::k"} {
				for _, values := range []keys{
					{},
					{"k:a": {"1"}},
					{"k:a": {"2"}},
					{"k:a": {"13"}},
					{"k:a": {"1", "3"}},
					{"k:a": {"x"}, "aws:username": {"x"}},
					{"aws:username": {"y"}},
					{"k:a": {""}},
					{"aws:username": {"*"}, "k:a": {"*"}},
				} {
					out = append(out, engine.Request{Action: action, Resource: on, Principal: p, ResourceAccount: mine, Context: values})
				}
			}
		}
	}
	return out
}

type keys map[string][]string

func (k keys) Values(key string) ([]string, bool) { v, ok := k[key]; return v, ok }

// decider answers by one policy alone, beside an identity policy that allows all
// or nothing where the policy is a resource's.
func decider(t *rapid.T, document string, resource, permitted bool) func(*engine.Request) bool {
	kind := engine.IdentityPolicy
	if resource {
		kind = engine.ResourcePolicy
	}
	p, err := engine.Parse(document, kind)
	if err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	all, err := engine.Parse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, engine.IdentityPolicy)
	if err != nil {
		t.Fatal(err)
	}
	policies := &engine.Policies{Identity: []*engine.Policy{p}}
	if resource {
		policies = &engine.Policies{Resource: p, ResourceDecides: true}
		if permitted {
			policies.Identity = []*engine.Policy{all}
		}
	}
	return func(r *engine.Request) bool { return engine.Evaluate(r, policies).Allowed }
}

// TestNoNewAccessIsSound answers PASS only where the engine allows nothing new.
func TestNoNewAccessIsSound(t *testing.T) {
	t.Parallel()
	s := service.New(nil)
	passed := 0
	for _, resource := range []bool{false, true} {
		requests := world(resource)
		rapid.Check(t, func(t *rapid.T) {
			before, next := drawPair(t, resource)
			kind := types.AccessCheckPolicyTypeIdentityPolicy
			if resource {
				kind = types.AccessCheckPolicyTypeResourcePolicy
			}
			out, err := s.CheckNoNewAccess(context.Background(), &accessanalyzer.CheckNoNewAccessInput{
				NewPolicyDocument: &next, ExistingPolicyDocument: &before, PolicyType: kind,
			})
			if err != nil {
				t.Fatal(err)
			}
			if out.Result != types.CheckNoNewAccessResultPass {
				return
			}
			passed++
			for _, permitted := range []bool{true, false} {
				was, is := decider(t, before, resource, permitted), decider(t, next, resource, permitted)
				for i := range requests {
					if r := &requests[i]; is(r) && !was(r) {
						t.Fatalf("PASS, and %+v is allowed by\n%s\nand was not by\n%s", r, next, before)
					}
				}
			}
		})
	}
	if passed < 10 {
		t.Errorf("%d proofs succeeded: the test shows nothing", passed)
	}
}

// TestAccessNotGrantedIsSound answers PASS only where the engine allows none of it.
func TestAccessNotGrantedIsSound(t *testing.T) {
	t.Parallel()
	s := service.New(nil)
	passed := 0
	requests := world(true)
	rapid.Check(t, func(t *rapid.T) {
		document := written(t, drawPolicy(t, true, "policy"))
		action := rapid.SampledFrom([]string{"s3:GetObject", "s3:Get*", "kms:*", "s3:DeleteObject"}).Draw(t, "critical action")
		on := rapid.SampledFrom([]string{"*", "arn:aws:s3:::b/x", "arn:aws:s3:::c"}).Draw(t, "critical resource")
		out, err := s.CheckAccessNotGranted(context.Background(), &accessanalyzer.CheckAccessNotGrantedInput{
			PolicyDocument: &document, PolicyType: types.AccessCheckPolicyTypeResourcePolicy,
			Access: []types.Access{{Actions: []string{action}, Resources: []string{on}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if out.Result != types.CheckAccessNotGrantedResultPass {
			return
		}
		passed++
		critical := func(r *engine.Request) bool {
			stem, star := strings.CutSuffix(action, "*")
			return (r.Action == action || star && strings.HasPrefix(r.Action, stem)) && (on == "*" || on == r.Resource)
		}
		is := decider(t, document, true, true)
		for i := range requests {
			if r := &requests[i]; critical(r) && is(r) {
				t.Fatalf("PASS for %s on %s, and %+v is allowed by\n%s", action, on, r, document)
			}
		}
	})
	if passed < 10 {
		t.Errorf("%d proofs succeeded: the test shows nothing", passed)
	}
}

// TestNoPublicAccessIsSound answers PASS only where the engine lets no stranger in.
func TestNoPublicAccessIsSound(t *testing.T) {
	t.Parallel()
	s := service.New(nil)
	passed := 0
	var strangers []engine.Request
	for _, r := range world(true) {
		if r.Principal.Kind == engine.Anonymous {
			strangers = append(strangers, r)
			r.Principal = engine.Principal{Kind: engine.User, ARN: "arn:aws:iam::999999999999:user/m", Account: "999999999999", ID: "AIDAM"}
			strangers = append(strangers, r)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		document := written(t, drawPolicy(t, true, "policy"))
		out, err := s.CheckNoPublicAccess(context.Background(), &accessanalyzer.CheckNoPublicAccessInput{
			PolicyDocument: &document, ResourceType: types.AccessCheckResourceTypeS3Bucket,
		})
		if err != nil {
			t.Fatal(err)
		}
		if out.Result != types.CheckNoPublicAccessResultPass {
			return
		}
		passed++
		is := decider(t, document, true, true)
		for i := range strangers {
			if is(&strangers[i]) {
				t.Fatalf("PASS, and %+v is allowed by\n%s", strangers[i], document)
			}
		}
	})
	if passed < 10 {
		t.Errorf("%d proofs succeeded: the test shows nothing", passed)
	}
}
