package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/server"
)

type envCmd struct {
	Data     string `help:"Data directory of the server (default ${data})." placeholder:"DIR" type:"path"`
	Dev      bool   `help:"For a server started with --dev and no --data."`
	Account  string `help:"The account whose root to be (default the server's first)." placeholder:"ID"`
	Endpoint string `help:"Where the server answers, if not where it said." placeholder:"URL"`
	Shell    string `default:"auto" enum:"auto,sh,fish,powershell" help:"Form of the output: sh, fish, powershell (default by $SHELL)."`
	Profile  string `help:"Write an AWS profile of this name instead of printing." placeholder:"NAME"`

	Wait time.Duration `default:"5s" help:"How long to wait for a server that is just starting."`
}

// Run prints exports, or writes a profile.
func (c *envCmd) Run(stdout io.Writer) error {
	creds, err := c.credentials()
	if err != nil {
		return err
	}
	if c.Endpoint != "" {
		creds.Endpoint = c.Endpoint
	}
	if c.Profile != "" {
		return writeProfile(stdout, c.Profile, creds)
	}
	_, err = io.WriteString(stdout, exports(c.shell(), creds))
	return err
}

func (c *envCmd) credentials() (server.Credentials, error) {
	if c.Dev {
		account := c.Account
		if account == "" {
			account = server.DefaultAccount
		}
		return server.DevCredentials(account), nil
	}
	data := c.Data
	if data == "" {
		data = defaultData()
	}
	list, err := c.read(data)
	if err != nil {
		return server.Credentials{}, fmt.Errorf("%w; start one with garrison serve, or use garrison env --dev for a server in memory", err)
	}
	for _, creds := range list {
		if c.Account == "" || creds.Account == c.Account {
			return creds, nil
		}
	}
	return server.Credentials{}, fmt.Errorf("the server on %s has no account %q; start it with --account %s", data, c.Account, c.Account)
}

// read waits a little for a first start to write its credentials down.
func (c *envCmd) read(data string) ([]server.Credentials, error) {
	const pause = 20 * time.Millisecond
	for waited := time.Duration(0); ; waited += pause {
		list, err := server.ReadCredentials(data)
		if !errors.Is(err, server.ErrNoServer) || waited >= c.Wait {
			return list, err
		}
		if err := clock.Sleep(context.Background(), clock.System{}, pause); err != nil {
			return nil, err
		}
	}
}

// shell guesses from $SHELL what the output is for.
func (c *envCmd) shell() string {
	if c.Shell != "auto" {
		return c.Shell
	}
	if strings.HasSuffix(os.Getenv("SHELL"), "fish") {
		return "fish"
	}
	return "sh"
}

func variables(c server.Credentials) [][2]string {
	out := [][2]string{
		{"AWS_ACCESS_KEY_ID", c.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", c.SecretAccessKey},
		{"AWS_ENDPOINT_URL", c.Endpoint},
		{"AWS_REGION", c.Region},
		{"AWS_DEFAULT_REGION", c.Region},
	}
	if c.CABundle != "" {
		out = append(out, [2]string{"AWS_CA_BUNDLE", c.CABundle})
	}
	return out
}

// exports is what the shell is to evaluate.
func exports(shell string, c server.Credentials) string {
	var b strings.Builder
	for _, v := range variables(c) {
		quoted := "'" + strings.ReplaceAll(v[1], "'", `'\''`) + "'"
		switch shell {
		case "fish":
			fmt.Fprintf(&b, "set -gx %s %s\n", v[0], quoted)
		case "powershell":
			fmt.Fprintf(&b, "$Env:%s = '%s'\n", v[0], strings.ReplaceAll(v[1], "'", "''"))
		default:
			fmt.Fprintf(&b, "export %s=%s\n", v[0], quoted)
		}
	}
	// A session token left over from elsewhere would spoil every signature.
	switch shell {
	case "fish":
		b.WriteString("set -e AWS_SESSION_TOKEN\n")
	case "powershell":
		b.WriteString("Remove-Item Env:AWS_SESSION_TOKEN -ErrorAction SilentlyContinue\n")
	default:
		b.WriteString("unset AWS_SESSION_TOKEN\n")
	}
	return b.String()
}

// writeProfile puts the profile into the user's AWS files, in place of one of
// the same name.
func writeProfile(w io.Writer, name string, c server.Credentials) error {
	home, err := os.UserHomeDir()
	if err != nil {
		return err
	}
	config := fileFrom("AWS_CONFIG_FILE", filepath.Join(home, ".aws", "config"))
	secrets := fileFrom("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, ".aws", "credentials"))
	settings := []string{"region = " + c.Region, "endpoint_url = " + c.Endpoint}
	if c.CABundle != "" {
		settings = append(settings, "ca_bundle = "+c.CABundle)
	}
	if err := setSection(config, "profile "+name, settings); err != nil {
		return err
	}
	err = setSection(secrets, name, []string{
		"aws_access_key_id = " + c.AccessKeyID, "aws_secret_access_key = " + c.SecretAccessKey,
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "wrote the profile %s to %s and %s; use it:  aws --profile %s kms list-keys\n", name, config, secrets, name)
	return err
}

func fileFrom(variable, otherwise string) string {
	if v := os.Getenv(variable); v != "" {
		return v
	}
	return otherwise
}

// setSection replaces or appends one section of an INI file, and leaves the
// rest as it is.
func setSection(path, section string, lines []string) error {
	old, err := os.ReadFile(path) //nolint:gosec // the user's own AWS files
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	var kept []string
	within := false
	for line := range strings.Lines(string(old)) {
		line = strings.TrimRight(line, "\r\n")
		if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "[") {
			within = trimmed == "["+section+"]"
		}
		if !within {
			kept = append(kept, line)
		}
	}
	kept = append(kept, "["+section+"]")
	kept = append(kept, lines...)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.Join(kept, "\n")+"\n"), 0o600)
}
