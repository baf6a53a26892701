package sns

import "time"

// FilterAccepts tells whether a filter policy lets a message through, by attributes
// given as type and value, or by a body.
func FilterAccepts(policy string, attributes map[string][2]string, body string) (bool, error) {
	f, err := parseFilter(policy, attributes == nil)
	if err != nil {
		return false, err
	}
	if attributes == nil {
		o, ok := bodyObject(body)
		return ok && f.accepts(o), nil
	}
	given := attributesObject{}
	for name, a := range attributes {
		given[name] = attribute{Type: a[0], Text: a[1]}
	}
	return f.accepts(given), nil
}

// Delays are the delays that a delivery policy of HTTP makes, until it gives up.
func Delays(minDelay, maxDelay, retries, noDelay int, backoff string) (out []time.Duration) {
	p := retryPolicy{MinDelay: minDelay, MaxDelay: maxDelay, Retries: retries, NoDelay: noDelay, Backoff: backoff}
	for n := 1; ; n++ {
		d, again := p.delay(n)
		if !again {
			return out
		}
		out = append(out, d)
	}
}
