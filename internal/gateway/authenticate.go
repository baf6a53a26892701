package gateway

import (
	"errors"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/sigv4"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// anonymous is who nobody signed for.
var anonymous = &authz.Principal{Principal: iam.Principal{Kind: iam.Anonymous}}

// authenticate verifies who makes the call. After it, the body is known to be
// what was signed, or will be verified as it is read.
func (x *exchange) authenticate() error {
	if x.signature == nil {
		return x.admitAnonymous()
	}
	key, err := x.g.Keys.Key(x.ctx, x.signature.AccessKeyID, x.signature.SessionToken)
	switch {
	case errors.Is(err, ErrNoKey):
		return sigv4.NoKey()
	case errors.Is(err, ErrExpiredKey):
		return sigv4.SessionEnded()
	case err != nil:
		return err
	}
	if err := x.verify(key); err != nil {
		return err
	}
	x.call.Principal = key.Principal
	return nil
}

// verify checks the signature, and makes the body ready to be decoded: whole,
// or as a stream that verifies itself.
func (x *exchange) verify(key Key) error {
	streams := x.op.Streams()
	if !streams {
		if err := x.readBody(); err != nil {
			return err
		}
	}
	verified := sigv4.Unverified(x.signature)
	if !x.g.AnySignature {
		var err error
		if verified, err = x.g.verifier.Verify(x.r, x.signature, key.Secret, x.body, streams); err != nil {
			return err
		}
	}
	if streams {
		x.stream = verified.Body(x.r.Body)
	}
	return nil
}

// admitAnonymous lets calls that nobody signed on to S3, whose policies can
// speak to them: buckets may be public.
func (x *exchange) admitAnonymous() error {
	if x.protocol != wire.RestXML {
		return wire.MissingAuthentication.In(x.protocol, "Missing Authentication Token")
	}
	x.call.Principal = anonymous
	if x.op.Streams() {
		x.stream = x.r.Body
		return nil
	}
	return x.readBody()
}

// failures are what a protocol makes of a signature that does not hold.
var failures = map[sigv4.Kind]wire.Failure{
	sigv4.Incomplete:      wire.IncompleteSignature,
	sigv4.BadSignature:    wire.InvalidSignature,
	sigv4.Skewed:          wire.RequestExpired,
	sigv4.Expired:         wire.RequestExpired,
	sigv4.UnknownKey:      wire.UnknownAccessKey,
	sigv4.ExpiredToken:    wire.ExpiredToken,
	sigv4.PayloadMismatch: wire.InvalidSignature,
	sigv4.BadChunk:        wire.MalformedBody,
}

// unauthentic words a signature's error for the call's protocol.
func (x *exchange) unauthentic(e *sigv4.Error) *wire.Error {
	out := failures[e.Kind].In(x.protocol, e.Message)
	if x.protocol == wire.RestXML {
		out.Code, out.Message = e.S3Code, e.S3Message
	}
	out.Cause = e
	return out
}
