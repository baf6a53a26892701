package http1

import "bytes"

// parseField reads one line of the head.
func (r *Request) parseField(line []byte) error {
	switch {
	case len(line) > MaxLine || len(r.Fields) >= maxFields:
		return r.refuse(400, BadHeader)
	case bytes.IndexByte(line, 0) >= 0 || bytes.IndexByte(line, '\r') >= 0:
		return r.refuse(400, BadHeader)
	case line[0] == ' ' || line[0] == '\t':
		return r.unfold(line)
	}
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return r.refuse(400, BadHeader)
	}
	if colon == 0 {
		r.note(Ambiguous, EmptyHeader)
		return nil // a field without a name is not passed on
	}
	name, value := line[:colon], trim(line[colon+1:])
	f := Field{Name: name, Value: value}
	if !all(name, plain) {
		f.Odd = true
		if r.suspicious(name) {
			return nil
		}
	}
	if !all(value, vchar) {
		r.note(Acceptable, NonCompliantHeader)
	}
	f.Kind = KindOf(name)
	return r.add(f)
}

// suspicious judges a name with bytes beyond letters, digits and '-'. It reports true
// for names that must not reach a target: those that some parser may read as a
// framing field, and those that are no token at all (RFC 9112 §5.1).
func (r *Request) suspicious(name []byte) bool {
	if looksLikeFraming(name) {
		r.note(Ambiguous, SuspiciousHeader)
		return true
	}
	if !all(name, token) {
		r.note(Acceptable, NonCompliantHeader)
		return bytes.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f })
	}
	return false
}

// looksLikeFraming reduces a name to its letters, with the two letters beyond ASCII
// whose upper case is ASCII, and compares it with the fields that end a message.
func looksLikeFraming(name []byte) bool {
	var letters [20]byte
	n := 0
	for _, c := range string(name) {
		switch {
		case c == 'ı':
			c = 'i'
		case c == 'ſ':
			c = 's'
		case c >= 'A' && c <= 'Z':
			c |= 0x20
		}
		if c < 'a' || c > 'z' {
			continue
		}
		if n == len(letters) {
			return false
		}
		letters[n] = byte(c)
		n++
	}
	s := string(letters[:n])
	return s == "transferencoding" || s == "contentlength"
}

// unfold joins a continuation line to the field before it (RFC 9112 §5.2), by spaces
// where the line's end was. A field that frames or routes may not be folded.
func (r *Request) unfold(line []byte) error {
	r.note(Ambiguous, MultilineHeader)
	if len(trim(line)) == 0 {
		r.note(Ambiguous, EmptyHeader)
	}
	if len(r.Fields) == 0 || looksLikeFraming(beforeColon(line)) {
		return r.refuse(400, BadHeader)
	}
	f := &r.Fields[len(r.Fields)-1]
	if f.Kind == Host || f.Kind == ContentLength || f.Kind == TransferEncoding || f.Kind == Connection {
		return r.refuse(400, BadHeader)
	}
	joined := make([]byte, 0, len(f.Value)+1+len(line))
	joined = append(append(append(joined, f.Value...), ' '), trim(line)...)
	if len(joined) > MaxLine {
		return r.refuse(400, BadHeader)
	}
	f.Value = joined
	return nil
}

func beforeColon(line []byte) []byte {
	name, _, _ := bytes.Cut(line, []byte{':'})
	return name
}

// add keeps a field and does what its kind asks for.
func (r *Request) add(f Field) error {
	switch f.Kind {
	case Host:
		return r.addHost(f)
	case ContentLength:
		return r.addLength(f.Value)
	case TransferEncoding:
		return r.addCoding(f.Value)
	case Connection:
		r.Close = r.Close || HasToken(f.Value, "close")
		if HasToken(f.Value, "upgrade") {
			r.upgrading = true
		}
		if HasToken(f.Value, "keep-alive") {
			r.persist = true
		}
	case Upgrade:
		r.Upgrade = f.Value
	case Expect:
		if !EqualFold(f.Value, "100-continue") {
			return r.refuse(417, BadHeader)
		}
		r.Continue = true
	default:
	}
	r.Fields = append(r.Fields, f)
	return nil
}

func (r *Request) addHost(f Field) error {
	if r.hosts++; r.hosts > 1 || len(f.Value) > 0 && !validHost(f.Value) {
		return r.refuse(400, BadHeader)
	}
	if r.Host == nil {
		r.Host = f.Value
	}
	r.Fields = append(r.Fields, f)
	return nil
}

func (r *Request) addLength(value []byte) error {
	n, ok := parseLength(value)
	if !ok {
		return r.refuse(400, BadContentLength)
	}
	if r.lengths++; r.lengths > 1 {
		if n != r.Length {
			return r.refuse(400, MultipleContentLength)
		}
		r.note(Ambiguous, DuplicateContentLength)
	}
	r.Length = n
	return nil
}

// parseLength reads 1*DIGIT of at most 18 digits, and nothing else.
func parseLength(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

func (r *Request) addCoding(value []byte) error {
	switch r.codings++; {
	case r.codings > 1:
		return r.refuse(400, MultipleTransferEncodingChunked)
	case EqualFold(value, "chunked"):
		r.Chunked = true
		return nil
	case EqualFold(value, "identity"):
		r.note(Ambiguous, BadTransferEncoding)
		return nil
	default:
		return r.refuse(400, BadTransferEncoding)
	}
}

// frame decides the message's length (RFC 9112 §6.3) and whether the connection lives on.
func (r *Request) frame() error {
	bodiless := string(r.Method) == "GET" || string(r.Method) == "HEAD"
	switch {
	case r.codings > 0 && r.Minor == 0:
		return r.refuse(400, BadTransferEncoding)
	case r.codings > 0 && r.lengths > 0:
		r.note(Ambiguous, BothTeClPresent)
	case r.Chunked && bodiless:
		r.note(Ambiguous, UndefinedTransferEncodingSemantic)
	case r.lengths > 0 && bodiless && r.Length > 0:
		r.note(Ambiguous, UndefinedContentLengthSemantics)
	case r.lengths > 0 && bodiless:
		r.note(Acceptable, GetHeadZeroContentLength)
	}
	if r.Chunked {
		r.Length = -1
	}
	if r.hosts == 0 && r.Minor == 1 {
		return r.refuse(400, BadHeader)
	}
	if r.Minor == 0 {
		r.Close = r.Close || !r.persist
		r.Continue = false // RFC 9110 §10.1.1
	}
	// Only WebSockets are upgraded to: another protocol, as h2c, would carry requests past
	// the rules.
	if !r.upgrading || r.Minor == 0 || !EqualFold(r.Upgrade, "websocket") {
		r.Upgrade = nil
	}
	return nil
}
