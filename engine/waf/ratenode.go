package waf

import (
	"crypto/sha256"
	"strconv"

	"github.com/garrison-cloud/garrison/engine/waf/rate"
	"github.com/garrison-cloud/garrison/engine/waf/transform"
)

// maxKeyPart is the longest part of a key that is kept as it is; a longer one
// is kept as its SHA-256, so that keys cannot fill memory.
const maxKeyPart = 256

// rateNode is RateBased. It counts every request that its scope-down matches
// and that has all of its keys, those it blocks too, as AWS does.
type rateNode struct {
	counter   *rate.Counter
	scope     node
	aggregate Aggregate
	forwarded *ForwardedIP
	keys      []rateKey
	rule      string
	limit     int64
	window    int64
}

type rateKey struct {
	RateKey
	chain []transform.Kind
}

func (n *rateNode) cost() int { return 50 }

func (n *rateNode) eval(c *run) bool {
	if n.scope != nil && !n.scope.eval(c) {
		return false
	}
	c.key = c.key[:0]
	switch o := n.keyOf(c); o {
	case absent:
		return false
	case taken:
		return true
	default:
	}
	count := n.counter.Add(c.key, c.r.Time)
	if !n.counter.Over(count) {
		return false
	}
	c.v.Rates = append(c.v.Rates, RateMatch{
		RuleID: n.rule, RuleName: n.rule, LimitKey: n.limitKey(), LimitValue: n.limitValue(c.key),
		Window: n.window, MaxRate: n.limit, Limited: true,
	})
	return true
}

func (n *rateNode) limitKey() string {
	switch n.aggregate {
	case AggregateForwardedIP:
		return "FORWARDEDIP"
	case AggregateCustom:
		return "CUSTOMKEYS"
	default:
		return string(n.aggregate)
	}
}

func (n *rateNode) limitValue(key []byte) string {
	if n.aggregate == AggregateIP || n.aggregate == AggregateForwardedIP {
		return string(key)
	}
	return ""
}

// keyOf writes the request's key. With AggregateIP and AggregateForwardedIP it
// is the address's text, which GetRateBasedStatementManagedKeys lists.
func (n *rateNode) keyOf(c *run) outcome {
	switch n.aggregate {
	case AggregateConstant:
		return present
	case AggregateCustom:
		return n.customKey(c)
	case AggregateIP:
		c.key = c.r.ClientIP.AppendTo(c.key)
		return present
	default:
		addr, o := c.oneAddress(n.forwarded)
		if o == present {
			c.key = addr.AppendTo(c.key)
		}
		return o
	}
}

// customKey writes each part with its length before it, so that no two lists of
// parts are one key.
func (n *rateNode) customKey(c *run) outcome {
	for i := range n.keys {
		part, o := n.part(c, &n.keys[i])
		if o != present {
			return o
		}
		if len(part) > maxKeyPart {
			sum := sha256.Sum256([]byte(part))
			part = string(sum[:])
		}
		c.key = strconv.AppendInt(c.key, int64(len(part)), 10)
		c.key = append(append(c.key, ':'), part...)
	}
	return present
}

func (n *rateNode) part(c *run, k *rateKey) (string, outcome) {
	switch k.Kind {
	case KeyIP:
		return c.address(c.r.ClientIP.AppendTo), present
	case KeyForwardedIP:
		addr, o := c.oneAddress(n.forwarded)
		if o != present {
			return "", o
		}
		return c.address(addr.AppendTo), present
	case KeyASN:
		return n.asn(c)
	case KeyHTTPMethod:
		return c.r.Method, present
	case KeyJA3:
		return orFallback(c.r.JA3, k.Fallback)
	case KeyJA4:
		return orFallback(c.r.JA4, k.Fallback)
	case KeyLabelNamespace:
		return c.labelsIn(k.Name)
	default:
		return c.textKey(k)
	}
}

func (c *run) address(appendTo func([]byte) []byte) string {
	c.room(64)
	start := len(c.arena)
	c.arena = appendTo(c.arena)
	return view(c.arena[start:])
}

func (n *rateNode) asn(c *run) (string, outcome) {
	addr, o := c.r.ClientIP, present
	if n.forwarded != nil {
		addr, o = c.oneAddress(n.forwarded)
	}
	if o != present {
		return "", o
	}
	if c.p.deps.Geo == nil {
		return "", absent
	}
	number := c.p.deps.Geo.ASN(addr)
	if number == 0 {
		return "", absent
	}
	return strconv.FormatUint(uint64(number), 10), present
}

func orFallback(value string, f Fallback) (string, outcome) {
	switch {
	case value != "":
		return value, present
	case f == FallbackMatch:
		return "", taken
	}
	return "", absent
}

// labelsIn joins the labels of a namespace. A label holds no space.
func (c *run) labelsIn(namespace string) (string, outcome) {
	c.value = c.value[:0]
	for _, l := range c.labels {
		if len(l) > len(namespace) && l[:len(namespace)] == namespace {
			c.value = append(append(c.value, ' '), l...)
		}
	}
	if len(c.value) == 0 {
		return "", absent
	}
	return view(c.value), present
}

func (c *run) textKey(k *rateKey) (string, outcome) {
	value, ok := c.keyValue(k)
	if !ok {
		return "", absent
	}
	for _, kind := range k.chain {
		value = c.transformed(kind, value)
	}
	return value, present
}

func (c *run) keyValue(k *rateKey) (string, bool) {
	switch k.Kind {
	case KeyQueryString:
		return c.r.RawQuery, c.r.RawQuery != ""
	case KeyURIPath:
		return c.r.Path, true
	case KeyHeader:
		for i := range c.r.Headers {
			if h := &c.r.Headers[i]; sameName(h.Name, k.Name) {
				return h.Value, true
			}
		}
	case KeyCookie:
		for _, one := range c.cookieList() {
			if one.name == k.Name {
				return one.value, true
			}
		}
	case KeyQueryArgument:
		for _, one := range c.arguments() {
			if c.named(one.name, k.Name) {
				return one.value, true
			}
		}
	default:
	}
	return "", false
}
