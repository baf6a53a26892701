package wire

// A Protocol is one of AWS's ways to put an API call into HTTP. The zero value
// is none.
type Protocol uint8

// The protocols, as Smithy names them (Smithy 2.0, "AWS Protocols").
const (
	JSON11 Protocol = iota + 1
	JSON10
	RestJSON
	RestXML
	Query
	EC2
	CBOR
)

// protocolsOf reads botocore's names: a service's model has "json" and its version.
func protocolsOf(names []string, jsonVersion string) []Protocol {
	var out []Protocol
	for _, name := range names {
		switch name {
		case "json":
			if jsonVersion == "1.0" {
				out = append(out, JSON10)
			} else {
				out = append(out, JSON11)
			}
		case "rest-json":
			out = append(out, RestJSON)
		case "rest-xml":
			out = append(out, RestXML)
		case "query":
			out = append(out, Query)
		case "ec2":
			out = append(out, EC2)
		case "smithy-rpc-v2-cbor":
			out = append(out, CBOR)
		}
	}
	return out
}

// rest tells whether members may lie outside the body.
func (p Protocol) rest() bool { return p == RestJSON || p == RestXML }

func (p Protocol) contentType() string {
	switch p {
	case JSON10:
		return "application/x-amz-json-1.0"
	case JSON11:
		return "application/x-amz-json-1.1"
	case RestJSON:
		return "application/json"
	case RestXML:
		return "application/xml"
	case CBOR:
		return "application/cbor"
	default:
		return "text/xml;charset=UTF-8" // the query protocols
	}
}
