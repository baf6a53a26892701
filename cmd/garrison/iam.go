package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/garrison-cloud/garrison/internal/server"
)

// iamCmd groups what helps with permissions.
type iamCmd struct {
	Explain iamExplainCmd `cmd:"" help:"Say whether a principal may do something, and which statements decide."`
}

// A connection is where a command finds the server, and as whom it calls.
type connection struct {
	Data     string `help:"Data directory of the server (default ${data})." placeholder:"DIR" type:"path"`
	Dev      bool   `help:"For a server started with --dev and no --data."`
	Endpoint string `help:"Where the server answers (default AWS_ENDPOINT_URL, or where the server said)." placeholder:"URL"`
	Region   string `help:"The Region to ask (default AWS_REGION, or the server's first)." placeholder:"REGION"`
}

// credentials are the account's root's where this machine has them, and else
// those in the environment. An empty account is the first there is.
func (c *connection) credentials(account string) (server.Credentials, error) {
	env := fromEnvironment()
	creds, err := env, error(nil)
	if env.AccessKeyID == "" || c.Dev || c.Data != "" {
		creds, err = (&envCmd{Data: c.Data, Dev: c.Dev, Account: account}).credentials()
		if err != nil {
			return creds, err
		}
		if c.Dev && env.Endpoint != "" {
			creds.Endpoint = env.Endpoint
		}
	}
	if c.Endpoint != "" {
		creds.Endpoint = c.Endpoint
	}
	if c.Region != "" {
		creds.Region = c.Region
	}
	switch {
	case creds.Endpoint == "":
		return creds, errors.New(`AWS_ACCESS_KEY_ID is set, AWS_ENDPOINT_URL is not; run eval "$(garrison env)", or pass --endpoint`)
	case creds.Region == "":
		creds.Region = server.DefaultRegion
	}
	return creds, nil
}

func fromEnvironment() server.Credentials {
	region := os.Getenv("AWS_REGION")
	if region == "" {
		region = os.Getenv("AWS_DEFAULT_REGION")
	}
	return server.Credentials{
		AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		Endpoint: os.Getenv("AWS_ENDPOINT_URL"), Region: region, CABundle: os.Getenv("AWS_CA_BUNDLE"),
	}
}

// config is the SDK's configuration for calls to the server.
func (c *connection) config(account string) (aws.Config, error) {
	creds, err := c.credentials(account)
	if err != nil {
		return aws.Config{}, err
	}
	client, err := clientTrusting(creds.CABundle)
	if err != nil {
		return aws.Config{}, err
	}
	token := ""
	if creds.AccessKeyID == os.Getenv("AWS_ACCESS_KEY_ID") {
		token = os.Getenv("AWS_SESSION_TOKEN")
	}
	return aws.Config{
		Region: creds.Region, BaseEndpoint: &creds.Endpoint, HTTPClient: client, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(creds.AccessKeyID, creds.SecretAccessKey, token),
	}, nil
}

// clientTrusting trusts the certificates of a file too, if one is named.
func clientTrusting(bundle string) (*awshttp.BuildableClient, error) {
	client := awshttp.NewBuildableClient()
	if bundle == "" {
		return client, nil
	}
	pem, err := os.ReadFile(bundle) //nolint:gosec // the file that the user names
	if err != nil {
		return nil, fmt.Errorf("read the server's certificate authority: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil || pool == nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", bundle)
	}
	return client.WithTransportOptions(func(t *http.Transport) {
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}), nil
}
