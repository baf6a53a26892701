package gateway

import (
	"errors"

	"github.com/aws/smithy-go"

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
		return sigv4.UnknownKey(x.signature)
	case errors.Is(err, ErrExpiredKey):
		return sigv4.ExpiredToken(x.signature)
	case err != nil:
		return err
	}
	if err := x.verify(key); err != nil {
		return err
	}
	x.call.Principal = key.Principal
	x.noteKey()
	return nil
}

// verify checks the signature, and makes the body ready to be decoded: whole,
// or as a stream that verifies itself.
func (x *exchange) verify(key Key) error {
	if x.op.Streams() {
		return x.verifyStream(key)
	}
	if err := x.readBody(); err != nil {
		return err
	}
	if x.g.AnySignature {
		return nil
	}
	return x.g.verifier.Verify(x.r, x.signature, sigv4.NewSecret(key.Secret), x.body)
}

func (x *exchange) verifyStream(key Key) (err error) {
	x.patience()
	var body *sigv4.Body
	if x.g.AnySignature {
		body, err = sigv4.Unverified(x.r, x.signature)
	} else {
		body, err = x.g.verifier.VerifyStream(x.r, x.signature, sigv4.NewSecret(key.Secret))
	}
	x.stream = body
	return err
}

// takesUnsigned tells which calls nobody needs to sign: those to S3, whose policies
// can speak to them, because buckets may be public; and those that bring another
// proof of who makes them, which both AWS's model and the service must say.
func (x *exchange) takesUnsigned() bool {
	return x.service.Name() == "s3" && x.protocol == wire.RestXML || x.op.Anonymous && x.op.Unauthenticated()
}

// admitAnonymous lets on what nobody signed, as nobody's call.
func (x *exchange) admitAnonymous() error {
	if !x.takesUnsigned() {
		return sigv4.MissingToken(x.r)
	}
	x.call.Principal = anonymous
	if !x.op.Streams() {
		return x.readBody()
	}
	x.patience()
	body, err := sigv4.Unverified(x.r, nil)
	x.stream = body
	return err
}

// unauthentic is a signature's error, which knows its service's words.
func unauthentic(e *sigv4.Error) *wire.Error {
	out := &wire.Error{Code: e.Code, Message: e.Message, Status: e.Status, Fault: smithy.FaultClient, Cause: e}
	for _, d := range e.Details {
		out.Details = append(out.Details, wire.Detail(d))
	}
	return out
}
