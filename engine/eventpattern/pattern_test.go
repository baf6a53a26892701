package eventpattern_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/engine/eventpattern"
)

// A matchCase is a pattern, an event, and whether they match (EventBridge User Guide,
// "Comparison operators for use in event patterns").
type matchCase struct {
	pattern, event string
	want           bool
}

func checkMatches(t *testing.T, cases []matchCase) {
	t.Helper()
	for _, tt := range cases {
		p, err := eventpattern.Parse(tt.pattern)
		if err != nil {
			t.Errorf("parse %s: %v", tt.pattern, err)
			continue
		}
		e, err := eventpattern.ParseEvent(tt.event)
		if err != nil {
			t.Errorf("parse %s: %v", tt.event, err)
			continue
		}
		if got := p.Match(e); got != tt.want {
			t.Errorf("%s on %s = %t, want %t", tt.pattern, tt.event, got, tt.want)
		}
	}
}

func TestMatchValues(t *testing.T) {
	t.Parallel()
	checkMatches(t, []matchCase{
		{`{"source":["a"]}`, `{"source":"a"}`, true},
		{`{"source":["a"]}`, `{"source":"b"}`, false},
		{`{"source":["a","b"]}`, `{"source":"b"}`, true},
		{`{"source":["a"]}`, `{}`, false},
		{`{"x":["é"]}`, `{"x":"\u00e9"}`, true},
		{`{"x":["\"\\"]}`, `{"x":"\"\\"}`, true},
		{`{"x":[""]}`, `{"x":""}`, true},
		{`{"x":[""]}`, `{"x":null}`, false},
		{`{"x":[null]}`, `{"x":null}`, true},
		{`{"x":[null]}`, `{}`, false},
		{`{"x":[true]}`, `{"x":true}`, true},
		{`{"x":[true]}`, `{"x":"true"}`, false},
		{`{"x":[300]}`, `{"x":300}`, true},
		{`{"x":[300]}`, `{"x":300.0}`, false},
		{`{"x":[300]}`, `{"x":3.0e2}`, false},
		{`{"x":[300]}`, `{"x":"300"}`, false},
		{`{"x":{"y":["a"]}}`, `{"x":{"y":"a"}}`, true},
		{`{"x":{"y":["a"]}}`, `{"x":"a"}`, false},
		{`{"x":["a"]}`, `{"x":["b","a"]}`, true},
		{`{"x":["a"]}`, `{"x":[["b"],["a"]]}`, true},
		{`{"x":["a"]}`, `{"x":{"a":1}}`, false},
		{`{"x":{"y":[1],"z":[2]}}`, `{"x":[{"y":1,"z":2}]}`, true},
		{`{"x":{"y":[1],"z":[2]}}`, `{"x":[{"y":1,"z":3},{"y":3,"z":2}]}`, false},
	})
}

func TestMatchText(t *testing.T) {
	t.Parallel()
	checkMatches(t, []matchCase{
		{`{"x":[{"prefix":"ab"}]}`, `{"x":"abc"}`, true},
		{`{"x":[{"prefix":"ab"}]}`, `{"x":"Abc"}`, false},
		{`{"x":[{"prefix":{"equals-ignore-case":"aB"}}]}`, `{"x":"Abc"}`, true},
		{`{"x":[{"prefix":{"equals-ignore-case":"aB"}}]}`, `{"x":"A"}`, false},
		{`{"x":[{"suffix":".png"}]}`, `{"x":"a.png"}`, true},
		{`{"x":[{"suffix":{"equals-ignore-case":".PNG"}}]}`, `{"x":"a.png"}`, true},
		{`{"x":[{"suffix":".png"}]}`, `{"x":1}`, false},
		{`{"x":[{"equals-ignore-case":"ALICE"}]}`, `{"x":"alice"}`, true},
		{`{"x":[{"equals-ignore-case":"ALICE"}]}`, `{"x":"alic"}`, false},
		{`{"x":[{"wildcard":"dir/*/f*.png"}]}`, `{"x":"dir/a/b/f1.png"}`, true},
		{`{"x":[{"wildcard":"dir/*/f*.png"}]}`, `{"x":"dir/f1.png"}`, false},
		{`{"x":[{"wildcard":"a*a"}]}`, `{"x":"a"}`, false},
		{`{"x":[{"wildcard":"a\\*b"}]}`, `{"x":"a*b"}`, true},
		{`{"x":[{"wildcard":"a\\*b"}]}`, `{"x":"axb"}`, false},
		{`{"x":[{"wildcard":"*"}]}`, `{"x":""}`, true},
	})
}

func TestMatchAnythingBut(t *testing.T) {
	t.Parallel()
	checkMatches(t, []matchCase{
		{`{"x":[{"anything-but":"a"}]}`, `{"x":"b"}`, true},
		{`{"x":[{"anything-but":"a"}]}`, `{"x":"a"}`, false},
		{`{"x":[{"anything-but":"a"}]}`, `{}`, false},
		{`{"x":[{"anything-but":"a"}]}`, `{"x":null}`, true},
		{`{"x":[{"anything-but":["a","b"]}]}`, `{"x":"b"}`, false},
		{`{"x":[{"anything-but":["a","b"]}]}`, `{"x":["b","c"]}`, true},
		{`{"x":[{"anything-but":300}]}`, `{"x":300.0}`, false},
		{`{"x":[{"anything-but":[1,2]}]}`, `{"x":3}`, true},
		{`{"x":[{"anything-but":[1,2]}]}`, `{"x":"1"}`, true},
		{`{"x":[{"anything-but":{"prefix":"in"}}]}`, `{"x":"init"}`, false},
		{`{"x":[{"anything-but":{"prefix":["in","out"]}}]}`, `{"x":"outer"}`, false},
		{`{"x":[{"anything-but":{"suffix":".txt"}}]}`, `{"x":"a.rtf"}`, true},
		{`{"x":[{"anything-but":{"suffix":[".txt",".rtf"]}}]}`, `{"x":"a.rtf"}`, false},
		{`{"x":[{"anything-but":{"wildcard":"*/lib/*"}}]}`, `{"x":"a/lib/b"}`, false},
		{`{"x":[{"anything-but":{"equals-ignore-case":["INIT","x"]}}]}`, `{"x":"init"}`, false},
		{`{"x":[{"anything-but":{"prefix":{"equals-ignore-case":"IN"}}}]}`, `{"x":"init"}`, false},
	})
}

func TestMatchNumbersAndAddresses(t *testing.T) {
	t.Parallel()
	checkMatches(t, []matchCase{
		{`{"x":[{"numeric":["=",300]}]}`, `{"x":3.0e2}`, true},
		{`{"x":[{"numeric":["=",300]}]}`, `{"x":"300"}`, false},
		{`{"x":[{"numeric":[">",0,"<=",5]}]}`, `{"x":5}`, true},
		{`{"x":[{"numeric":[">",0,"<=",5]}]}`, `{"x":0}`, false},
		{`{"x":[{"numeric":[">",0,"<=",5]}]}`, `{"x":0.000001}`, true},
		{`{"x":[{"numeric":["<",10]}]}`, `{"x":-5000000000}`, true},
		{`{"x":[{"numeric":["<",10]}]}`, `{"x":-5000000001}`, false},
		{`{"x":[{"cidr":"10.0.0.0/24"}]}`, `{"x":"10.0.0.255"}`, true},
		{`{"x":[{"cidr":"10.0.0.0/24"}]}`, `{"x":"10.0.1.0"}`, false},
		{`{"x":[{"cidr":"2001:db8::/32"}]}`, `{"x":"2001:db8:1::1"}`, true},
		{`{"x":[{"cidr":"10.0.0.0/24"}]}`, `{"x":"no address"}`, false},
	})
}

func TestMatchExists(t *testing.T) {
	t.Parallel()
	checkMatches(t, []matchCase{
		{`{"x":[{"exists":true}]}`, `{"x":null}`, true},
		{`{"x":[{"exists":true}]}`, `{"x":{"y":1}}`, false},
		{`{"x":[{"exists":true}]}`, `{"x":[]}`, false},
		{`{"x":[{"exists":false}]}`, `{}`, true},
		{`{"x":[{"exists":false}]}`, `{"x":{"y":1}}`, true},
		{`{"x":[{"exists":false}]}`, `{"x":[]}`, true},
		{`{"x":[{"exists":false}]}`, `{"x":1}`, false},
		{`{"x":{"y":[{"exists":false}]}}`, `{}`, true},
		{`{"x":{"y":[{"exists":false}]}}`, `{"x":3}`, true},
		{`{"x":{"y":[{"exists":false}]}}`, `{"x":[{"y":1},{}]}`, false},
		{`{"x":[{"exists":false},"a"]}`, `{"x":"a"}`, true},
	})
}

func TestMatchOr(t *testing.T) {
	t.Parallel()
	checkMatches(t, []matchCase{
		{`{"$or":[{"x":[1]},{"y":[2]}]}`, `{"y":2}`, true},
		{`{"$or":[{"x":[1]},{"y":[2]}],"z":[3]}`, `{"y":2}`, false},
		{`{"d":{"z":[3],"$or":[{"x":[1]},{"y":[{"numeric":[">",1]}]}]}}`, `{"d":{"y":2,"z":3}}`, true},
		{`{"$or":[{"x":[1]},{"$or":[{"y":[2]},{"z":[3]}]}]}`, `{"z":3}`, true},
		{`{"$or":["a","b"]}`, `{"$or":"b"}`, true},
	})
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for pattern, reason := range map[string]string{
		``:                                     "Unexpected character",
		`{"x":["a"]`:                           "Unexpected character",
		`[]`:                                   "Filter is not an object",
		`{}`:                                   "Empty objects are not allowed",
		`{"x":{}}`:                             "Empty objects are not allowed",
		`{"x":[]}`:                             "Empty arrays are not allowed",
		`{"x":"a"}`:                            `"x" must be an object or an array`,
		`{"x":[["a"]]}`:                        "Match value must be String, number, true, false, or null",
		`{"x":["a"],"x":["b"]}`:                "Path `x` cannot be allowed multiple times",
		`{"x":[{}]}`:                           "Match expression name not found",
		`{"x":[{"foo":"a"}]}`:                  "Unrecognized match type foo",
		`{"x":[{"prefix":1}]}`:                 "prefix match pattern must be a string",
		`{"x":[{"suffix":1}]}`:                 "suffix match pattern must be a string",
		`{"x":[{"exists":1}]}`:                 "exists match pattern must be either true or false.",
		`{"x":[{"exists":true,"prefix":"a"}]}`: "Only one key allowed in match expression",
		`{"x":[{"prefix":{"suffix":"a"}}]}`:    "Unsupported prefix pattern: suffix",
		`{"x":[{"wildcard":"a**"}]}`:           "Consecutive wildcard characters at pos 1",
		`{"x":[{"wildcard":"a\\b"}]}`:          "Invalid escape character at pos 1",
		`{"x":[{"cidr":"10.0.0.0"}]}`:          "Malformed CIDR, one '/' required",
		`{"x":[{"cidr":"10.0.0/8"}]}`:          "Malformed CIDR",
		`{"x":[{"anything-but":null}]}`:        "Value of anything-but must be an array or single string/number value.",
		`{"x":[{"anything-but":[]}]}`:          "Empty arrays are not allowed",
		`{"x":[{"anything-but":["a",1]}]}`:     "Inside anything but list, either all values are number or string",
		`{"x":[{"anything-but":{"numeric":["=",1]}}]}`: "Unsupported anything-but pattern: numeric",
		`{"x":[{"numeric":1}]}`:                        "Value of numeric must be an array.",
		`{"x":[{"numeric":[]}]}`:                       "Invalid member in numeric match: ]",
		`{"x":[{"numeric":["?",1]}]}`:                  "Unrecognized numeric range operator: ?",
		`{"x":[{"numeric":["<"]}]}`:                    "Value of < must be numeric",
		`{"x":[{"numeric":["<","1"]}]}`:                "Value of < must be numeric",
		`{"x":[{"numeric":["<",1,"<",2]}]}`:            "Too many elements in numeric expression",
		`{"x":[{"numeric":[">",2,"<",1]}]}`:            "Bottom must be less than top",
		`{"x":[{"numeric":[">",5000000001]}]}`:         "Value must be between -5.0E9 and 5.0E9, inclusive",
		`{"$or":[{"x":["a"]},{}]}`:                     "Empty objects are not allowed",
		`{"$or":[{"x":["a"]}]}`:                        "Unrecognized match type x",
	} {
		_, err := eventpattern.Parse(pattern)
		fault, ok := errors.AsType[*eventpattern.Error](err)
		if !ok || !strings.HasPrefix(fault.Reason, reason) {
			t.Errorf("%s: error = %v, want %s", pattern, err, reason)
		}
	}
}

// TestErrorTellsWhere has EventBridge's form of the place.
func TestErrorTellsWhere(t *testing.T) {
	t.Parallel()
	_, err := eventpattern.Parse("{\n\"x\":[{\"foo\":1}]}")
	want := "Unrecognized match type foo\n at [Source: (String)\"{\n\"x\":[{\"foo\":1}]}\"; line: 2, column: 12]"
	if err == nil || err.Error() != want {
		t.Errorf("error = %q, want %q", err, want)
	}
}

func TestParseBoundsCombinations(t *testing.T) {
	t.Parallel()
	or := func(key string) string {
		return `"` + key + `":{"$or":[` + strings.TrimSuffix(strings.Repeat(`{"a":[1]},`, 11), ",") + `]}`
	}
	if _, err := eventpattern.Parse("{" + or("x") + "," + or("y") + "}"); err != nil {
		t.Errorf("121 combinations: %v", err)
	}
	if _, err := eventpattern.Parse("{" + or("x") + "," + or("y") + "," + or("z") + "}"); err == nil {
		t.Error("1331 combinations are taken")
	}
	if _, err := eventpattern.Parse(strings.Repeat(`{"a":`, 2000) + "[1]" + strings.Repeat("}", 2000)); err == nil {
		t.Error("a depth of 2000 is taken")
	}
}
