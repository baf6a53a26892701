package xksproxy

import (
	"net/http"
	"slices"
	"time"
)

// A fault is how the proxy misbehaves.
type fault struct {
	refusal string
	delay   time.Duration
	raw     func(http.ResponseWriter)
	corrupt bool
}

// A Request is what a signed request said.
type Request struct {
	// Op is one of the Op constants; KeyID is empty for OpHealth.
	Op, KeyID string
	// Metadata is the request's, empty when the body was malformed.
	Metadata Metadata
	// Authorization is the header, which holds no secret.
	Authorization string
	// Protocol is HTTP/1.1 or HTTP/2.0.
	Protocol string
	// Body is the whole body. A test may look for what must not be in it.
	Body []byte
}

// record counts c, keeps it as the last one, and returns the fault in force.
func (p *Proxy) record(c call, r *http.Request, req *request) fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[c.op]++
	p.last = Request{Op: c.op, KeyID: c.keyID, Authorization: r.Header.Get("Authorization"), Protocol: r.Proto, Body: c.body}
	if req != nil {
		p.last.Metadata = *req.Metadata
	}
	return p.fault
}

// Calls returns how many requests for op have come with a good signature.
func (p *Proxy) Calls(op string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[op]
}

// Last returns the last request that had a good signature.
func (p *Proxy) Last() Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// Heal ends all misbehaviour that Refuse, Delay, Answer and Corrupt began.
func (p *Proxy) Heal() { p.set(func(f *fault) { *f = fault{} }) }

// Refuse answers every request with the error of that name.
func (p *Proxy) Refuse(name string) { p.set(func(f *fault) { f.refusal = name }) }

// Delay lets every answer wait for d, or until the client is gone.
func (p *Proxy) Delay(d time.Duration) { p.set(func(f *fault) { f.delay = d }) }

// Answer lets raw answer every request.
func (p *Proxy) Answer(raw func(http.ResponseWriter)) { p.set(func(f *fault) { f.raw = raw }) }

// AnswerBody answers every request with body, as JSON of status 200.
func (p *Proxy) AnswerBody(body string) {
	p.Answer(func(w http.ResponseWriter) { write(w, http.StatusOK, []byte(body)) })
}

// Corrupt flips a bit of every ciphertext, after its integrity value was taken.
func (p *Proxy) Corrupt() { p.set(func(f *fault) { f.corrupt = true }) }

func (p *Proxy) set(change func(*fault)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.fault)
}

// AddCredential accepts signatures by secret under the access key id, beside
// those that it accepts already.
func (p *Proxy) AddCredential(id, secret string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.credentials[id] = secret
}

// RemoveCredential stops accepting the access key id.
func (p *Proxy) RemoveCredential(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.credentials, id)
}

// Disable makes the key's status DISABLED; Enable undoes it.
func (p *Proxy) Disable(id string) { p.change(id, func(k *key) { k.disabled = true }) }

// Enable makes the key's status ENABLED.
func (p *Proxy) Enable(id string) { p.change(id, func(k *key) { k.disabled = false }) }

// SetUsage changes what the key may be used for, of ENCRYPT and DECRYPT or any
// other word.
func (p *Proxy) SetUsage(id string, usage ...string) {
	p.change(id, func(k *key) { k.usage = slices.Clone(usage) })
}

// SetSpec changes what kind of key it says it is. Only AES_256 works.
func (p *Proxy) SetSpec(id, spec string) { p.change(id, func(k *key) { k.spec = spec }) }

// RemoveKey destroys the key.
func (p *Proxy) RemoveKey(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.keys, id)
}

// change does nothing for a key that isn't there.
func (p *Proxy) change(id string, edit func(*key)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k := p.keys[id]; k != nil {
		edit(k)
	}
}

// SetHealth changes the one key manager's status: ACTIVE, DEGRADED or UNAVAILABLE.
func (p *Proxy) SetHealth(status string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.health = status
}

// Shape sets the size of the IVs to come, 12 or 16 bytes, and the ciphertext
// metadata, up to 20 bytes, that goes with each ciphertext.
func (p *Proxy) Shape(ivSize int, metadata []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ivSize, p.note = ivSize, slices.Clone(metadata)
}
