package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Credentials asks the binary for the root access key of its data directory.
func Credentials(ctx context.Context, binary, data string) (aws.Credentials, error) {
	out, err := exec.CommandContext(ctx, binary, "env", "--shell", "sh", "--data", data).Output() //nolint:gosec // what Build made
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("garrison env: %w", err)
	}
	var c aws.Credentials
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		switch name {
		case "AWS_ACCESS_KEY_ID":
			c.AccessKeyID = strings.Trim(value, `'"`)
		case "AWS_SECRET_ACCESS_KEY":
			c.SecretAccessKey = strings.Trim(value, `'"`)
		}
	}
	if c.SecretAccessKey == "" {
		return c, errors.New("garrison env printed no credentials")
	}
	return c, nil
}

// Config is a configuration of SDK clients of the process. They do not try
// again: what fails is to be seen.
func (p *Process) Config(creds aws.Credentials, region string) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(p.URL), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(creds.AccessKeyID, creds.SecretAccessKey, ""),
		HTTPClient:  &plainBodies{awshttp.NewBuildableClient()},
	}
}

// plainBodies sends bodies that can only be read: the SDK closes a body as soon as
// the answer begins, and net/http takes what its WriteTo then says for a failure.
type plainBodies struct{ client *awshttp.BuildableClient }

// Do implements aws.HTTPClient.
func (c *plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.client.Do(r)
}
