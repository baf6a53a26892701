package seal

import (
	"crypto/elliptic"
	"slices"

	"filippo.io/mldsa"
)

// vectorFiles are the vectors of C2SP's Wycheproof: see testdata/wycheproof/NOTICE for
// their source and for how the files were cut down. A row is a file, the number of its
// vectors, how many are to be accepted, refused and skipped, and how they are tested.
// A valid vector is accepted and an invalid one refused, but for these decisions:
//
//   - hmac: tags that are cut are refused; keys shorter than the hash are skipped.
//   - rsa_oaep: valid ones with a label are refused.
//   - rsa_pss with another salt or MGF1 than KMS has: all are refused but one,
//     whose salt is as long as KMS's and so invalid in its file alone.
//   - rsa_signature: MissingNull, which is acceptable, is refused.
//   - ecdh: acceptable ones are refused, see ecdhVectors.
//   - mldsa: contexts of more than 255 bytes and randomized signatures are skipped.
//
// Ed25519ph and the key derivation have vectors of their own: TestKnownEd25519ph,
// TestCounterKDF and TestCounterKDFBlocks.
func vectorFiles() []vectorFile {
	return slices.Concat(secretVectorFiles(), ellipticVectorFiles(), rsaVectorFiles(), mldsaVectorFiles())
}

func secretVectorFiles() []vectorFile {
	return []vectorFile{
		{"aes_gcm", 66, 39, 27, 0, gcmVectors},
		{"aes_kwp", 254, 77, 177, 0, kwpVectors},
		{"hmac_sha224", 172, 30, 136, 6, hmacVectors(HMAC224, HMACSHA224)},
		{"hmac_sha256", 174, 30, 138, 6, hmacVectors(HMAC256, HMACSHA256)},
		{"hmac_sha384", 174, 30, 138, 6, hmacVectors(HMAC384, HMACSHA384)},
		{"hmac_sha512", 174, 30, 138, 6, hmacVectors(HMAC512, HMACSHA512)},
	}
}

func ellipticVectorFiles() []vectorFile {
	return []vectorFile{
		{"ecdsa_secp256r1_sha256", 484, 174, 310, 0, signatureVectors(P256, ECDSASHA256)},
		{"ecdsa_secp384r1_sha384", 251, 99, 152, 0, signatureVectors(P384, ECDSASHA384)},
		{"ecdsa_secp521r1_sha512", 264, 112, 152, 0, signatureVectors(P521, ECDSASHA512)},
		{"ecdsa_secp256k1_sha256", 476, 168, 308, 0, signatureVectors(Secp256k1, ECDSASHA256)},
		{"ed25519", 151, 88, 63, 0, signatureVectors(Edwards25519, Ed25519SHA512)},
		{"ecdh_secp256r1", 612, 330, 282, 0, ecdhVectors(P256, elliptic.P256())},
		{"ecdh_secp384r1", 163, 97, 66, 0, ecdhVectors(P384, elliptic.P384())},
		{"ecdh_secp521r1", 160, 85, 75, 0, ecdhVectors(P521, elliptic.P521())},
	}
}

func rsaVectorFiles() []vectorFile {
	return []vectorFile{
		{"rsa_oaep_2048_sha1_mgf1sha1", 36, 10, 26, 0, oaepVectors(RSA2048, OAEPSHA1)},
		{"rsa_oaep_2048_sha256_mgf1sha256", 37, 10, 27, 0, oaepVectors(RSA2048, OAEPSHA256)},
		{"rsa_oaep_3072_sha256_mgf1sha256", 37, 10, 27, 0, oaepVectors(RSA3072, OAEPSHA256)},
		{"rsa_oaep_4096_sha256_mgf1sha256", 37, 10, 27, 0, oaepVectors(RSA4096, OAEPSHA256)},
		{"rsa_pss_2048_sha256_mgf1_32", 47, 28, 19, 0, signatureVectors(RSA2048, PSSSHA256)},
		{"rsa_pss_2048_sha384_mgf1_48", 26, 17, 9, 0, signatureVectors(RSA2048, PSSSHA384)},
		{"rsa_pss_3072_sha256_mgf1_32", 23, 15, 8, 0, signatureVectors(RSA3072, PSSSHA256)},
		{"rsa_pss_4096_sha256_mgf1_32", 23, 15, 8, 0, signatureVectors(RSA4096, PSSSHA256)},
		{"rsa_pss_4096_sha384_mgf1_48", 26, 17, 9, 0, signatureVectors(RSA4096, PSSSHA384)},
		{"rsa_pss_4096_sha512_mgf1_64", 28, 19, 9, 0, signatureVectors(RSA4096, PSSSHA512)},
		{"rsa_pss_2048_sha256_mgf1_0", 19, 1, 18, 0, foreignPSS(RSA2048, PSSSHA256, 69)},
		{"rsa_pss_4096_sha512_mgf1_32", 23, 0, 23, 0, foreignPSS(RSA4096, PSSSHA512, 0)},
		{"rsa_pss_2048_sha256_mgf1sha1_20", 21, 0, 21, 0, foreignPSS(RSA2048, PSSSHA256, 0)},
		{"rsa_signature_2048_sha256", 98, 7, 91, 0, signatureVectors(RSA2048, PKCS1SHA256)},
		{"rsa_signature_2048_sha384", 52, 5, 47, 0, signatureVectors(RSA2048, PKCS1SHA384)},
		{"rsa_signature_2048_sha512", 53, 6, 47, 0, signatureVectors(RSA2048, PKCS1SHA512)},
		{"rsa_signature_3072_sha256", 52, 6, 46, 0, signatureVectors(RSA3072, PKCS1SHA256)},
		{"rsa_signature_3072_sha384", 52, 5, 47, 0, signatureVectors(RSA3072, PKCS1SHA384)},
		{"rsa_signature_3072_sha512", 53, 6, 47, 0, signatureVectors(RSA3072, PKCS1SHA512)},
		{"rsa_signature_4096_sha256", 51, 5, 46, 0, signatureVectors(RSA4096, PKCS1SHA256)},
		{"rsa_signature_4096_sha384", 52, 5, 47, 0, signatureVectors(RSA4096, PKCS1SHA384)},
		{"rsa_signature_4096_sha512", 52, 5, 47, 0, signatureVectors(RSA4096, PKCS1SHA512)},
	}
}

func mldsaVectorFiles() []vectorFile {
	return []vectorFile{
		{"mldsa_44_verify", 40, 16, 21, 3, mldsaVectors(MLDSA44, mldsa.MLDSA44())},
		{"mldsa_44_sign_seed", 86, 81, 3, 2, mldsaSeedVectors(MLDSA44, "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x11")},
		{"mldsa_65_verify", 40, 16, 21, 3, mldsaVectors(MLDSA65, mldsa.MLDSA65())},
		{"mldsa_65_sign_seed", 105, 100, 3, 2, mldsaSeedVectors(MLDSA65, "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x12")},
		{"mldsa_87_verify", 33, 13, 18, 2, mldsaVectors(MLDSA87, mldsa.MLDSA87())},
		{"mldsa_87_sign_seed", 96, 91, 3, 2, mldsaSeedVectors(MLDSA87, "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x13")},
	}
}
