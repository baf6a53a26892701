package http1

// A Field is one header field as it came: name and value share the message's buffer.
type Field struct {
	Name, Value []byte
	Kind        Kind
	// Odd marks a name outside [-A-Za-z0-9]+, which drop_invalid_header_fields removes.
	Odd bool
}

// A Kind tells fields that the proxy itself acts on from the rest.
type Kind uint8

// The kinds; Other is every field that only passes through.
const (
	Other Kind = iota
	Host
	ContentLength
	TransferEncoding
	Connection
	KeepAlive
	ProxyConnection
	TE
	Trailer
	Upgrade
	Expect
	Cookie
	UserAgent
	ForwardedFor
	ForwardedProto
	ForwardedPort
	TraceID
	SetCookie
	Date
	Server
	AmznReserved // X-Amzn-Mtls-*, X-Amzn-Tls-*, X-Amzn-Oidc-*: only the balancer may set them
)

type named struct {
	name string
	kind Kind
}

// byLength finds a kind by the name's length first, so that most names cost one look.
var byLength = [32][]named{
	2:  {{"te", TE}},
	4:  {{"host", Host}, {"date", Date}},
	6:  {{"expect", Expect}, {"cookie", Cookie}, {"server", Server}},
	7:  {{"upgrade", Upgrade}, {"trailer", Trailer}},
	10: {{"connection", Connection}, {"keep-alive", KeepAlive}, {"user-agent", UserAgent}, {"set-cookie", SetCookie}},
	14: {{"content-length", ContentLength}},
	15: {{"x-forwarded-for", ForwardedFor}, {"x-amzn-trace-id", TraceID}},
	16: {{"proxy-connection", ProxyConnection}, {"x-forwarded-port", ForwardedPort}},
	17: {{"transfer-encoding", TransferEncoding}, {"x-forwarded-proto", ForwardedProto}},
}

var reservedPrefixes = [...]string{"x-amzn-mtls-", "x-amzn-tls-", "x-amzn-oidc-"}

// KindOf returns the kind of a field name, in any case.
func KindOf(name []byte) Kind {
	if len(name) < len(byLength) {
		for _, n := range byLength[len(name)] {
			if EqualFold(name, n.name) {
				return n.kind
			}
		}
	}
	if len(name) > 11 && (name[0]|0x20) == 'x' && name[1] == '-' {
		for _, p := range reservedPrefixes {
			if len(name) > len(p) && EqualFold(name[:len(p)], p) {
				return AmznReserved
			}
		}
	}
	return Other
}

// EqualFold reports whether b is lower in ASCII lower case. lower must be lower case.
func EqualFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// HasToken reports whether a comma-separated value lists the token, in any case.
func HasToken(value []byte, lower string) bool {
	for len(value) > 0 {
		end := 0
		for end < len(value) && value[end] != ',' {
			end++
		}
		if EqualFold(trim(value[:end]), lower) {
			return true
		}
		value = value[min(end+1, len(value)):]
	}
	return false
}

// trim removes optional whitespace (RFC 9110 §5.6.3) at both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// class bits of one byte.
const (
	token  = 1 << iota // tchar of RFC 9110 §5.6.2
	plain              // [-A-Za-z0-9]
	vchar              // may stand in a field value without remark
	target             // may stand in a request target without remark
)

var octets = buildOctets()

func buildOctets() (t [256]uint8) {
	for c := range 256 {
		b := byte(c)
		alnum := b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
		if alnum || b == '-' {
			t[c] |= plain | token
		}
		switch b {
		case '!', '#', '$', '%', '&', '\'', '*', '+', '.', '^', '_', '`', '|', '~':
			t[c] |= token
		}
		if b == '\t' || b >= ' ' && b < 0x7f {
			t[c] |= vchar
		}
		if b > ' ' && b < 0x7f {
			t[c] |= target
		}
	}
	return t
}

// all reports whether every byte of b has the class bit.
func all(b []byte, bit uint8) bool {
	for _, c := range b {
		if octets[c]&bit == 0 {
			return false
		}
	}
	return true
}

// ValidField reports whether name is a token and value holds no control characters.
func ValidField(name, value string) bool {
	if name == "" || !all([]byte(name), token) {
		return false
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
