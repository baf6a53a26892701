package iam

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const administratorAccess = "arn:aws:iam::aws:policy/AdministratorAccess"

// managedFiles are the AWS managed policies that come with the program, with
// AWS's ids, dates and documents.
//
//go:embed managed/*.json
var managedFiles embed.FS

// A managedFile is one of them as it is written down.
type managedFile struct {
	PolicyName, PolicyID, Path, Description string
	DefaultVersionID                        string
	CreateDate, UpdateDate                  time.Time
	Document                                json.RawMessage
}

// embeddedPolicies reads AWS's policies, by ARN. It panics on what is not one:
// the files are part of the program, and the tests read them.
func embeddedPolicies() map[string]*policy {
	entries, err := managedFiles.ReadDir("managed")
	if err != nil {
		panic(err)
	}
	out := make(map[string]*policy, len(entries))
	for _, e := range entries {
		b, err := managedFiles.ReadFile("managed/" + e.Name())
		if err != nil {
			panic(err)
		}
		p, err := readManaged(b)
		if err != nil {
			panic(fmt.Sprintf("managed/%s: %v", e.Name(), err))
		}
		out[p.arn()] = p
	}
	return out
}

func readManaged(b []byte) (*policy, error) {
	var f managedFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimPrefix(f.DefaultVersionID, "v"))
	if err != nil {
		return nil, err
	}
	var document bytes.Buffer
	if err := json.Indent(&document, f.Document, "", "    "); err != nil {
		return nil, err
	}
	return &policy{
		Account: awsManaged, Name: f.PolicyName, Path: f.Path, ID: f.PolicyID, Created: f.CreateDate, Updated: f.UpdateDate,
		Default: n, Last: n, Description: f.Description, Document: document.String(),
	}, nil
}
