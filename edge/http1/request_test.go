package http1_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/garrison-cloud/garrison/edge/http1"
)

// smuggling is a corpus made from RFC 9112's rules: each request, and what it is judged.
var smuggling = []struct {
	name, request string
	class         http1.Class
	reason        http1.Reason
}{
	{"plain get", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", http1.Compliant, ""},
	{"plain post", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", http1.Compliant, ""},
	{"plain chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", http1.Compliant, ""},
	{"absolute form", "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", http1.Compliant, ""},
	{"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", http1.Compliant, ""},
	{"percent encodings that are none", "GET /%zz%00%2 HTTP/1.1\r\nHost: a\r\n\r\n", http1.Compliant, ""},

	{"space in target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", http1.Acceptable, http1.SpaceInURI},
	{"version 1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", http1.Acceptable, http1.NonCompliantVersion},
	{"get with length zero", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", http1.Acceptable, http1.GetHeadZeroContentLength},
	{"bare line feed", "GET / HTTP/1.1\nHost: a\r\n\r\n", http1.Acceptable, http1.NonCrLfLineTermination},
	{"control in value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n", http1.Acceptable, http1.NonCompliantHeader},
	{"space in name", "GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n", http1.Acceptable, http1.NonCompliantHeader},

	{"control in target", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", http1.Ambiguous, http1.AmbiguousURI},
	{"tab in target", "GET /a\tHTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n", http1.Ambiguous, http1.AmbiguousURI},
	{"empty name", "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", http1.Ambiguous, http1.EmptyHeader},
	{"get with content", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", http1.Ambiguous, http1.UndefinedContentLengthSemantics},
	{"head with chunks", "HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", http1.Ambiguous, http1.UndefinedTransferEncodingSemantic},
	{"same length twice", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", http1.Ambiguous, http1.DuplicateContentLength},
	{"length and chunks", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", http1.Ambiguous, http1.BothTeClPresent},
	{"chunks and length", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", http1.Ambiguous, http1.BothTeClPresent},
	{"space before colon", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", http1.Ambiguous, http1.SuspiciousHeader},
	{"underscore", "POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\n\r\n", http1.Ambiguous, http1.SuspiciousHeader},
	{"control before name", "POST / HTTP/1.1\r\nHost: a\r\n\x0bTransfer-Encoding: chunked\r\n\r\n", http1.Ambiguous, http1.SuspiciousHeader},
	{"dotless i", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encodıng: chunked\r\n\r\n", http1.Ambiguous, http1.SuspiciousHeader},
	{"long s", "POST / HTTP/1.1\r\nHost: a\r\nTranſfer-Encoding: chunked\r\n\r\n", http1.Ambiguous, http1.SuspiciousHeader},
	{"dropped hyphen quoted", "POST / HTTP/1.1\r\nHost: a\r\n\"Content-Length\": 5\r\n\r\n", http1.Ambiguous, http1.SuspiciousHeader},
	{"folded value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", http1.Ambiguous, http1.MultilineHeader},
	{"identity", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n", http1.Ambiguous, http1.BadTransferEncoding},

	{"two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", http1.Severe, http1.MultipleContentLength},
	{"list of lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc", http1.Severe, http1.BadContentLength},
	{"signed length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", http1.Severe, http1.BadContentLength},
	{"negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", http1.Severe, http1.BadContentLength},
	{"hexadecimal length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc", http1.Severe, http1.BadContentLength},
	{"huge length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", http1.Severe, http1.BadContentLength},
	{"empty length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", http1.Severe, http1.BadContentLength},
	{"chunked twice", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", http1.Severe, http1.MultipleTransferEncodingChunked},
	{"chunked then identity", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", http1.Severe, http1.MultipleTransferEncodingChunked},
	{"gzip, chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", http1.Severe, http1.BadTransferEncoding},
	{"xchunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", http1.Severe, http1.BadTransferEncoding},
	{"quoted chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", http1.Severe, http1.BadTransferEncoding},
	{"chunked with vertical tab", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n", http1.Severe, http1.BadTransferEncoding},
	{"chunked in 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", http1.Severe, http1.BadTransferEncoding},
	{"folded coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n", http1.Severe, http1.BadTransferEncoding},
	{"coding as continuation", "POST / HTTP/1.1\r\nHost: a\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n", http1.Severe, http1.BadHeader},
	{"carriage return in value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", http1.Severe, http1.BadHeader},
	{"null in value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", http1.Severe, http1.BadHeader},
	{"null in name", "GET / HTTP/1.1\r\nHost: a\r\nX\x00: b\r\n\r\n", http1.Severe, http1.BadHeader},
	{"no colon", "GET / HTTP/1.1\r\nHost: a\r\nabc\r\n\r\n", http1.Severe, http1.BadHeader},
	{"continuation first", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", http1.Severe, http1.BadHeader},
	{"no host", "GET / HTTP/1.1\r\nX: a\r\n\r\n", http1.Severe, http1.BadHeader},
	{"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", http1.Severe, http1.BadHeader},
	{"host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", http1.Severe, http1.BadHeader},
	{"host with user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", http1.Severe, http1.BadHeader},
	{"null in target", "GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", http1.Severe, http1.BadURI},
	{"carriage return in target", "GET /\rX HTTP/1.1\r\nHost: a\r\n\r\n", http1.Severe, http1.BadURI},
	{"relative target", "GET x HTTP/1.1\r\nHost: a\r\n\r\n", http1.Severe, http1.BadURI},
	{"authority target", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", http1.Severe, http1.BadURI},
	{"bad method", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", http1.Severe, http1.BadMethod},
	{"space before method", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", http1.Severe, http1.BadMethod},
	{"no version", "GET /\r\nHost: a\r\n\r\n", http1.Severe, http1.BadVersion},
	{"lower case version", "GET / http/1.1\r\nHost: a\r\n\r\n", http1.Severe, http1.BadVersion},
	{"version 2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", http1.Severe, http1.BadVersion},
	{"version with more", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", http1.Severe, http1.BadVersion},
}

func TestClassification(t *testing.T) {
	t.Parallel()
	for _, tt := range smuggling {
		rd := http1.NewReader(strings.NewReader(tt.request))
		head, err := rd.Head(http1.MaxHead)
		if err != nil {
			t.Errorf("%s: Head: %v", tt.name, err)
			continue
		}
		var r http1.Request
		err = r.Parse(head)
		if r.Class != tt.class || r.Reason != tt.reason {
			t.Errorf("%s: class %v %q, want %v %q", tt.name, r.Class, r.Reason, tt.class, tt.reason)
		}
		var refusal *http1.Refusal
		if refused := errors.As(err, &refusal); refused != (tt.class == http1.Severe) {
			t.Errorf("%s: error %v for class %v", tt.name, err, tt.class)
		}
	}
}

// TestModes holds each mode to AWS's table.
func TestModes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mode           http1.Mode
		class          http1.Class
		admits, closes bool
	}{
		{http1.Monitor, http1.Ambiguous, true, false},
		{http1.Monitor, http1.Severe, false, false},
		{http1.Defensive, http1.Acceptable, true, false},
		{http1.Defensive, http1.Ambiguous, true, true},
		{http1.Defensive, http1.Severe, false, false},
		{http1.Strictest, http1.Compliant, true, false},
		{http1.Strictest, http1.Acceptable, false, false},
		{http1.Strictest, http1.Ambiguous, false, false},
	} {
		if a, c := tt.mode.Admits(tt.class), tt.mode.Closes(tt.class); a != tt.admits || c != tt.closes {
			t.Errorf("mode %d, %v: admits %v closes %v, want %v %v", tt.mode, tt.class, a, c, tt.admits, tt.closes)
		}
	}
}

// read reads one whole message, byte by byte where slow.
func read(src io.Reader) (r http1.Request, body string, trailers []http1.Field, err error) {
	rd := http1.NewReader(src)
	head, err := rd.Head(http1.MaxHead)
	if err == nil {
		err = r.Parse(head)
	}
	if err != nil {
		return r, "", nil, err
	}
	var y http1.Body
	y.Reset(rd, r.Length)
	var b strings.Builder
	for {
		p, err := y.Next()
		b.Write(p)
		if errors.Is(err, io.EOF) {
			return r, b.String(), y.Trailers, nil
		}
		if err != nil {
			return r, b.String(), nil, err
		}
	}
}

func TestOrderAndCase(t *testing.T) {
	t.Parallel()
	in := "GET /?a HTTP/1.1\r\nHOST: Ex\r\nzEBRA: 1\r\naccept:  x y \t\r\nZebra: 2\r\n\r\n"
	r, _, _, err := read(iotest.OneByteReader(strings.NewReader(in)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.Fields {
		got = append(got, string(f.Name)+"="+string(f.Value))
	}
	if want := "HOST=Ex zEBRA=1 accept=x y Zebra=2"; strings.Join(got, " ") != want {
		t.Errorf("fields = %q, want %q", strings.Join(got, " "), want)
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	const post = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, tt := range []struct {
		name, body, want string
		err              error
	}{
		{"two chunks", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde", nil},
		{"extension", "3;a=\"b\"\r\nabc\r\n0\r\n\r\n", "abc", nil},
		{"trailer", "1\r\na\r\n0\r\nX: y\r\nContent-Length: 9\r\n\r\n", "a", nil},
		{"bare line feed", "3\nabc\r\n0\r\n\r\n", "", http1.ErrMalformed},
		{"no end of chunk", "3\r\nabcX\r\n0\r\n\r\n", "abc", http1.ErrMalformed},
		{"bad size", "0x3\r\nabc\r\n0\r\n\r\n", "", http1.ErrMalformed},
		{"minus", "-1\r\n\r\n", "", http1.ErrMalformed},
		{"space before size", " 3\r\nabc\r\n0\r\n\r\n", "", http1.ErrMalformed},
		{"overflow", "FFFFFFFFFFFFFFFFF\r\n", "", http1.ErrMalformed},
		{"endless extension", "3;" + strings.Repeat("x", 9000), "", http1.ErrMalformed},
		{"endless trailer", "0\r\n" + strings.Repeat("X: y\r\n", 9000), "", http1.ErrMalformed},
		{"cut short", "5\r\nab", "ab", io.ErrUnexpectedEOF},
		{"cut before end", "0\r\n", "", io.ErrUnexpectedEOF},
		{"smuggled trailer name", "0\r\nTransfer_Encoding: x\r\n\r\n", "", nil},
		{"bad trailer", "0\r\nno colon\r\n\r\n", "", http1.ErrMalformed},
	} {
		for _, slow := range []bool{false, true} {
			var src io.Reader = strings.NewReader(post + tt.body)
			if slow {
				src = iotest.OneByteReader(src)
			}
			_, got, trailers, err := read(src)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("%s (slow %v): %q, %v, want %q, %v", tt.name, slow, got, err, tt.want, tt.err)
			}
			for _, f := range trailers {
				if f.Kind != http1.Other || string(f.Name) != "X" {
					t.Errorf("%s: trailer %s passed", tt.name, f.Name)
				}
			}
		}
	}
}

func TestHeadLimits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, head string
		status     int // 0: ErrTooLarge
	}{
		{"long target", "GET /" + strings.Repeat("x", 17<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
		{"long field", "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 17<<10) + "\r\n\r\n", 400},
		{"many fields", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 1100) + "\r\n", 400},
		{"long head", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: "+strings.Repeat("y", 8<<10)+"\r\n", 9) + "\r\n", 0},
		{"endless head", "GET / HTTP/1.1\r\n" + strings.Repeat("X: "+strings.Repeat("y", 8<<10)+"\r\n", 200), 0},
	} {
		_, _, _, err := read(strings.NewReader(tt.head))
		var refusal *http1.Refusal
		if errors.As(err, &refusal) && refusal.Status == tt.status || tt.status == 0 && errors.Is(err, http1.ErrTooLarge) {
			continue
		}
		t.Errorf("%s: %v, want status %d", tt.name, err, tt.status)
	}
}

// FuzzRequest compares with net/http: what this parser finds compliant, net/http reads
// the same way, to the same end.
func FuzzRequest(f *testing.F) {
	for _, tt := range smuggling {
		f.Add([]byte(tt.request))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r, body, _, err := read(bytes.NewReader(in))
		if err != nil || r.Class != http1.Compliant {
			return
		}
		std, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(in)))
		if err != nil {
			if strings.Contains(err.Error(), "invalid URL") || strings.Contains(err.Error(), "parse ") {
				return // percent encodings are the target's affair
			}
			t.Fatalf("net/http refuses %q: %v", in, err)
		}
		got, err := io.ReadAll(std.Body)
		if err != nil || string(got) != body {
			t.Fatalf("body of %q: %q, net/http %q, %v", in, body, got, err)
		}
		if std.Method != string(r.Method) || std.Host != string(r.Host) && !strings.HasPrefix(std.RequestURI, "http") {
			t.Fatalf("%q: %s %s, net/http %s %s", in, r.Method, r.Host, std.Method, std.Host)
		}
		if length := std.Header.Get("Content-Length"); length != "" && length != strconv.FormatInt(r.Length, 10) {
			t.Fatalf("%q: length %d, net/http %s", in, r.Length, length)
		}
	})
}

// FuzzResponse parses anything without harm, and agrees with net/http about the end.
func FuzzResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 304 \r\nContent-Length: 3\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		head, err := http1.NewReader(bytes.NewReader(in)).Head(http1.MaxResponseHead)
		if err != nil {
			return
		}
		var p http1.Response
		if p.Parse(head, false) != nil {
			return
		}
		std, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(in)), nil)
		if err != nil {
			return
		}
		defer std.Body.Close()
		if p.Length >= 0 && p.Status >= 200 && std.ContentLength >= 0 && p.Length != std.ContentLength {
			t.Fatalf("%q: length %d, net/http %d", in, p.Length, std.ContentLength)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	head := []byte("GET /index.html?a=b HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\nAccept-Encoding: gzip\r\nCookie: a=b; c=d\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
	var r http1.Request
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Parse(head); err != nil {
			b.Fatal(err)
		}
	}
}
