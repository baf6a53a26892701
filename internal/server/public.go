package server

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/garrison-cloud/garrison/engine/x509ca"
	"github.com/garrison-cloud/garrison/internal/gateway"
	"github.com/garrison-cloud/garrison/service/acmpca"
)

const (
	// snsPrefix begins the path of SNS's certificates, and rootPrefix that of the roots
	// above public certificates. No bucket can be called so: they have capitals.
	snsPrefix  = "/SimpleNotificationService-"
	rootPrefix = "/CertificateManager-"
)

// public are what the API's address answers to anybody.
func (s *services) public() []gateway.Public {
	return []gateway.Public{s.serveSNSCertificate, s.serveRoot, s.serveCRL, s.serveOCSP, s.serveApproval}
}

func (s *services) serveSNSCertificate(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet || !strings.HasPrefix(r.URL.Path, snsPrefix) {
		return false
	}
	pem, ok := s.certificate(r.Context(), r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return true
	}
	s.answer(w, r, "application/x-pem-file", pem)
	return true
}

// serveRoot answers /CertificateManager-REGION.pem.
func (s *services) serveRoot(w http.ResponseWriter, r *http.Request) bool {
	rest, ok := strings.CutPrefix(r.URL.Path, rootPrefix)
	region, named := strings.CutSuffix(rest, ".pem")
	if r.Method != http.MethodGet || !ok || !named {
		return false
	}
	a := s.authorities[region]
	if a == nil {
		http.NotFound(w, r)
		return true
	}
	pem, err := a.PublicRoot(r.Context())
	if err != nil {
		s.broken(r.Context(), w, err)
		return true
	}
	s.answer(w, r, "application/x-pem-file", []byte(pem))
	return true
}

func (s *services) serveCRL(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, ".crl") {
		return false
	}
	for _, a := range s.authorities {
		if der, ok := a.CRL(r.Context(), r.URL.Path); ok {
			s.answer(w, r, "application/pkix-crl", der)
			return true
		}
	}
	return false // it may be an object
}

func (s *services) serveOCSP(w http.ResponseWriter, r *http.Request) bool {
	der, ok := acmpca.AsksOCSP(r)
	if !ok {
		return false
	}
	const kind = "application/ocsp-response"
	asked, err := x509ca.ParseOCSP(der)
	if err != nil {
		s.answer(w, r, kind, x509ca.Malformed())
		return true
	}
	for _, a := range s.authorities {
		out, known, err := a.OCSP(r.Context(), asked)
		if err != nil {
			s.broken(r.Context(), w, err)
			return true
		}
		if known {
			s.answer(w, r, kind, out)
			return true
		}
	}
	s.answer(w, r, kind, x509ca.Unknown())
	return true
}

func (s *services) answer(w http.ResponseWriter, r *http.Request, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if _, err := w.Write(body); err != nil { //nolint:gosec // no answer is HTML, and browsers are told not to guess
		s.logger.DebugContext(r.Context(), "a client went away", "error", err.Error())
	}
}

func (s *services) broken(ctx context.Context, w http.ResponseWriter, err error) {
	s.logger.ErrorContext(ctx, "a public request failed", "error", err.Error())
	http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
}
