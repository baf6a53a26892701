package iam_test

import (
	"encoding/base64"
	"math/big"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/garrison-cloud/garrison/engine/iam"
)

func fitsConditions(e any, ctx iam.Context) bool {
	if e == nil {
		return true
	}
	for name, block := range e.(map[string]any) {
		for key, v := range block.(map[string]any) {
			if !holds(name, strings.ToLower(key), texts(v), ctx) {
				return false
			}
		}
	}
	return true
}

var operatorName = regexp.MustCompile(`^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$`)

// holds is one key under one operator.
func holds(name, key string, want []string, ctx iam.Context) bool {
	parts := operatorName.FindStringSubmatch(name)
	set, operator, ifExists := parts[1], parts[2], parts[3] != ""
	positive := strings.Replace(operator, "Not", "", 1)
	negated := positive != operator
	have, _ := ctx.Values(key)
	some := slices.ContainsFunc(have, func(h string) bool { return h != "" })
	fits := func(h string) bool {
		return negated != slices.ContainsFunc(want, func(w string) bool { return compare(positive, w, h, ctx) })
	}
	switch {
	case operator == "Null":
		return slices.ContainsFunc(want, func(w string) bool { return strings.EqualFold(w, "true") != some })
	case len(have) == 0 && ifExists, set == "ForAllValues" && !some:
		return true
	case set == "ForAllValues":
		return !slices.ContainsFunc(have, func(h string) bool { return !fits(h) })
	case set == "ForAnyValue":
		return slices.ContainsFunc(have, fits)
	case negated:
		return !slices.ContainsFunc(have, func(h string) bool { return !fits(h) })
	default:
		return slices.ContainsFunc(have, fits)
	}
}

// compare is a positive operator on one value of each side.
func compare(operator, want, have string, ctx iam.Context) bool {
	wild := operator == "StringLike" || strings.HasPrefix(operator, "Arn")
	expression, ok := substitute(want, ctx, wild)
	if !ok {
		return false
	}
	switch {
	case operator == "StringEqualsIgnoreCase":
		return regexp.MustCompile(`(?is)^(?:` + expression + `)$`).MatchString(have)
	case strings.HasPrefix(operator, "String"):
		return matchWhole(expression, have)
	case strings.HasPrefix(operator, "Arn"):
		return likeARN(expression, have)
	case operator == "Bool":
		return matchWhole(`(?i)true|false`, have) && regexp.MustCompile(`(?i)^(?:`+expression+`)$`).MatchString(have)
	case operator == "BinaryEquals":
		w, _ := base64.StdEncoding.DecodeString(want)
		h, err := base64.StdEncoding.DecodeString(have)
		return err == nil && string(w) == string(h)
	case operator == "IpAddress":
		return inNetwork(want, have)
	case strings.HasPrefix(operator, "Numeric"):
		return inOrder(strings.TrimPrefix(operator, "Numeric"), number(have), number(want))
	default:
		return inOrder(strings.TrimPrefix(operator, "Date"), date(have), date(want))
	}
}

func inOrder(relation string, have, want *big.Rat) bool {
	if have == nil || want == nil {
		return false
	}
	c := have.Cmp(want)
	switch relation {
	case "Equals":
		return c == 0
	case "LessThan":
		return c < 0
	case "LessThanEquals":
		return c <= 0
	case "GreaterThan":
		return c > 0
	default:
		return c >= 0
	}
}

func number(s string) *big.Rat {
	if !regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$`).MatchString(s) {
		return nil
	}
	n, _ := new(big.Rat).SetString(s)
	return n
}

// date is in seconds since 1970.
func date(s string) *big.Rat {
	for _, form := range []string{time.RFC3339, "2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(form, s); err == nil && (form != "2006" || len(s) == 4) {
			return new(big.Rat).SetFrac64(t.UnixNano(), int64(time.Second))
		}
	}
	if !regexp.MustCompile(`^-?\d+$`).MatchString(s) {
		return nil
	}
	n, _ := new(big.Rat).SetString(s)
	return n
}

func inNetwork(want, have string) bool {
	addr := net.ParseIP(have)
	if !strings.Contains(want, "/") {
		return addr != nil && net.ParseIP(want).Equal(addr)
	}
	_, network, err := net.ParseCIDR(want)
	return err == nil && addr != nil && network.Contains(addr)
}

// substitute makes a regular expression of a policy's text, with the request's
// values filled in; ok is false where one is missing.
func substitute(text string, ctx iam.Context, wild bool) (string, bool) {
	var b strings.Builder
	for text != "" {
		if m := regexp.MustCompile(`^\$\{([^},]*)(?:, *'([^']*)')?\}`).FindStringSubmatch(text); m != nil {
			value, ok := m[1], true
			if !strings.Contains("*?$", value) {
				value, ok = variable(strings.ToLower(value), m[2], strings.Contains(m[0], ","), ctx)
			}
			if !ok {
				return "", false
			}
			b.WriteString(regexp.QuoteMeta(value))
			text = text[len(m[0]):]
			continue
		}
		_, n := utf8.DecodeRuneInString(text)
		b.WriteString(wildcard(text[:n], wild))
		text = text[n:]
	}
	return b.String(), true
}

func wildcard(c string, wild bool) string {
	switch {
	case wild && c == "*":
		return ".*"
	case wild && c == "?":
		return "."
	default:
		return regexp.QuoteMeta(c)
	}
}

func variable(key, otherwise string, hasDefault bool, ctx iam.Context) (string, bool) {
	if v, ok := ctx.Values(key); ok && len(v) == 1 {
		return v[0], true
	}
	return otherwise, hasDefault
}

func matchWhole(expression, text string) bool {
	return regexp.MustCompile(`(?s)^(?:` + expression + `)$`).MatchString(text)
}

func like(pattern, text string) bool {
	expression, _ := substitute(pattern, keys{}, true)
	return matchWhole(expression, text)
}

// likeARN splits both sides at the first five colons. A pattern that is but a
// star from some part on covers the rest.
func likeARN(expression, text string) bool {
	w, h := strings.SplitN(expression, ":", 6), strings.SplitN(text, ":", 6)
	for i := range w {
		if i == len(w)-1 && i < 5 {
			return w[i] == ".*" && i < len(h)
		}
		if i >= len(h) || !matchWhole(w[i], h[i]) {
			return false
		}
	}
	return true
}
