package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Credentials let the root user of an account in.
type Credentials struct {
	Account, AccessKeyID, SecretAccessKey string
	// Endpoint is where the server answers, Region its home.
	Endpoint, Region string
	// CABundle is the file of the CA to trust; empty for HTTP or a known CA.
	CABundle string
}

// CredentialsPath is where the root access keys of a data directory are kept:
// beside it, readable by its owner only.
func CredentialsPath(data string) string { return filepath.Clean(data) + ".credentials" }

// DevCredentials are what a client of a development server uses: any will do.
func DevCredentials(account string) Credentials {
	return Credentials{
		Account: account, AccessKeyID: account, SecretAccessKey: "garrison",
		Endpoint: "http://" + DefaultListen, Region: DefaultRegion,
	}
}

// firstAccounts makes the root access key of each configured account once, and
// writes them down for `garrison env`.
func (s *Server) firstAccounts(ctx context.Context) error {
	for _, account := range s.config.Accounts {
		c := DevCredentials(account)
		if !s.config.Dev {
			id, secret, err := s.services.iam.EnsureRoot(ctx, account)
			if err != nil {
				return fmt.Errorf("make the root access key of account %s: %w", account, err)
			}
			c.AccessKeyID, c.SecretAccessKey = id, secret
		}
		c.Endpoint, c.Region = s.URL(), s.config.Regions[0]
		if s.tls != nil && s.config.TLSCert == "" {
			c.CABundle = CAPath(s.config.Data)
		}
		s.credentials = append(s.credentials, c)
	}
	if s.config.Data == "" {
		return nil
	}
	return writeCredentials(CredentialsPath(s.config.Data), s.credentials)
}

// writeCredentials writes an AWS shared credentials file with one profile an
// account, the first also under the name garrison.
func writeCredentials(path string, list []Credentials) error {
	var b strings.Builder
	b.WriteString("# Root access keys of this garrison server. Keep this file secret.\n")
	for i, c := range list {
		profile := "garrison"
		if i > 0 {
			profile += "-" + c.Account
		}
		fmt.Fprintf(&b, "[%s]\naccount = %s\naws_access_key_id = %s\naws_secret_access_key = %s\nendpoint_url = %s\nregion = %s\n",
			profile, c.Account, c.AccessKeyID, c.SecretAccessKey, c.Endpoint, c.Region)
		if c.CABundle != "" {
			fmt.Fprintf(&b, "ca_bundle = %s\n", c.CABundle)
		}
	}
	fresh := path + ".new"
	if err := os.WriteFile(fresh, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write the root access keys: %w", err)
	}
	return os.Rename(fresh, path)
}

// ErrNoServer tells that no server has ever run on a data directory.
var ErrNoServer = errors.New("no server has been started on this data directory yet")

// ReadCredentials reads what a server on the data directory wrote down.
func ReadCredentials(data string) ([]Credentials, error) {
	text, err := os.ReadFile(CredentialsPath(data))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", data, ErrNoServer)
	}
	if err != nil {
		return nil, err
	}
	var out []Credentials
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			out = append(out, Credentials{})
		}
		name, value, ok := strings.Cut(line, " = ")
		if !ok || len(out) == 0 {
			continue
		}
		out[len(out)-1].set(name, value)
	}
	return out, nil
}

func (c *Credentials) set(name, value string) {
	switch name {
	case "account":
		c.Account = value
	case "aws_access_key_id":
		c.AccessKeyID = value
	case "aws_secret_access_key":
		c.SecretAccessKey = value
	case "endpoint_url":
		c.Endpoint = value
	case "region":
		c.Region = value
	case "ca_bundle":
		c.CABundle = value
	}
}
