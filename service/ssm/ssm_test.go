package ssm_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trail "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const (
	account = garrisontest.Account
	other   = garrisontest.OtherAccount
	region  = garrisontest.Region
)

// start runs a server and returns a client of its first account's root.
func start(t testing.TB) (*garrisontest.Server, *ssm.Client) {
	t.Helper()
	s := garrisontest.Start(t)
	return s, ssm.NewFromConfig(s.Config)
}

// user returns a client of a new user of the first account with one policy.
func user(t *testing.T, s *garrisontest.Server, name, policy string) *ssm.Client {
	t.Helper()
	return ssm.NewFromConfig(s.User(t, name, policy))
}

// put stores a text under a name, over what is there.
func put(t *testing.T, c *ssm.Client, name, value string) int64 {
	t.Helper()
	return mustPut(t, c, &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)})
}

func mustPut(t *testing.T, c *ssm.Client, in *ssm.PutParameterInput) int64 {
	t.Helper()
	out, err := c.PutParameter(t.Context(), in)
	if err != nil {
		t.Fatalf("put %s: %v", *in.Name, err)
	}
	return out.Version
}

// secret stores a SecureString under a key, "" being the default one.
func secret(t *testing.T, c *ssm.Client, name, value, key string, tier types.ParameterTier) {
	t.Helper()
	in := &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeSecureString, Tier: tier, Overwrite: aws.Bool(true)}
	if key != "" {
		in.KeyId = &key
	}
	mustPut(t, c, in)
}

func get(t *testing.T, c *ssm.Client, name string) (*types.Parameter, error) {
	t.Helper()
	out, err := c.GetParameter(t.Context(), &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		return nil, err
	}
	return out.Parameter, nil
}

// wantValue reads a parameter and compares its value.
func wantValue(t *testing.T, c *ssm.Client, name, value string) *types.Parameter {
	t.Helper()
	p, err := get(t, c, name)
	if err != nil {
		t.Fatalf("get %s: %v, want %q", name, err, value)
	}
	if *p.Value != value {
		t.Errorf("value of %s = %q, want %q", name, *p.Value, value)
	}
	return p
}

// allowing is an IAM policy that allows actions on a resource.
func allowing(resource string, actions ...string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"` + resource + `"}}`
}

func arnOf(path string) string { return "arn:aws:ssm:" + region + ":" + account + ":parameter/" + path }

// An event is what of a CloudTrail event the tests look at.
type event struct {
	UserIdentity struct {
		ARN       string `json:"arn"`
		InvokedBy string `json:"invokedBy"`
	} `json:"userIdentity"`
	EventSource       string `json:"eventSource"`
	EventName         string `json:"eventName"`
	ErrorCode         string `json:"errorCode"`
	ReadOnly          bool   `json:"readOnly"`
	RequestParameters struct {
		EncryptionContext map[string]string `json:"encryptionContext"`
	} `json:"requestParameters"`
	Resources []struct {
		ARN  string `json:"ARN"`
		Type string `json:"type"`
	} `json:"resources"`
	raw string
}

// events returns the events of a name, latest first, as soon as there are n.
func events(t *testing.T, s *garrisontest.Server, name string, n int) []event {
	t.Helper()
	c := cloudtrail.NewFromConfig(s.Config)
	var out []event
	got := garrisontest.Eventually(func() bool {
		list, err := c.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{LookupAttributes: []trail.LookupAttribute{
			{AttributeKey: trail.LookupAttributeKeyEventName, AttributeValue: &name},
		}})
		if err != nil {
			t.Fatalf("look up %s: %v", name, err)
		}
		out = out[:0]
		for _, e := range list.Events {
			x := event{raw: *e.CloudTrailEvent}
			if err := json.Unmarshal([]byte(x.raw), &x); err != nil {
				t.Fatalf("event %s: %v", x.raw, err)
			}
			out = append(out, x)
		}
		return len(out) >= n
	})
	if !got {
		t.Fatalf("%d events %s, want %d", len(out), name, n)
	}
	return out
}

// TestPutAndGet is the narrowest way through: a parameter is made and read.
func TestPutAndGet(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	if n := put(t, c, "/prod/db/host", "db.example.com"); n != 1 {
		t.Errorf("version = %d, want 1", n)
	}
	p := wantValue(t, c, "/prod/db/host", "db.example.com")
	if *p.Name != "/prod/db/host" || *p.ARN != arnOf("prod/db/host") || p.Type != types.ParameterTypeString ||
		p.Version != 1 || *p.DataType != "text" || p.LastModifiedDate == nil || p.Selector != nil {
		t.Errorf("got %+v", p)
	}
	if p := wantValue(t, c, arnOf("prod/db/host"), "db.example.com"); *p.Name != "/prod/db/host" {
		t.Errorf("by its ARN it is %s", *p.Name)
	}
	put(t, c, "plain", "x")
	if p := wantValue(t, c, " plain ", "x"); *p.ARN != arnOf("plain") {
		t.Errorf("ARN = %s", *p.ARN)
	}
	for _, name := range []string{"/plain", "nothing", "/prod/db", arnOf("nothing"), "/aws/service/nothing"} {
		_, err := get(t, c, name)
		garrisontest.Want(t, err, "ParameterNotFound")
	}
	e := events(t, s, "PutParameter", 2)
	for _, x := range e {
		if x.EventSource != "ssm.amazonaws.com" || x.ReadOnly || strings.Contains(x.raw, "db.example.com") || len(x.Resources) != 1 ||
			!strings.HasPrefix(x.Resources[0].ARN, arnOf("p")) || x.Resources[0].Type != "AWS::SSM::Parameter" {
			t.Errorf("event of a Put: %s", x.raw)
		}
	}
	e = events(t, s, "GetParameter", 2)
	for _, x := range e {
		if !x.ReadOnly || strings.Contains(x.raw, "db.example.com") {
			t.Errorf("event of a Get: %s", x.raw)
		}
	}
}
