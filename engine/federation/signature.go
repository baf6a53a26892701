package federation

import (
	"crypto/x509"
	"slices"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

// wrong is AWS's answer to a response whose signature doesn't hold.
func wrong() error { return invalid("Response signature invalid") }

// What a signature may consist of: hashes that are not broken, and the
// transformations that only leave the signature itself out and settle the form
// (SAML 2.0 core §5.4).
var (
	signatureMethods = []string{
		dsig.RSASHA256SignatureMethod, dsig.RSASHA384SignatureMethod, dsig.RSASHA512SignatureMethod,
		dsig.ECDSASHA256SignatureMethod, dsig.ECDSASHA384SignatureMethod, dsig.ECDSASHA512SignatureMethod,
	}
	digestMethods = []string{
		"http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmldsig-more#sha384", "http://www.w3.org/2001/04/xmlenc#sha512",
	}
	canonicalMethods = []string{string(dsig.CanonicalXML10ExclusiveAlgorithmId), string(dsig.CanonicalXML10ExclusiveWithCommentsAlgorithmId)}
)

// checkShape refuses a signature that is not the one that an element carries of
// itself, as its child: one reference, to the element's own ID.
func checkShape(signature, owner *node) error {
	info := signature.one(nsSignature, "SignedInfo")
	if info == nil || signature.one(nsSignature, "SignatureValue") == nil || len(signature.all(nsSignature, "Object")) > 0 {
		return wrong()
	}
	method, canonical, reference := info.one(nsSignature, "SignatureMethod"), info.one(nsSignature, "CanonicalizationMethod"), info.one(nsSignature, "Reference")
	if method == nil || canonical == nil || reference == nil || len(info.children) != 3 ||
		!slices.Contains(signatureMethods, method.attr("Algorithm")) || !slices.Contains(canonicalMethods, canonical.attr("Algorithm")) {
		return wrong()
	}
	if id := owner.attr("ID"); id == "" || reference.attr("URI") != "#"+id {
		return wrong()
	}
	return checkReference(reference)
}

func checkReference(reference *node) error {
	digest, transforms := reference.one(nsSignature, "DigestMethod"), reference.one(nsSignature, "Transforms")
	if digest == nil || transforms == nil || !slices.Contains(digestMethods, digest.attr("Algorithm")) {
		return wrong()
	}
	var enveloped, canonical int
	for _, t := range transforms.children {
		switch a := t.attr("Algorithm"); {
		case !t.is(nsSignature, "Transform"):
			return wrong()
		case a == string(dsig.EnvelopedSignatureAltorithmId):
			enveloped++
		case slices.Contains(canonicalMethods, a):
			canonical++
		default:
			return wrong()
		}
	}
	if enveloped != 1 || canonical != 1 {
		return wrong()
	}
	return nil
}

// signedBytes verifies the signature that an element carries of itself by any of
// the certificates, and returns the very text that was signed, the signature
// left out. What is not in that text, nobody has signed.
func signedBytes(element *etree.Element, certificates []*x509.Certificate) ([]byte, error) {
	for _, c := range certificates {
		alone, err := detach(element)
		if err != nil {
			return nil, wrong()
		}
		ctx := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{c}})
		ctx.IdAttribute = "ID"
		// Certificates of metadata count whatever their dates are.
		ctx.Clock = dsig.NewFakeClockAt(c.NotBefore)
		signed, err := ctx.Validate(alone)
		if err != nil {
			continue
		}
		doc := etree.NewDocument()
		doc.SetRoot(signed)
		return doc.WriteToBytes()
	}
	return nil, wrong()
}

// detach returns a copy of the element that stands alone, with the namespaces
// that it inherits. The key that its own signature brings along is left out: which
// keys count is the metadata's to say, and nothing signs that part.
func detach(element *etree.Element) (*etree.Element, error) {
	ctx, err := etreeutils.NSBuildParentContext(element)
	if err != nil {
		return nil, err
	}
	alone, err := etreeutils.NSDetatch(ctx, element)
	if err != nil {
		return nil, err
	}
	for _, child := range alone.ChildElements() {
		if child.NamespaceURI() != nsSignature || child.Tag != "Signature" {
			continue
		}
		for _, info := range child.ChildElements() {
			if info.NamespaceURI() == nsSignature && info.Tag == "KeyInfo" {
				child.RemoveChild(info)
			}
		}
	}
	return alone, nil
}
