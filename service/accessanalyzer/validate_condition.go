package accessanalyzer

import (
	"encoding/base64"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"
)

// operators are the condition operators in lower case, and the types of their
// values.
var operators = map[string]string{
	"stringequals": "String", "stringnotequals": "String", "stringequalsignorecase": "String", "stringnotequalsignorecase": "String",
	"stringlike": "String", "stringnotlike": "String", "arnequals": "ARN", "arnlike": "ARN", "arnnotequals": "ARN", "arnnotlike": "ARN",
	"numericequals": "Numeric", "numericnotequals": "Numeric", "numericlessthan": "Numeric", "numericlessthanequals": "Numeric",
	"numericgreaterthan": "Numeric", "numericgreaterthanequals": "Numeric", "dateequals": "Date", "datenotequals": "Date",
	"datelessthan": "Date", "datelessthanequals": "Date", "dategreaterthan": "Date", "dategreaterthanequals": "Date",
	"bool": "Bool", "null": "Null", "binaryequals": "Binary", "ipaddress": "IPAddress", "notipaddress": "IPAddress",
}

// keyTypes are global condition keys with a type of their own, and which
// operators they want.
var keyTypes = map[string]string{
	"aws:multifactorauthpresent": "Bool", "aws:securetransport": "Bool", "aws:viaawsservice": "Bool", "aws:principalisawsservice": "Bool",
	"aws:multifactorauthage": "Numeric", "aws:currenttime": "Date", "aws:tokenissuetime": "Date", "aws:sourceip": "IPAddress", "aws:vpcsourceip": "IPAddress",
}

// manyValued are the global keys of several values; the others below aws: have one.
var manyValued = map[string]bool{
	"aws:calledvia": true, "aws:principalorgpaths": true, "aws:tagkeys": true, "aws:principalservicenameslist": true,
	"aws:resourceorgpaths": true, "aws:sourceorgpaths": true,
}

// A block is one operator of a Condition element.
type block struct {
	name, qualifier, operator, kind string
	ifExists                        bool
}

func newBlock(name string) (b block, ok bool) {
	b.name, b.operator = name, strings.ToLower(name)
	if before, after, found := strings.Cut(b.operator, ":"); found {
		b.qualifier, b.operator = before, after
		if before != "foranyvalue" && before != "forallvalues" {
			return b, false
		}
	}
	b.operator, b.ifExists = strings.CutSuffix(b.operator, "ifexists")
	b.kind, ok = operators[b.operator]
	return b, ok
}

func (v *validation) conditionElement(n *node) {
	if n.kind == 'o' && len(n.members) == 0 {
		v.suggest("EMPTY_OBJECT_CONDITION", "This condition block is empty and it does not affect the policy. Specify conditions.", n)
	}
	for i := range n.members {
		m := &n.members[i]
		at := &node{start: m.nameStart, end: m.nameAfter, path: below(n.path, &types.PathElementMemberKey{Value: m.name})}
		b, ok := newBlock(m.name)
		switch {
		case !ok:
			v.fault("INVALID_CONDITION_OPERATOR", "The condition operator "+m.name+" is not valid. Use a valid condition operator.", at)
			continue
		case b.kind == "Null" && b.ifExists:
			v.fault("NULL_WITH_IF_EXISTS", "The Null condition operator cannot be used with the IfExists suffix. Update the operator or the suffix.", at)
		case b.kind == "Null" && b.qualifier != "":
			v.suggest("NULL_WITH_QUALIFIER", "Avoid using the Null condition operator with the ForAllValues or ForAnyValue qualifiers because they always return a true or false respectively.", at)
		}
		if m.value.kind != 'o' {
			v.typed(&m.value, "Object")
			continue
		}
		v.block(&b, &m.value)
	}
}

func (v *validation) block(b *block, n *node) {
	if len(n.members) == 0 {
		v.suggest("EMPTY_OBJECT_CONDITION", "This condition block is empty and it does not affect the policy. Specify conditions.", n)
	}
	seen := map[string]bool{}
	for i := range n.members {
		m := &n.members[i]
		at := &node{start: m.nameStart, end: m.nameAfter, path: below(n.path, &types.PathElementMemberKey{Value: m.name})}
		key := strings.ToLower(m.name)
		if seen[key] {
			v.fault("DUPLICATE_KEYS_WITH_DIFFERENT_CASE", "The condition key "+m.name+" appears more than once with different capitalization in the same condition block. Remove the duplicate condition keys.", at)
		}
		seen[key] = true
		if !strings.Contains(key, ":") {
			v.fault("INVALID_CONDITION_KEY_FORMAT", "The condition key format is not valid. Use the format service:keyname.", at)
		}
		v.key(b, m, at)
		v.values(b, m)
	}
}

// key holds a key to what is known of it.
func (v *validation) key(b *block, m *member, at *node) {
	key := strings.ToLower(m.name)
	want := keyTypes[key]
	switch {
	case want != "" && b.kind != want && b.kind != "Null":
		v.warn("TYPE_MISMATCH", "Use the operator type "+want+" instead of operator "+b.kind+" for the condition key "+m.name+".", at)
	case manyValued[key] && b.qualifier == "" && b.kind != "Null":
		v.fault("MISSING_QUALIFIER", "The request context key "+m.name+" has multiple values. Use the ForAllValues or ForAnyValue condition key qualifiers in your policy.", at)
	case b.qualifier == "forallvalues" && b.kind != "Null" && strings.HasPrefix(key, "aws:") && !manyValued[key]:
		v.caution("FORALLVALUES_WITH_SINGLE_VALUED_KEY", "Using ForAllValues qualifier with the single-valued condition key "+m.name+" can be overly permissive. We recommend that you remove ForAllValues:.", at)
	}
}

func (v *validation) values(b *block, m *member) {
	list := m.value.list()
	if len(list) == 0 {
		v.noValues(b, m)
		return
	}
	kind := list[0].kind
	for _, n := range list {
		switch {
		case n.kind != 's' && n.kind != 'n' && n.kind != 'b':
			v.typed(n, "String")
			continue
		case n.kind != kind:
			v.fault("INVALID_CONDITION_DATA_TYPE", "The condition value data types do not match. Use condition values of the same JSON data type.", n)
		}
		v.value(b, n)
	}
	if b.kind == "Bool" && len(list) > 1 {
		v.fault("INVALID_CONDITION_MULTIPLE_BOOLEAN", "The condition key does not support multiple Boolean values. Use a single Boolean value.", &m.value)
	}
	if b.kind == "IPAddress" && strings.EqualFold(m.name, "aws:SourceIp") {
		v.private(b, &m.value, list)
	}
}

func (v *validation) noValues(b *block, m *member) {
	switch {
	case b.qualifier == "forallvalues":
		v.suggest("EMPTY_ARRAY_CONDITION_FORALLVALUES", "The ForAllValues prefix with an empty condition key matches only if the key "+m.name+" is missing from the request context. To determine if the request context is empty, we recommend that you use the Null condition operator with the value of true instead.", &m.value)
	case b.qualifier == "foranyvalue":
		v.suggest("EMPTY_ARRAY_CONDITION_FORANYVALUE", "The ForAnyValue prefix with an empty condition key "+m.name+" never matches the request context and it does not affect the policy. Specify conditions.", &m.value)
	case b.ifExists:
		v.suggest("EMPTY_ARRAY_CONDITION_IFEXISTS", "The IfExists suffix with an empty condition key matches only if the key "+m.name+" is missing from the request context. To determine if the request context is empty, we recommend that you use the Null condition operator with the value of true instead.", &m.value)
	default:
		v.suggest("EMPTY_ARRAY_CONDITION", "There are no values for the condition key "+m.name+" and it does not affect the policy. Specify conditions.", &m.value)
	}
}

// value holds one value to its operator's type.
func (v *validation) value(b *block, n *node) {
	if variable(n.text) {
		if b.kind == "String" || b.kind == "ARN" {
			v.variables(n)
		} else {
			v.fault("INVALID_VARIABLE_FOR_OPERATOR", "Policy variables can only be used with String and ARN operators.", n)
		}
		return
	}
	switch b.kind {
	case "Numeric":
		if _, err := strconv.ParseFloat(n.text, 64); err != nil {
			v.warn("TYPE_MISMATCH_NUMBER", "Add a valid numeric value for the condition operator "+b.name+".", n)
		}
	case "Bool", "Null":
		if !strings.EqualFold(n.text, "true") && !strings.EqualFold(n.text, "false") {
			v.warn("TYPE_MISMATCH_BOOLEAN", "Add a valid Boolean value (true or false) for the condition operator "+b.name+".", n)
		}
	case "Binary":
		if _, err := base64.StdEncoding.DecodeString(n.text); err != nil {
			v.warn("TYPE_MISMATCH_STRING", "Add a valid base64-encoded string value for the condition operator "+b.name+".", n)
		}
	case "Date":
		v.date(n)
	case "IPAddress":
		v.address(b, n)
	case "String":
		if strings.ContainsAny(n.text, "*?") && !strings.HasSuffix(b.operator, "like") {
			v.warn("WILDCARD_WITHOUT_LIKE_OPERATOR", "Your condition value includes a * or ? character. If you meant to use a wildcard (*, ?), update the condition operator to include Like.", n)
		}
	}
}

var (
	dateForms = []string{"2006-01-02", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05.999999999Z07:00", "2006-01"}
	epochForm = regexp.MustCompile(`^\d+$`)
)

func (v *validation) date(n *node) {
	if epochForm.MatchString(n.text) {
		v.warn("INVALID_DATE_VALUE", "The date "+n.text+" might not resolve as expected. We recommend that you use the YYYY-MM-DD format.", n)
		return
	}
	for _, form := range dateForms {
		if _, err := time.Parse(form, n.text); err == nil {
			return
		}
	}
	v.warn("TYPE_MISMATCH_DATE", "The date condition operator is used with an invalid value. Specify a valid date using YYYY-MM-DD or other ISO 8601 date/time format.", n)
}

func (v *validation) address(b *block, n *node) {
	p, err := netip.ParsePrefix(n.text)
	if _, single := netip.ParseAddr(n.text); single == nil {
		return
	}
	switch {
	case err != nil:
		v.warn("TYPE_MISMATCH_IP_RANGE", "The condition operator "+b.name+" is used with an invalid IP range value. Specify the IP range in standard CIDR format.", n)
	case p.Masked() != p:
		v.suggest("IMPROVE_IP_RANGE", "The non-zero bits in the IP address after the masked bits are ignored. Replace address with "+p.Masked().String()+".", n)
	}
}

// private tells of addresses that no request over the Internet comes from.
func (v *validation) private(b *block, at *node, list []*node) {
	count := 0
	for _, n := range list {
		if p, ok := prefix(n.text); ok && p.Addr().IsPrivate() {
			count++
		}
	}
	not := b.operator == "notipaddress"
	const tail = " To define permissions for private IP ranges, use aws:VpcSourceIp."
	switch {
	case count == 0:
	case count == len(list) && not:
		v.fault("PRIVATE_NOT_IP_ADDRESS", "The values for condition key aws:SourceIp include only private IP addresses and has no effect. aws:SourceIp works only for public IP address ranges. Update the value to include only public IP addresses.", at)
	case count == len(list):
		v.fault("PRIVATE_IP_ADDRESS", "aws:SourceIp works only for public IP address ranges. The values for condition key aws:SourceIp include only private IP addresses and will not have the desired effect. Update the value to include only public IP addresses.", at)
	case not:
		v.suggest("PRIVATE_NOT_IP_ADDRESS_SUBSET", "The values for condition key aws:SourceIp include a mix of private and public IP addresses. The private addresses have no effect. aws:SourceIp works only for public IP address ranges."+tail, at)
	default:
		v.suggest("PRIVATE_IP_ADDRESS_SUBSET", "The values for condition key aws:SourceIp include a mix of private and public IP addresses. The private addresses will not have the desired effect. aws:SourceIp works only for public IP address ranges."+tail, at)
	}
}
