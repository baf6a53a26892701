package waf

import (
	"strconv"
	"strings"

	"github.com/garrison-cloud/garrison/engine/waf/transform"
)

// maxTransformations is AWS's quota for one statement.
const maxTransformations = 10

func inspect(i *Inspect) error {
	if err := transformations(i.Transformations); err != nil {
		return err
	}
	return fieldToMatch(&i.Field)
}

func transformations(ts []Transformation) error {
	if len(ts) == 0 || len(ts) > maxTransformations {
		return invalid("TEXT_TRANSFORMATION", strconv.Itoa(len(ts)), reasonRange)
	}
	seen := map[int32]bool{}
	for _, t := range ts {
		if _, ok := transform.Parse(t.Kind); !ok {
			return invalid("TEXT_TRANSFORMATION", t.Kind, reasonInvalid)
		}
		if seen[t.Priority] || t.Priority < 0 {
			return invalid("TEXT_TRANSFORMATION", strconv.Itoa(int(t.Priority)), reasonTwice)
		}
		seen[t.Priority] = true
	}
	return nil
}

func fieldToMatch(f *FieldToMatch) error {
	switch f.Kind {
	case URIPath, QueryString, Method, AllQueryArguments:
		return nil
	case SingleHeader:
		return named("SINGLE_HEADER", f.Name)
	case SingleQueryArgument:
		return named("SINGLE_QUERY_ARGUMENT", f.Name)
	case Body:
		return oversize(f, true)
	case HeaderOrder:
		return oversize(f, false)
	case Headers:
		return mapMatch("HEADER_MATCH_PATTERN", f)
	case Cookies:
		return mapMatch("COOKIE_MATCH_PATTERN", f)
	case JSONBody:
		return jsonMatch(f)
	case JA3Fingerprint, JA4Fingerprint:
		return fallback(f, false)
	case URIFragment:
		return fallback(f, true)
	}
	return invalid("FIELD_TO_MATCH", string(f.Kind), reasonOptions)
}

func named(field, name string) error {
	if strings.TrimSpace(name) == "" || len(name) > 64 {
		return invalid(field, name, reasonInvalid)
	}
	return nil
}

func oversize(f *FieldToMatch, optional bool) error {
	switch f.Oversize {
	case OversizeContinue, OversizeMatch, OversizeNoMatch:
		return nil
	case "":
		if optional {
			return nil
		}
	}
	return invalid("OVERSIZE_HANDLING", string(f.Oversize), reasonInvalid)
}

func fallback(f *FieldToMatch, optional bool) error {
	if f.Fallback == FallbackMatch || f.Fallback == FallbackNoMatch || optional && f.Fallback == "" {
		return nil
	}
	return invalid("FALLBACK_BEHAVIOR", string(f.Fallback), reasonInvalid)
}

// maxPicked is how many names a match pattern may hold.
const maxPicked = 199

func mapMatch(field string, f *FieldToMatch) error {
	if len(f.Included) > 0 && len(f.Excluded) > 0 || len(f.Included)+len(f.Excluded) > maxPicked {
		return invalid(field, strconv.Itoa(len(f.Included)+len(f.Excluded)), reasonOptions)
	}
	if err := scope("MAP_MATCH_SCOPE", f.Scope); err != nil {
		return err
	}
	return oversize(f, false)
}

func scope(field string, s MatchScope) error {
	if s == ScopeAll || s == ScopeKey || s == ScopeValue {
		return nil
	}
	return invalid(field, string(s), reasonInvalid)
}

func jsonMatch(f *FieldToMatch) error {
	for _, p := range f.Included {
		if p == "" || p[0] != '/' || len(p) > 512 || badEscape(p) {
			return invalid("JSON_MATCH_PATTERN", p, reasonInvalid)
		}
	}
	switch f.InvalidFallback {
	case "", "MATCH", "NO_MATCH", "EVALUATE_AS_STRING":
	default:
		return invalid("BODY_PARSING_FALLBACK_BEHAVIOR", f.InvalidFallback, reasonInvalid)
	}
	if err := scope("JSON_MATCH_SCOPE", f.Scope); err != nil {
		return err
	}
	return oversize(f, true)
}

// badEscape says whether a tilde is not followed by 0 or 1 (RFC 6901).
func badEscape(pointer string) bool {
	for i := range len(pointer) {
		if pointer[i] == '~' && (i+1 == len(pointer) || pointer[i+1] != '0' && pointer[i+1] != '1') {
			return true
		}
	}
	return false
}
