package acmpca

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/garrison-cloud/garrison/engine/x509ca"
	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	ocspPath = "/ocsp"
	ocspType = "application/ocsp-request"
	// maxOCSP is how long a request may be, in bytes.
	maxOCSP = 4096
	// answerLife is how long an OCSP answer is good, and answerKept how long it is given
	// again while nothing changes.
	answerLife = time.Hour
	answerKept = 10 * time.Minute
)

// crlURL is where certificates say their list is.
func (s *Service) crlURL(a *authority) string {
	if !a.CRL.On || a.CRL.Omit {
		return ""
	}
	host := s.Endpoint()
	if a.CRL.Host != "" {
		host = "http://" + a.CRL.Host
	}
	folder := "crl"
	if a.CRL.Path != "" {
		folder = a.CRL.Path
	}
	return host + "/" + folder + "/" + a.ID + ".crl"
}

// ocspURL is where certificates say that OCSP answers.
func (s *Service) ocspURL(a *authority) string {
	switch {
	case !a.OCSP.On:
		return ""
	case a.OCSP.Host != "":
		return "http://" + a.OCSP.Host + ocspPath
	}
	return s.Endpoint() + ocspPath
}

// CRL returns the list that is served under a path: of whichever folder, it ends in an
// authority's id and ".crl". false says that there is none.
func (s *Service) CRL(ctx context.Context, from string) (der []byte, ok bool) {
	id, found := strings.CutSuffix(path.Base(from), ".crl")
	if _, err := uuid.Parse(id); err != nil || !found {
		return nil, false
	}
	err := s.DB.View(ctx, func(tx *store.Tx) error {
		for a, err := range authorities.ScanIndex(tx, "id", store.Range{Prefix: store.K(id), Limit: 1}) {
			if err != nil {
				return err
			}
			if a.CRL.On && a.CRL.ACL != "BUCKET_OWNER_FULL_CONTROL" {
				l, err := lists.Get(tx, a.Account, a.ID)
				if err != nil {
					return err
				}
				der = l.DER
			}
		}
		return nil
	})
	return der, err == nil && der != nil
}

// AsksOCSP reads the OCSP request that an HTTP request carries: the body of a POST of
// its media type, or the path of a GET (RFC 6960 Appendix A). ok is false for what is
// no such request.
func AsksOCSP(r *http.Request) (der []byte, ok bool) {
	if r.Method == http.MethodPost && r.Header.Get("Content-Type") == ocspType {
		der, err := io.ReadAll(io.LimitReader(r.Body, maxOCSP+1))
		if err != nil || len(der) > maxOCSP {
			return nil, true
		}
		return der, true
	}
	rest, found := strings.CutPrefix(r.URL.EscapedPath(), ocspPath+"/")
	if r.Method != http.MethodGet || !found || len(rest) > 2*maxOCSP {
		return nil, false
	}
	text, err := url.PathUnescape(rest)
	if err != nil {
		return nil, false
	}
	der, err = base64.StdEncoding.DecodeString(text)
	return der, err == nil
}

// An answer is one of OCSP's, and until when it is given.
type answer struct {
	der   []byte
	until time.Time
}

// OCSP answers a request about a certificate of this Region; ok is false if no
// authority here has issued it. Only what is known is signed, so that guessing costs
// no signature.
func (s *Service) OCSP(ctx context.Context, asked *x509ca.Asked) (der []byte, ok bool, err error) {
	row, c, err := s.asked(ctx, asked)
	if err != nil || row == nil {
		return nil, false, err
	}
	now := s.Clock.Now()
	name := row.ID + " " + c.Serial + " " + asked.Hash.String() + " " + strconv.FormatInt(c.Revoked.UnixNano(), 10) + " " + hex.EncodeToString(row.KeyHashes[0])
	if a, ok := s.answers.Get(name); ok && now.Before(a.until) {
		return a.der, true, nil
	}
	i, err := s.issuer(ctx, row, row.Signing)
	if err != nil {
		return nil, false, err
	}
	der, err = i.OCSP(&x509ca.Status{Serial: asked.Serial, Revoked: c.revocation(), This: now, Next: now.Add(answerLife)}, asked.Hash)
	if err != nil {
		return nil, false, err
	}
	s.answers.Put(name, &answer{der, now.Add(answerKept)})
	return der, true, nil
}

// asked finds the authority and the certificate of a request.
func (s *Service) asked(ctx context.Context, asked *x509ca.Asked) (row *authority, c *issued, err error) {
	serial := hex.EncodeToString(asked.Serial.Bytes())
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		row, c = nil, nil
		for a, err := range authorities.ScanIndex(tx, "keyhash", store.Range{Prefix: store.K(asked.Key), Limit: 1}) {
			if err != nil {
				return err
			}
			if !a.OCSP.On || len(a.Certificate) == 0 || !a.Until.IsZero() {
				return nil
			}
			own, err := a.certificate()
			if err != nil {
				return err
			}
			if !bytes.Equal(asked.Name, x509ca.NameHash(asked.Hash, own.RawSubject)) {
				return nil
			}
			found, err := certificates.Get(tx, a.Account, a.ID, serial)
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			row, c = a, found
			return err
		}
		return nil
	})
	return row, c, err
}
