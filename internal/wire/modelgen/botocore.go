package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A service is a service-2.json file, as far as its facts are used.
type service struct {
	pkg string

	Metadata struct {
		APIVersion, EndpointPrefix, JSONVersion, Protocol, ServiceID string
		SigningName, TargetPrefix, XMLNamespace                      string
		Protocols                                                    []string
		QueryCompatible                                              *struct{} `json:"awsQueryCompatible"`
	}
	Operations map[string]operation
	Shapes     map[string]shape
}

type operation struct {
	HTTP struct {
		Method, RequestURI string
		ResponseCode       int
	}
	Input, Output   *reference
	Errors          []reference
	AuthType        string
	Compression     *struct{} `json:"requestcompression"`
	UnsignedPayload bool
	Endpoint        struct{ HostPrefix string }
}

type reference struct {
	Shape, Location, LocationName, QueryName, TimestampFormat, ResultWrapper string
	XMLNamespace                                                             *namespace
	Flattened, XMLAttribute, Streaming, HostLabel, JSONValue                 bool
	IdempotencyToken                                                         bool
}

type namespace struct{ Prefix, URI string }

type shape struct {
	Type               string
	Members            json.RawMessage // an object whose order counts
	Member, Key, Value *reference
	Required, Enum     []string
	Payload            string
	LocationName       string
	XMLNamespace       *namespace
	TimestampFormat    string
	Min, Max           *json.Number
	Pattern            string
	Exception, Fault   bool
	Union, EventStream bool
	Sensitive          bool
	Streaming          bool
	Flattened          bool
	Error              struct {
		Code           string
		HTTPStatusCode int
		SenderFault    bool
	}
}

// load reads the newest version of a service's model.
func load(data string, src source) (*service, error) {
	paths, err := filepath.Glob(filepath.Join(data, src.botocore, "*", "service-2.json*"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no model of %s in %s", src.botocore, data)
	}
	b, err := read(paths[len(paths)-1]) // versions are dates, and Glob sorts
	if err != nil {
		return nil, err
	}
	s := service{pkg: src.pkg}
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, err
	}
	return &s, s.amend()
}

func read(path string) (_ []byte, err error) {
	f, err := os.Open(path) //nolint:gosec // a model in the directory that the developer names
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closed(f)) }()
	if !strings.HasSuffix(path, ".gz") {
		return io.ReadAll(f)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

func closed(c io.Closer) error {
	if err := c.Close(); !errors.Is(err, fs.ErrClosed) {
		return err
	}
	return nil
}

// ordered calls f for each member of a JSON object, in the file's order.
func ordered(object json.RawMessage, f func(name string, r *reference) error) error {
	if len(object) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var r reference
		if err := d.Decode(&r); err != nil {
			return err
		}
		if err := f(name.(string), &r); err != nil {
			return err
		}
	}
	return nil
}
