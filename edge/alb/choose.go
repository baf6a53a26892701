package alb

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/garrison-cloud/garrison/edge/http1"
	"github.com/garrison-cloud/garrison/edge/target"
)

// Names of the stickiness cookies (Application Load Balancer guide, "Sticky sessions").
const (
	cookieTarget = "AWSALB"
	cookieApp    = "AWSALBAPP-0"
	cookieGroup  = "AWSALBTG"
)

// choose finds the group and the member, by cookies where the client has them.
func (ex *exchange) choose() {
	f := ex.rule.Action.Forward
	ex.group = ex.chooseGroup(f)
	sticky := &ex.group.Config().Sticky
	switch sticky.Type {
	case "lb_cookie":
		if key, ok := ex.opened(cookieTarget); ok {
			ex.member = ex.group.ByKey(key)
		}
	case "app_cookie":
		if key, ok := ex.opened(cookieApp); ok {
			ex.member = ex.group.ByKey(key)
		}
	}
	if ex.member == nil {
		ex.member = ex.group.Pick()
	}
}

// chooseGroup spreads by weight. A sticky client stays with its group while the rule
// still gives that group any weight.
func (ex *exchange) chooseGroup(f *Forward) *target.Group {
	groups := ex.rule.groups
	if len(groups) == 1 {
		return groups[0]
	}
	if f.Sticky > 0 {
		if key, ok := ex.opened(cookieGroup); ok {
			for i, w := range f.Groups {
				if hashARN(w.ARN) == key && w.Weight > 0 {
					return groups[i]
				}
			}
		}
	}
	if ex.rule.total == 0 {
		return groups[0]
	}
	left := int(target.Mix(ex.b.turn.Add(1)) % uint64(ex.rule.total)) //nolint:gosec // below total, an int
	for i, w := range f.Groups {
		if left -= w.Weight; left < 0 {
			return groups[i]
		}
	}
	return groups[0]
}

func hashARN(arn string) uint64 {
	sum := sha256.Sum256([]byte(arn))
	return binary.BigEndian.Uint64(sum[:])
}

// cookie returns the value of a cookie that the client sent.
func (ex *exchange) cookie(name string) []byte {
	for i := range ex.req.Fields {
		f := &ex.req.Fields[i]
		if f.Kind != http1.Cookie {
			continue
		}
		for part := range bytes.SplitSeq(f.Value, []byte{';'}) {
			key, value, _ := bytes.Cut(bytes.TrimSpace(part), []byte{'='})
			if string(key) == name {
				return value
			}
		}
	}
	return nil
}

// seal makes a cookie's value: who, until when, and a signature over both and the name.
func (ex *exchange) seal(name string, key uint64, until time.Time) string {
	var b [16 + sha256.Size]byte
	binary.BigEndian.PutUint64(b[:], key)
	binary.BigEndian.PutUint64(b[8:], uint64(until.Unix())) //nolint:gosec // after 1970
	copy(b[16:], ex.sign(name, b[:16]))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (ex *exchange) sign(name string, b []byte) []byte {
	mac := hmac.New(sha256.New, ex.b.deps.Key[:])
	mac.Write([]byte(name + "|" + ex.p.cfg.ARN + "|"))
	mac.Write(b)
	return mac.Sum(nil)
}

// opened returns what a sealed cookie names, if it is ours and still counts.
func (ex *exchange) opened(name string) (key uint64, ok bool) {
	raw := ex.cookie(name)
	if raw == nil {
		return 0, false
	}
	b := make([]byte, 16+sha256.Size)
	if base64.RawURLEncoding.DecodedLen(len(raw)) != len(b) {
		return 0, false
	}
	if _, err := base64.RawURLEncoding.Decode(b, raw); err != nil || !hmac.Equal(b[16:], ex.sign(name, b[:16])) {
		return 0, false
	}
	if uint64(ex.begin.Unix()) > binary.BigEndian.Uint64(b[8:]) { //nolint:gosec // after 1970
		return 0, false
	}
	return binary.BigEndian.Uint64(b), true
}

// extra makes the cookies that go with the answer.
func (ex *exchange) extra() {
	sticky := &ex.group.Config().Sticky
	switch sticky.Type {
	case "lb_cookie":
		ex.bind(cookieTarget, ex.member.Key, sticky.Duration)
	case "app_cookie":
		if ex.setsCookie(sticky.Cookie) {
			ex.bind(cookieApp, ex.member.Key, sticky.Duration)
		}
	}
	if f := ex.rule.Action.Forward; f.Sticky > 0 && len(f.Groups) > 1 {
		for i, g := range ex.rule.groups {
			if g == ex.group {
				ex.bind(cookieGroup, hashARN(f.Groups[i].ARN), f.Sticky)
			}
		}
	}
}

// setsCookie reports whether the target's answer sets the application's cookie.
func (ex *exchange) setsCookie(name string) bool {
	for _, f := range ex.response().Fields {
		if f.Kind == http1.SetCookie && len(f.Value) > len(name) && string(f.Value[:len(name)]) == name && f.Value[len(name)] == '=' {
			return true
		}
	}
	return false
}

// bind adds a stickiness cookie, and its twin for requests across sites.
func (ex *exchange) bind(name string, key uint64, d time.Duration) {
	until := ex.begin.Add(d)
	value := ex.seal(name, key, until) + "; Expires=" + httpDate(until) + "; Path=/"
	ex.cookies = append(ex.cookies, field("Set-Cookie", name+"="+value))
	if name == cookieApp {
		return
	}
	secure := ""
	if ex.l.TLS != nil {
		secure = "; Secure"
	}
	ex.cookies = append(ex.cookies, field("Set-Cookie", name+"CORS="+value+"; SameSite=None"+secure))
}

// sameName compares field names without case.
func sameName(a, b []byte) bool { return bytes.EqualFold(a, b) }
