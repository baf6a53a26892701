package kms

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/authz"
)

// asked is what a call says beside the key: what KMS's condition keys are read
// from (KMS Developer Guide, "AWS KMS condition keys").
type asked struct {
	call     *authz.Facts
	region   string
	key      *key // nil where the call names none
	alias    string
	purpose  purpose
	standing standing
	values   []setting
	aliases  func() []string
}

// A setting is one condition key of a call, in lower case, and its values.
type setting struct {
	name   string
	values []string
}

// set is one value of a condition key, unless it is empty.
func set(name, value string) setting {
	if value == "" {
		return setting{}
	}
	return setting{name, []string{value}}
}

const contextPrefix = "kms:encryptioncontext:"

// lookup gives condition keys their values.
func (a *asked) lookup(name string) ([]string, bool) {
	switch name { // deprecated, and the same (KMS Developer Guide, "AWS KMS condition keys")
	case "kms:customermasterkeyspec":
		name = "kms:keyspec"
	case "kms:customermasterkeyusage":
		name = "kms:keyusage"
	}
	for i := range a.values {
		if a.values[i].name == name {
			return a.values[i].values, true
		}
	}
	if part, ok := strings.CutPrefix(name, contextPrefix); ok {
		return a.contextValue(part)
	}
	switch name {
	case "kms:calleraccount":
		return one(a.call.Principal.Account)
	case "kms:viaservice":
		return a.viaService()
	case "kms:encryptioncontextkeys":
		return slices.Sorted(maps.Keys(a.purpose.context)), len(a.purpose.context) > 0
	case "kms:requestalias":
		return one(a.alias)
	}
	if a.key != nil {
		return a.ofKey(name)
	}
	return nil, false
}

func (a *asked) ofKey(name string) ([]string, bool) {
	switch name {
	case "kms:keyspec":
		return one(string(a.key.Spec))
	case "kms:keyusage":
		return one(string(a.key.Usage))
	case "kms:keyorigin":
		return one(string(a.key.origin()))
	case "kms:multiregion":
		return one(strconv.FormatBool(a.key.Multi != nil))
	case "kms:multiregionkeytype":
		if a.key.Multi == nil {
			return nil, false
		}
		return one(string(a.key.multiType()))
	case "kms:resourcealiases":
		names := a.aliases()
		return names, len(names) > 0
	}
	return nil, false
}

// contextValue is the value of one pair of the encryption context. Condition
// keys do not distinguish case, so several pairs may answer to one: all of their
// values count, in the order of the pairs' keys.
func (a *asked) contextValue(name string) ([]string, bool) {
	var names []string
	for k := range a.purpose.context {
		if strings.EqualFold(k, name) {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	for i, k := range names {
		names[i] = a.purpose.context[k]
	}
	return names, len(names) > 0
}

// viaService is the calling service in this Region: "s3.us-east-1.amazonaws.com".
func (a *asked) viaService() ([]string, bool) {
	n := len(a.call.Via)
	if n == 0 {
		return nil, false
	}
	name, _, _ := strings.Cut(a.call.Via[n-1], ".")
	return []string{name + "." + a.region + ".amazonaws.com"}, true
}

func one(v string) ([]string, bool) {
	if v == "" {
		return nil, false
	}
	return []string{v}, true
}

// tagConditions are aws:RequestTag/… and aws:TagKeys of tags in a request.
func tagConditions(tags []types.Tag) []setting {
	if len(tags) == 0 {
		return nil
	}
	out := make([]setting, 0, len(tags)+1)
	names := make([]string, 0, len(tags))
	for _, t := range tags {
		name := aws.ToString(t.TagKey)
		names = append(names, name)
		out = append(out, setting{"aws:requesttag/" + strings.ToLower(name), []string{aws.ToString(t.TagValue)}})
	}
	return append(out, setting{"aws:tagkeys", names})
}

func boolSetting(name string, v bool) setting { return set(name, strconv.FormatBool(v)) }
