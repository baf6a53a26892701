package iam

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
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

// documentKey stands between what a file says of its policy and the document.
const documentKey = `"Document":`

// readManaged reads what a file says of its policy. The document waits until
// someone wants it: few of them ever are, and the program starts sooner.
func readManaged(b []byte) (*policy, error) {
	about, _, ok := bytes.Cut(b, []byte(documentKey))
	if !ok {
		return nil, errors.New("no document")
	}
	about = append(bytes.TrimRight(about, ", \n"), '}')
	var f managedFile
	if err := json.Unmarshal(about, &f); err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimPrefix(f.DefaultVersionID, "v"))
	if err != nil {
		return nil, err
	}
	return &policy{
		Account: awsManaged, Name: f.PolicyName, Path: f.Path, ID: f.PolicyID, Created: f.CreateDate, Updated: f.UpdateDate,
		Default: n, Last: n, Description: f.Description, written: sync.OnceValue(func() string { return indented(f.PolicyName) }),
	}, nil
}

// indented is a policy's document as AWS answers it. It panics on what is no
// document: the files are part of the program, and the tests read them.
func indented(name string) string {
	b, err := managedFiles.ReadFile("managed/" + name + ".json")
	if err != nil {
		panic(err)
	}
	var f struct{ Document json.RawMessage }
	if err := json.Unmarshal(b, &f); err != nil {
		panic(err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, f.Document, "", "    "); err != nil {
		panic(err)
	}
	return out.String()
}
