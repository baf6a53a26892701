package seal_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/garrison-cloud/garrison/engine/seal"
)

var specs = []seal.Spec{
	seal.SymmetricDefault, seal.RSA2048, seal.RSA3072, seal.RSA4096, seal.P256, seal.P384, seal.P521,
	seal.Secp256k1, seal.Edwards25519, seal.MLDSA44, seal.MLDSA65, seal.MLDSA87,
	seal.HMAC224, seal.HMAC256, seal.HMAC384, seal.HMAC512,
}

// rawSizes are the least and most bytes of the specs whose material is any bytes.
var rawSizes = map[seal.Spec][2]int{
	seal.SymmetricDefault: {32, 32},
	seal.HMAC224:          {28, 128},
	seal.HMAC256:          {32, 128},
	seal.HMAC384:          {48, 128},
	seal.HMAC512:          {64, 128},
}

// isRaw reports whether b is material of a spec that takes any bytes of its size.
func isRaw(spec seal.Spec, b []byte) bool {
	sizes, ok := rawSizes[spec]
	return ok && sizes[0] <= len(b) && len(b) <= sizes[1]
}

// shared makes one material of each spec, once: RSA pairs take seconds.
var shared = sync.OnceValue(func() map[seal.Spec]*seal.Material {
	out := map[seal.Spec]*seal.Material{}
	for _, spec := range specs {
		m, err := seal.Generate(spec)
		if err != nil {
			panic(err)
		}
		out[spec] = m
	}
	return out
})

func generate(t testing.TB, spec seal.Spec) *seal.Material {
	t.Helper()
	m, err := seal.Generate(spec)
	if err != nil {
		t.Fatalf("Generate(%s): %v", spec, err)
	}
	return m
}

func load(t testing.TB, spec seal.Spec, b []byte) *seal.Material {
	t.Helper()
	m, err := seal.Load(spec, b)
	if err != nil {
		t.Fatalf("Load(%s): %v", spec, err)
	}
	return m
}

func secret(t testing.TB, m *seal.Material) []byte {
	t.Helper()
	b, err := m.Bytes()
	if err != nil {
		t.Fatalf("Bytes: %v", err)
	}
	return b
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: error = %v, want %v", what, got, want)
	}
}

func TestLoadGivesBackWhatBytesGave(t *testing.T) {
	t.Parallel()
	for spec, m := range shared() {
		b := secret(t, m)
		again := load(t, spec, b)
		if got := secret(t, again); !bytes.Equal(got, b) {
			t.Errorf("%s: Bytes after Load differ", spec)
		}
		if got := again.Spec(); got != spec {
			t.Errorf("Spec = %s, want %s", got, spec)
		}
		if !spec.Asymmetric() {
			continue
		}
		got, err := again.PublicKey()
		want, _ := m.PublicKey()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: PublicKey after Load differs (%v)", spec, err)
		}
	}
}

func TestLoadRefusesOtherMaterial(t *testing.T) {
	t.Parallel()
	for from, m := range shared() {
		b := secret(t, m)
		for _, spec := range specs {
			if spec == from || isRaw(spec, b) {
				continue
			}
			_, err := seal.Load(spec, b)
			wantErr(t, fmt.Sprintf("Load(%s) of %s", spec, from), err, seal.ErrInvalidMaterial)
		}
		for name, bad := range map[string][]byte{
			"nothing": nil, "cut short": b[:len(b)-1], "trailing byte": append(slices.Clone(b), 0), "huge": make([]byte, 1<<20),
		} {
			if isRaw(from, bad) {
				continue
			}
			_, err := seal.Load(from, bad)
			wantErr(t, fmt.Sprintf("Load(%s) of %s", from, name), err, seal.ErrInvalidMaterial)
		}
	}
	_, err := seal.Load("SM2", nil)
	wantErr(t, "Load(SM2)", err, seal.ErrUnknownSpec)
	_, err = seal.Generate("")
	wantErr(t, "Generate of no spec", err, seal.ErrUnknownSpec)
}

func TestLoadRefusesWeakRSA(t *testing.T) {
	t.Parallel()
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(short)
	if err != nil {
		t.Fatal(err)
	}
	_, err = seal.Load(seal.RSA2048, der)
	wantErr(t, "1024 bits as RSA_2048", err, seal.ErrInvalidMaterial)
}

// TestPublicKeyIsReadByTheStandardLibrary checks both encodings against x509.
func TestPublicKeyIsReadByTheStandardLibrary(t *testing.T) {
	t.Parallel()
	curves := map[seal.Spec]elliptic.Curve{seal.P256: elliptic.P256(), seal.P384: elliptic.P384(), seal.P521: elliptic.P521()}
	bits := map[seal.Spec]int{seal.RSA2048: 2048, seal.RSA3072: 3072, seal.RSA4096: 4096}
	for _, spec := range specs {
		if !spec.DataKeyPair() || spec == seal.Secp256k1 {
			continue
		}
		pair := generatePair(t, spec)
		private, err := x509.ParsePKCS8PrivateKey(pair.Private)
		if err != nil {
			t.Fatalf("%s: %v", spec, err)
		}
		public, err := x509.ParsePKIXPublicKey(pair.Public)
		if err != nil {
			t.Fatalf("%s: %v", spec, err)
		}
		switch k := private.(type) {
		case *rsa.PrivateKey:
			if !k.PublicKey.Equal(public) || k.N.BitLen() != bits[spec] {
				t.Errorf("%s: pair does not match, or has %d bits", spec, k.N.BitLen())
			}
		case *ecdsa.PrivateKey:
			if !k.PublicKey.Equal(public) || k.Curve != curves[spec] {
				t.Errorf("%s: pair does not match, or is on %v", spec, k.Curve)
			}
		case ed25519.PrivateKey:
			if !k.Public().(ed25519.PublicKey).Equal(public) || spec != seal.Edwards25519 {
				t.Errorf("%s: pair does not match, or is of Ed25519", spec)
			}
		default:
			t.Errorf("%s: private key is a %T", spec, private)
		}
	}
}

// generatePair spares the time of a second pair of the large RSA specs.
func generatePair(t *testing.T, spec seal.Spec) *seal.DataKeyPair {
	t.Helper()
	if spec == seal.RSA3072 || spec == seal.RSA4096 {
		public, err := shared()[spec].PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		return &seal.DataKeyPair{Private: secret(t, shared()[spec]), Public: public}
	}
	pair, err := seal.GenerateDataKeyPair(spec)
	if err != nil {
		t.Fatalf("GenerateDataKeyPair(%s): %v", spec, err)
	}
	return pair
}

func TestDataKeys(t *testing.T) {
	t.Parallel()
	for _, spec := range []seal.Spec{seal.SymmetricDefault, seal.HMAC256, seal.MLDSA44, seal.MLDSA65, seal.MLDSA87} {
		_, err := seal.GenerateDataKeyPair(spec)
		wantErr(t, "pair of "+string(spec), err, seal.ErrIncompatible)
	}
	_, err := seal.GenerateDataKeyPair("SM2")
	wantErr(t, "pair of SM2", err, seal.ErrUnknownSpec)
	for spec, want := range map[seal.DataKeySpec]int{seal.AES128: 16, seal.AES256: 32} {
		if got, err := spec.Size(); got != want || err != nil {
			t.Errorf("%s.Size() = %d, %v, want %d", spec, got, err, want)
		}
	}
	_, err = seal.DataKeySpec("AES_192").Size()
	wantErr(t, "AES_192", err, seal.ErrUnknownSpec)
}

// TestSecp256k1Encoding holds both encodings to bytes that were put together by
// hand from RFC 5958, RFC 5915, RFC 5480 and SEC 2: the private key 1, whose
// public key is the curve's generator.
func TestSecp256k1Encoding(t *testing.T) {
	t.Parallel()
	const (
		algorithm = "301006072a8648ce3d020106052b8104000a"
		one       = "0000000000000000000000000000000000000000000000000000000000000001"
		generator = "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798" +
			"483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
		pkcs8 = "308184020100" + algorithm + "046d306b0201010420" + one + "a144034200" + generator
		bare  = "303e020100" + algorithm + "0427302502010104" + "20" + one
		spki  = "3056" + algorithm + "034200" + generator
	)
	m := load(t, seal.Secp256k1, unhex(t, pkcs8))
	if got := hex.EncodeToString(secret(t, m)); got != pkcs8 {
		t.Errorf("Bytes = %s, want %s", got, pkcs8)
	}
	public, err := m.PublicKey()
	if got := hex.EncodeToString(public); got != spki || err != nil {
		t.Errorf("PublicKey = %s, %v, want %s", got, err, spki)
	}
	compressed := "306402" + "0100" + algorithm + "044d304b0201010420" + one + "a1240322000" + "2" + generator[2:66]
	hybrid := strings.Replace(pkcs8, generator, "06"+generator[2:], 1)
	for name, other := range map[string]string{"without its": bare, "with a compressed": compressed, "with a hybrid": hybrid} {
		if got := hex.EncodeToString(secret(t, load(t, seal.Secp256k1, unhex(t, other)))); got != pkcs8 {
			t.Errorf("%s public key: Bytes = %s, want %s", name, got, pkcs8)
		}
	}
	for name, bad := range map[string]string{
		"zero":             strings.Replace(pkcs8, one, strings.Repeat("00", 32), 1),
		"another point":    strings.Replace(pkcs8, generator, generator[:128]+"b9", 1),
		"another public":   strings.Replace(pkcs8, one, one[:62]+"02", 1),
		"the group order":  strings.Replace(bare, one, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 1),
		"another curve":    strings.Replace(bare, "052b8104000a", "052b81040022", 1),
		"another algo":     strings.Replace(bare, "2a8648ce3d0201", "2a8648ce3d0202", 1),
		"another version":  strings.Replace(bare, "3025020101", "3025020102", 1),
		"not a PKCS#8 key": spki,
	} {
		_, err := seal.Load(seal.Secp256k1, unhex(t, bad))
		wantErr(t, name, err, seal.ErrInvalidMaterial)
	}
}

// TestLoadWithoutPublicKey takes the shortest PKCS#8 form of a NIST key, as
// other makers of keys write it.
func TestLoadWithoutPublicKey(t *testing.T) {
	t.Parallel()
	m := shared()[seal.P256]
	parsed, err := x509.ParsePKCS8PrivateKey(secret(t, m))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := parsed.(*ecdsa.PrivateKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	inner, err := asn1.Marshal(struct {
		Version int
		D       []byte
	}{1, raw})
	if err != nil {
		t.Fatal(err)
	}
	der := append(unhex(t, "3041020100301306072a8648ce3d020106082a8648ce3d0301070427"), inner...)
	if got := secret(t, load(t, seal.P256, der)); !bytes.Equal(got, secret(t, m)) {
		t.Errorf("Bytes differ from the full form's")
	}
}

func TestErase(t *testing.T) {
	t.Parallel()
	for spec, m := range shared() {
		m := load(t, spec, secret(t, m))
		m.Erase()
		m.Erase()
		_, err := m.Bytes()
		wantErr(t, string(spec)+" Bytes", err, seal.ErrErased)
		_, err = m.Seal(header(t, m), nil, nil)
		wantErr(t, string(spec)+" Seal", err, seal.ErrErased)
		_, err = m.PublicKey()
		wantErr(t, string(spec)+" PublicKey", err, seal.ErrErased)
	}
}

// TestEraseBesideUse shows that no blob is ever made under a half-erased key.
func TestEraseBesideUse(t *testing.T) {
	t.Parallel()
	for range 50 {
		m := generate(t, seal.SymmetricDefault)
		h, kept := header(t, m), load(t, seal.SymmetricDefault, secret(t, m))
		var wg sync.WaitGroup
		wg.Go(m.Erase)
		wg.Go(func() {
			blob, err := m.Seal(h, []byte("x"), nil)
			if errors.Is(err, seal.ErrErased) {
				return
			}
			if _, err := kept.Open(blob, nil); err != nil {
				t.Errorf("a blob sealed beside Erase does not open: %v", err)
			}
		})
		wg.Wait()
	}
}

func TestMaterialPrintsNoSecret(t *testing.T) {
	t.Parallel()
	for spec, m := range shared() {
		b := secret(t, m)
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "key", m, "in", struct{ M *seal.Material }{m})
		text, err := json.Marshal(m) //nolint:staticcheck // that it marshals to nothing is what is tested
		if err != nil {
			t.Fatal(err)
		}
		out := log.String() + string(text) + fmt.Sprintf("%v %+v %#v %s %x %d %q", m, m, m, m, m, m, []*seal.Material{m})
		for _, form := range []string{hex.EncodeToString(b[8:16]), string(b[8:16]), strings.Trim(fmt.Sprint(string(b[8:16])), "[]")} {
			if strings.Contains(out, form) {
				t.Errorf("%s: the secret is in %q", spec, out)
			}
		}
		if want := string(spec) + " material (redacted)"; !strings.Contains(out, want) {
			t.Errorf("%s: no %q in %q", spec, want, out)
		}
	}
	pair := &seal.DataKeyPair{Private: []byte("secret"), Public: []byte("public")}
	if got, want := pair.LogValue().String(), "data key pair (redacted)"; got != want {
		t.Errorf("a logged pair = %q, want %q", got, want)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got, want := fmt.Sprintf(verb, pair), "data key pair (redacted)"; got != want {
			t.Errorf("%s of a pair = %q, want %q", verb, got, want)
		}
	}
}
