package sigv4_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// mutants are requests with much to change in them.
var mutants = map[string]request{ //nolint:gochecknoglobals // a table that nothing changes
	"header":       {method: "POST", url: suiteURL + "/path/to%20it?Param=value&b=%2F", token: suiteToken, header: headers("My-Header", "value one", "X-Amz-Target", "Service.Op"), body: `{"KeyId":"1"}`},
	"s3 header":    {method: "PUT", url: suiteURL + "/bucket/key%20one?x=1", service: "s3", header: headers("X-Amz-Meta-Color", "red"), body: "data"},
	"presigned":    {method: "GET", url: suiteURL + "/path?Action=Get", service: "sts", expires: "900", token: suiteToken},
	"presigned s3": {method: "GET", url: suiteURL + "/bucket/key?versionId=1", service: "s3", expires: "900", payload: "UNSIGNED-PAYLOAD"},
}

// TestMutations changes each byte of requests as they go over the wire, in three
// ways. Whatever a server can still read must be refused, but for what is listed
// in covered.
func TestMutations(t *testing.T) {
	t.Parallel()
	for name, q := range mutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var wire bytes.Buffer
			r := q.send(t, nil)
			r.URL.Host = r.Host
			if err := r.Write(&wire); err != nil {
				t.Fatal(err)
			}
			original := wire.Bytes()
			for i := range original {
				for _, flip := range []byte{1, 2, 0x20} {
					mutate(t, original, i, flip)
				}
			}
		})
	}
}

func mutate(t *testing.T, original []byte, i int, flip byte) {
	t.Helper()
	changed := bytes.Clone(original)
	changed[i] ^= flip
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(changed)))
	if err != nil || r.ContentLength >= 0 && r.ContentLength != bodyLength(changed) {
		return // no server reads it
	}
	if err := verify(t, r); err == nil && covered(original, changed, i) {
		from := bytes.LastIndexByte(original[:i], '\n') + 1
		to := i + bytes.IndexByte(append(bytes.Clone(original[i:]), '\n'), '\n')
		t.Errorf("byte %d: %q became %q and still holds", i, original[from:to], changed[from:to])
	}
}

func bodyLength(b []byte) int64 {
	_, body, _ := bytes.Cut(b, []byte("\r\n\r\n"))
	return int64(len(body))
}

// covered is false for a change that means nothing: of the letter case of a
// header's name or of an escape's digits, of the protocol's version, and of the
// headers that the SDK does not sign.
func covered(original, changed []byte, i int) bool {
	from := bytes.LastIndexByte(original[:i], '\n') + 1
	line := string(original[from : i+bytes.IndexByte(append(bytes.Clone(original[i:]), '\n'), '\n')])
	at := i - from
	name, _, isHeader := strings.Cut(line, ":")
	switch {
	case from == 0:
		if v := strings.LastIndex(line, " HTTP/"); at >= v {
			return false
		}
		return !sameEscape(original, changed, i) && !hexCase(line, at)
	case isHeader && at < len(name):
		return !strings.EqualFold(name, string(changed[from:from+len(name)])) && !strings.HasPrefix(line, "User-Agent")
	case strings.HasPrefix(line, "User-Agent:"):
		return false
	case strings.HasPrefix(line, "Authorization:"):
		return !hexCase(line, at) && !separator(line, at)
	}
	return !isHeader || line[at] != ' ' || at != len(name)+1 // the space after the colon
}

// sameEscape is the change of a hex digit's case after a percent sign.
func sameEscape(original, changed []byte, i int) bool {
	return bytes.EqualFold(original[i:i+1], changed[i:i+1]) && (original[i-1] == '%' || original[i-2] == '%')
}

// hexCase is the change of a letter's case in the signature itself.
func hexCase(line string, at int) bool {
	s := strings.Index(line, "Signature=")
	return s >= 0 && at >= s+len("Signature=") && at < s+len("Signature=")+64 && line[at] >= 'a'
}

// separator is the comma or space between an Authorization header's components,
// each of which stands for the other.
func separator(line string, at int) bool {
	return line[at] == ',' || line[at] == ' ' || at == len("Authorization:")
}

// TestMutantsAreRead makes sure that the mutations above start from requests
// that hold.
func TestMutantsAreRead(t *testing.T) {
	t.Parallel()
	for name, q := range mutants {
		if err := verify(t, q.send(t, nil)); err != nil {
			t.Errorf("%s: %v, want it to hold", name, err)
		}
	}
}

// TestUnsignedOwnHeaders adds headers that say what is asked and are not signed.
func TestUnsignedOwnHeaders(t *testing.T) {
	t.Parallel()
	for name, q := range mutants {
		want := "SignatureDoesNotMatch"
		switch {
		case strings.Contains(name, "s3"):
			want = "AccessDenied"
		case q.header.Get("X-Amz-Target") != "":
			want = "InvalidSignatureException"
		}
		for _, header := range []string{"X-Amz-Copy-Source", "X-Amz-Acl", "X-Amz-Security-Token", "x-amz-odd"} {
			r := q.send(t, nil)
			if r.Header.Get(header) != "" {
				continue
			}
			r.Header[header] = []string{"x"}
			if err := verify(t, r); code(err) != want {
				t.Errorf("%s with %s: %v, want %s", name, header, err, want)
			}
		}
	}
	r := mutants["s3 header"].send(t, nil)
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), ";host", "", 1))
	if got, want := fmt.Sprint(verify(t, r)), "AccessDenied: There were headers present in the request which were not signed"; got != want {
		t.Errorf("host not signed: %s, want %s", got, want)
	}
}
