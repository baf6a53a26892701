package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const telegraph = `{
  "metadata": {"apiVersion": "1844-05-24", "endpointPrefix": "wire", "protocol": "json", "jsonVersion": "1.1", "serviceId": "Telegraph", "targetPrefix": "Morse"},
  "operations": {"Send": {"name": "Send", "http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "SendRequest"}, "errors": [{"shape": "Cut"}]}},
  "shapes": {
    "SendRequest": {"type": "structure", "required": ["text"], "members": {"text": {"shape": "Text"}, "at": {"shape": "Time", "location": "header", "locationName": "x-at"}}},
    "Text": {"type": "string", "min": 1, "pattern": "[.\\- ]+", "sensitive": true},
    "Time": {"type": "timestamp", "timestampFormat": "iso8601"},
    "Cut": {"type": "structure", "exception": true, "error": {"httpStatusCode": 503}, "members": {}}
  }
}`

const telegraphTable = "service:telegraph\nversion:1844-05-24\nid:Telegraph\nendpoint:wire\nsigning:wire\njson:1.1\ntarget:Morse\nprotocol:json\n\n" +
	"Send\tmethod:POST\turi:/\t.input:SendRequest\terror:Cut\n\n" +
	"Cut\tstructure\texception\tstatus:503\n" +
	"SendRequest\tstructure\t.text:Text;!\t.at:Time;in:header;n:x-at\n" +
	"Text\tstring\tmin:1\tpattern:[.\\- ]+\tsensitive\n" +
	"Time\ttimestamp\ttime:iso8601\n"

// fixture writes models and returns their directory.
func fixture(t *testing.T, models map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for version, text := range models {
		path := filepath.Join(dir, "telegraph", version)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "service-2.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	dir := fixture(t, map[string]string{"1843-01-01": "{", "1844-05-24": telegraph})
	got, err := generate(dir, source{"telegraph", "telegraph"})
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != telegraphTable {
		t.Errorf("got\n%s\nwant\n%s", got, telegraphTable)
	}
}

func TestGenerateRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"an unknown type":     {`"timestamp"`, `"heliograph"`},
		"an unknown location": {`"location": "header"`, `"location": "trailer"`},
		"not JSON":            {`{`, ``},
	} {
		dir := fixture(t, map[string]string{"1844-05-24": strings.Replace(telegraph, change[0], change[1], 1)})
		if table, err := generate(dir, source{"telegraph", "telegraph"}); err == nil {
			t.Errorf("%s became\n%s", name, table)
		}
	}
	if _, err := generate(t.TempDir(), source{"telegraph", "telegraph"}); err == nil {
		t.Error("a model that is not there became a table")
	}
}

// TestTablesAreCurrent holds the committed tables to the generator, where the
// models are installed that they were made from.
func TestTablesAreCurrent(t *testing.T) {
	t.Parallel()
	data, err := installed()
	if err != nil {
		t.Skip("botocore is not installed")
	}
	if v, err := os.ReadFile("../model/VERSION"); err != nil || strings.TrimSpace(string(v)) != version(data) {
		t.Skipf("the tables are of botocore %s (%v), installed is %s", v, err, version(data))
	}
	out := t.TempDir()
	if err := run(data, out); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(out)
	if err != nil || len(files) < len(services)+1 {
		t.Fatalf("written: %v, %v", files, err)
	}
	for _, f := range files {
		want, err := os.ReadFile(filepath.Join(out, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join("../model", f.Name())); err != nil || string(got) != string(want) {
			t.Errorf("%s is not what go generate writes (%v)", f.Name(), err)
		}
	}
}
