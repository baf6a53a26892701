// Command program seals standard input, or opens what it sealed, with Tink and a
// key in KMS:
//
//	program envelope|direct|keyset seal|open aws-kms://ARN ASSOCIATED-DATA
//
// With envelope a fresh key of Tink's encrypts the data, and KMS that key; with
// direct KMS encrypts the data itself; with keyset KMS encrypts a whole keyset,
// which encrypts the data.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: program envelope|direct|keyset seal|open KEY-URI ASSOCIATED-DATA")
		os.Exit(2)
	}
	if err := run(os.Args[1]+" "+os.Args[2], os.Args[3], []byte(os.Args[4])); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(what, uri string, associated []byte) error {
	in, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	client, err := awskms.NewClientWithOptions(context.Background(), uri)
	if err != nil {
		return err
	}
	key, err := client.GetAEAD(uri)
	if err != nil {
		return err
	}
	out, err := act(what, key, in, associated)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(out)
	return err
}

func act(what string, key tink.AEAD, in, associated []byte) ([]byte, error) {
	envelope := aead.NewKMSEnvelopeAEAD2(aead.AES256GCMKeyTemplate(), key)
	switch what {
	case "envelope seal":
		return envelope.Encrypt(in, associated)
	case "envelope open":
		return envelope.Decrypt(in, associated)
	case "direct seal":
		return key.Encrypt(in, associated)
	case "direct open":
		return key.Decrypt(in, associated)
	case "keyset seal":
		return sealWithKeyset(key, in, associated)
	case "keyset open":
		return openWithKeyset(key, in, associated)
	}
	return nil, fmt.Errorf("unknown action %q", what)
}

// sealWithKeyset writes the length of the encrypted keyset, the keyset, and what
// it encrypted. The associated data counts for both.
func sealWithKeyset(key tink.AEAD, in, associated []byte) ([]byte, error) {
	handle, err := keyset.NewHandle(aead.XChaCha20Poly1305KeyTemplate())
	if err != nil {
		return nil, err
	}
	var wrapped bytes.Buffer
	if err := handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&wrapped), key, associated); err != nil {
		return nil, err
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, err
	}
	sealed, err := primitive.Encrypt(in, associated)
	if err != nil {
		return nil, err
	}
	out := binary.BigEndian.AppendUint32(nil, uint32(wrapped.Len()))
	return append(append(out, wrapped.Bytes()...), sealed...), nil
}

func openWithKeyset(key tink.AEAD, in, associated []byte) ([]byte, error) {
	if len(in) < 4 || uint64(len(in)-4) < uint64(binary.BigEndian.Uint32(in)) {
		return nil, io.ErrUnexpectedEOF
	}
	wrapped, sealed := in[4:4+binary.BigEndian.Uint32(in)], in[4+binary.BigEndian.Uint32(in):]
	handle, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(wrapped)), key, associated)
	if err != nil {
		return nil, err
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, err
	}
	return primitive.Decrypt(sealed, associated)
}
