package sqs

import (
	"crypto/md5" //nolint:gosec // the checksum that SQS's clients verify, no protection
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func digest(b []byte) string {
	sum := md5.Sum(b) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}

// attributesDigest is the MD5 of message attributes (SQS Developer Guide,
// "Calculating the MD5 message digest for message attributes"); empty for none.
func attributesDigest(attributes map[string]attribute) string {
	if len(attributes) == 0 {
		return ""
	}
	var b []byte
	field := func(s string) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s))) //nolint:gosec // a message is smaller than 1 MiB
		b = append(b, s...)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		field(name)
		field(a.Type)
		if a.binary() {
			b = append(b, 2)
			field(string(a.Binary))
		} else {
			b = append(b, 1)
			field(a.Text)
		}
	}
	return digest(b)
}

func (a *attribute) binary() bool { return kindOf(a.Type) == "Binary" }

// kindOf is a data type without its custom label: "Number.float" is a Number.
func kindOf(dataType string) string {
	kind, _, _ := strings.Cut(dataType, ".")
	return kind
}

// size is what an attribute counts towards a message's size.
func (a *attribute) size() int { return len(a.Type) + len(a.Text) + len(a.Binary) }

// readAttributes takes message attributes over, once they are as SQS wants them (SQS
// Developer Guide, "Amazon SQS message attributes").
func readAttributes(given map[string]types.MessageAttributeValue) (map[string]attribute, error) {
	if len(given) > maxAttributes {
		return nil, fault("InvalidParameterValue", "Number of message attributes [%d] exceeds the allowed maximum [%d].", len(given), maxAttributes)
	}
	out := make(map[string]attribute, len(given))
	for name, v := range given {
		if !validAttributeName(name) {
			return nil, fault("InvalidParameterValue", "Message attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) characters, and must not start or end with a period or start with AWS. or Amazon.")
		}
		a := attribute{Type: aws.ToString(v.DataType), Text: aws.ToString(v.StringValue), Binary: v.BinaryValue}
		if err := a.check(name); err != nil {
			return nil, err
		}
		out[name] = a
	}
	return out, nil
}

const maxAttributes = 10

func validAttributeName(name string) bool {
	lower := strings.ToLower(name)
	return name != "" && len(name) <= 256 && strings.Trim(name, word+".") == "" && !strings.Contains(name, "..") &&
		name[0] != '.' && name[len(name)-1] != '.' && !strings.HasPrefix(lower, "aws.") && !strings.HasPrefix(lower, "amazon.")
}

func (a *attribute) check(name string) error {
	kind := kindOf(a.Type)
	if kind != "String" && kind != "Number" && kind != "Binary" || len(a.Type) > 256 {
		return fault("InvalidParameterValue", "The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
	}
	if kind == "Binary" {
		a.Text = ""
	} else {
		a.Binary = nil
	}
	if len(a.Text)+len(a.Binary) == 0 {
		return fault("InvalidParameterValue", "The message attribute '%s' must contain a non-empty message attribute value for message attribute type '%s'.", name, a.Type)
	}
	if kind == "Number" && !validNumber(a.Text) {
		return fault("InvalidParameterValue", "Can't cast the value of message attribute '%s' to a number.", name)
	}
	if !validText(a.Text) {
		return invalidContents()
	}
	return nil
}
