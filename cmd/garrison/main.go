// Command garrison is AWS's security services on a machine of your own: one
// process that speaks the AWS APIs.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/garrison-cloud/garrison/internal/server"
)

// cli is the command line: one field a sub-command, one file each.
type cli struct {
	Serve   serveCmd   `cmd:"" help:"Serve the AWS APIs."`
	Env     envCmd     `cmd:"" help:"Print what a shell needs to use a running server."`
	IAM     iamCmd     `cmd:"" name:"iam" help:"Explain permissions."`
	Clock   clockCmd   `cmd:"" help:"Tell or move the time of a server that runs with --dev."`
	Doctor  doctorCmd  `cmd:"" help:"Check this machine and a data directory, and say how to mend what is wrong."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

const description = `AWS's security services on machines of your own.

Start a server and use it with the aws command line:

  garrison serve &
  eval "$(garrison env)"
  aws kms create-key

For tests, garrison serve --dev keeps its state in memory and takes any credentials.`

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "garrison:", err)
		os.Exit(1)
	}
}

// run executes one command line.
func run(args []string, stdout, stderr io.Writer) error {
	var c cli
	parser, err := kong.New(&c,
		kong.Name("garrison"), kong.Description(description),
		kong.Writers(stdout, stderr), kong.UsageOnError(),
		kong.Vars{"data": defaultData(), "ops": server.DefaultOpsListen},
		kong.BindTo(stdout, (*io.Writer)(nil)),
	)
	if err != nil {
		return err
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return err
	}
	return ctx.Run()
}
