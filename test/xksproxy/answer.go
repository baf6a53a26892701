package xksproxy

import (
	"encoding/json"
	"mime"
	"net/http"
	"time"
)

// status has the HTTP code of each error name (specification, Error codes).
func status(name string) int {
	switch name {
	case "ValidationException", "InvalidStateException", "InvalidCiphertextException", "InvalidKeyUsageException":
		return http.StatusBadRequest
	case "AuthenticationFailedException":
		return http.StatusUnauthorized
	case "AccessDeniedException":
		return http.StatusForbidden
	case "KeyNotFoundException", "InvalidUriPathException":
		return http.StatusNotFound
	case "ThrottlingException":
		return http.StatusTooManyRequests
	case "UnsupportedOperationException":
		return http.StatusNotImplemented
	case "DependencyTimeoutException":
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// refuse answers with an error of the specification.
func refuse(w http.ResponseWriter, name string) {
	write(w, status(name), body(struct {
		ErrorName    string `json:"errorName"`
		ErrorMessage string `json:"errorMessage"`
	}{name, "refused by the reference proxy"}))
}

func write(w http.ResponseWriter, code int, b []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(b) // the client may have gone
}

func body[T any](v T) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // every answer is made of strings, numbers and bytes
	}
	return b
}

// answer serves a call, or misbehaves as the switches say.
func (p *Proxy) answer(w http.ResponseWriter, r *http.Request, c call) {
	req := parse(c.op, c.body)
	f := p.record(c, r, req)
	if f.delay > 0 {
		wait := time.NewTimer(f.delay)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler) // to return would be to answer, with an empty success
		}
	}
	if f.raw != nil {
		f.raw(w)
		return
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	out, name := []byte(nil), f.refusal
	if name == "" && (req == nil || err != nil || kind != "application/json") {
		name = "ValidationException"
	}
	if name == "" {
		out, name = p.operate(c, req, f)
	}
	if name != "" {
		refuse(w, name)
		return
	}
	write(w, http.StatusOK, out)
}

// operate does what c asks for.
func (p *Proxy) operate(c call, r *request, f fault) (out []byte, refusal string) {
	if c.op == OpHealth {
		return p.healthy(), ""
	}
	p.mu.Lock()
	found, ok := p.keys[c.keyID]
	var k key
	if ok {
		k = *found
	}
	p.mu.Unlock()
	switch {
	case !ok:
		return nil, "KeyNotFoundException"
	case c.op == OpMetadata:
		return describe(k), ""
	case k.disabled:
		return nil, "InvalidStateException"
	case k.spec != "AES_256":
		return nil, "InvalidKeyUsageException"
	case c.op == OpEncrypt:
		sealed, name := p.encrypt(k, r)
		if sealed != nil && f.corrupt {
			sealed.Ciphertext[0] ^= 1
		}
		return body(sealed), name
	}
	opened, name := decrypt(k, r)
	return body(opened), name
}

func describe(k key) []byte {
	out := struct {
		Spec   string   `json:"keySpec"`
		Usage  []string `json:"keyUsage"`
		Status string   `json:"keyStatus"`
	}{k.spec, k.usage, "ENABLED"}
	if k.disabled {
		out.Status = "DISABLED"
	}
	return body(out)
}

type manager struct {
	ID     string `json:"id"`
	Model  string `json:"model"`
	Status string `json:"healthStatus"`
}

func (p *Proxy) healthy() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return body(struct {
		FleetSize   int       `json:"xksProxyFleetSize"`
		ProxyVendor string    `json:"xksProxyVendor"`
		ProxyModel  string    `json:"xksProxyModel"`
		Vendor      string    `json:"ekmVendor"`
		Fleet       []manager `json:"ekmFleetDetails"`
	}{1, "Garrison", "Garrison reference XKS proxy 1.0", "Garrison", []manager{{"memory-1", "memory 1.0", p.health}}})
}
