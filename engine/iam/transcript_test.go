package iam_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/garrison-cloud/garrison/engine/iam"
)

var update = flag.Bool("update", false, "write the answers into testdata")

// TestTranscripts asks the questions in testdata. A transcript's lines are
//
//	# a remark
//	-- identity reader    a policy, its kind and name; the document follows
//	-- scp/0 full         a control policy on the level 0
//	-- clear              forgets all policies
//	? user alice | s3:GetObject | arn:aws:s3:::b/k | owner 444455556666 | granted
//	  aws:sourceip = 10.0.0.1     condition keys; | stands between values, "" is empty
//	= the answer
func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("transcripts: %v, %v", files, err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := (&transcript{t: t}).run(string(want))
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("answers differ (-want +got; -update writes them):\n%s", diff)
			}
		})
	}
}

type transcript struct {
	t        *testing.T
	policies iam.Policies
	out      strings.Builder
	document strings.Builder
	heading  string // of the policy being read
	question string
	keys     keys
}

func (x *transcript) run(text string) string {
	for line := range strings.Lines(text + "\n# end\n") {
		if strings.HasPrefix(line, "= ") {
			continue
		}
		switch marker := line[0]; {
		case marker == '#' || marker == '?' || strings.HasPrefix(line, "--"):
			x.finish()
		case line == "\n" && x.question != "":
			x.finish()
		}
		x.line(line)
	}
	return strings.TrimSuffix(x.out.String(), "\n# end\n")
}

func (x *transcript) line(line string) {
	x.out.WriteString(line)
	line = strings.TrimSuffix(line, "\n")
	switch {
	case line == "-- clear":
		x.policies = iam.Policies{}
	case strings.HasPrefix(line, "-- "):
		x.heading = line[3:]
	case strings.HasPrefix(line, "? "):
		x.question, x.keys = line[2:], keys{}
	case x.heading != "":
		x.document.WriteString(line + "\n")
	case x.question != "":
		key, values, _ := strings.Cut(strings.TrimSpace(line), " = ")
		x.keys[key] = strings.Split(strings.Trim(values, `"`), " | ")
	}
}

// finish ends a document or a question.
func (x *transcript) finish() {
	if x.heading != "" {
		x.addPolicy()
	}
	if x.question != "" {
		x.answer()
	}
	x.heading, x.question = "", ""
	x.document.Reset()
}

func (x *transcript) addPolicy() {
	kind, name, _ := strings.Cut(x.heading, " ")
	kind, level, _ := strings.Cut(kind, "/")
	p, err := iam.Parse(x.document.String(), kinds[kind])
	if err != nil {
		x.t.Fatalf("policy %s: %v", x.heading, err)
	}
	p = p.WithName(name)
	switch kind {
	case "identity":
		x.policies.Identity = append(x.policies.Identity, p)
	case "boundary":
		x.policies.Boundary, x.policies.HasBoundary = append(x.policies.Boundary, p), true
	case "session":
		x.policies.Session, x.policies.HasSession = append(x.policies.Session, p), true
	case "scp":
		x.policies.SCPs = onLevel(x.policies.SCPs, level, p)
	case "rcp":
		x.policies.RCPs = onLevel(x.policies.RCPs, level, p)
	default:
		x.policies.Resource, x.policies.ResourceDecides = p, kind != "resource"
	}
}

var kinds = map[string]iam.Kind{
	"identity": iam.IdentityPolicy, "boundary": iam.BoundaryPolicy, "session": iam.SessionPolicy,
	"resource": iam.ResourcePolicy, "key": iam.KeyPolicy, "trust": iam.TrustPolicy,
	"scp": iam.ServiceControlPolicy, "rcp": iam.ResourceControlPolicy,
}

func onLevel(levels [][]*iam.Policy, level string, p *iam.Policy) [][]*iam.Policy {
	i := int(level[0] - '0')
	for len(levels) <= i {
		levels = append(levels, nil)
	}
	levels[i] = append(levels[i], p)
	return levels
}

func (x *transcript) answer() {
	parts := strings.Split(x.question, " | ")
	r := iam.Request{Principal: principal(parts[0]), Action: parts[1], Resource: parts[2], Context: x.keys}
	policies := x.policies
	for _, option := range parts[3:] {
		name, value, _ := strings.Cut(option, " ")
		switch name {
		case "owner":
			r.ResourceAccount = value
		case "granted":
			policies.Granted = true
		default:
			x.t.Fatalf("option %q of %q", option, x.question)
		}
	}
	x.out.WriteString(answer(iam.Evaluate(&r, &policies), iam.Explain(&r, &policies)))
}

func answer(d iam.Decision, fits []iam.StatementRef) string {
	var b strings.Builder
	verdict := "= denied " + d.Because()
	if d.Allowed {
		verdict = "= allowed by " + d.Source.String()
	}
	b.WriteString(verdict)
	if ref, ok := d.Match(); ok {
		fmt.Fprintf(&b, ": %s[%d] %s", ref.Policy, ref.Index, ref.Sid)
	}
	line := strings.TrimSpace(b.String()) + "\n"
	if len(fits) == 0 {
		return line
	}
	line += "= fits"
	for _, ref := range fits {
		effect := "allows"
		if ref.Deny {
			effect = "denies"
		}
		line += fmt.Sprintf(", %s[%d] %s", ref.Policy, ref.Index, effect)
	}
	return strings.Replace(line, "fits,", "fits", 1) + "\n"
}

const home = "111122223333"

// principal reads "user alice", "session app/build@444455556666", "service
// kms.amazonaws.com" and their like.
func principal(text string) iam.Principal {
	kind, name, _ := strings.Cut(text, " ")
	name, account, elsewhere := strings.Cut(name, "@")
	if !elsewhere {
		account = home
	}
	sts, in := "arn:aws:sts::"+account+":", "arn:aws:iam::"+account+":"
	switch kind {
	case "root":
		return iam.Principal{Kind: iam.AccountRoot, ARN: in + "root", Account: account, ID: account, CanonicalUser: "canonical" + account}
	case "user":
		return iam.Principal{Kind: iam.User, ARN: in + "user/" + name, Account: account, ID: id("AIDA", name), CanonicalUser: "canonical" + account}
	case "session":
		role, session, _ := strings.Cut(name, "/")
		return iam.Principal{
			Kind: iam.RoleSession, ARN: sts + "assumed-role/" + name, Account: account,
			ID: id("AROA", role) + ":" + session, RoleARN: in + "role/" + role,
		}
	case "federated":
		user, session, _ := strings.Cut(name, "/")
		return iam.Principal{
			Kind: iam.FederatedUser, ARN: sts + "federated-user/" + session, Account: account,
			ID: account + ":" + session, RoleARN: in + "user/" + user,
		}
	case "web":
		return iam.Principal{Kind: iam.WebIdentity, Provider: name}
	case "saml":
		return iam.Principal{Kind: iam.SAML, Provider: in + "saml-provider/" + name}
	case "service":
		return iam.Principal{Kind: iam.ServicePrincipal, Service: name}
	default:
		return iam.Principal{Kind: iam.Anonymous}
	}
}

// id makes a unique id of a name: "AIDAALICEEXAMPLE0000".
func id(prefix, name string) string {
	return (prefix + strings.ToUpper(name) + "EXAMPLE000000000000")[:20]
}

// keys are a request's condition keys, in lower case.
type keys map[string][]string

// Values implements iam.Context.
func (k keys) Values(key string) ([]string, bool) {
	v, ok := k[key]
	return v, ok
}
