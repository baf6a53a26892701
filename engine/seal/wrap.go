package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
)

// AES key wrap works on halves of an AES block (RFC 3394 §2.2).
const semiblock = 8

// kwpMagic begins the alternative initial value (RFC 5649 §3); the length of the
// key follows it.
const kwpMagic = 0xa65959a6

// WrapKWP wraps a key of 1 to 8,192 bytes, of any length, under an AES key of 16,
// 24 or 32 bytes: AES Key Wrap with Padding (RFC 5649; NIST SP 800-38F §6.3,
// KWP-AE). It uses no nonce: the same key wraps to the same bytes.
// ErrInvalidLength is any other length of either.
func WrapKWP(kek, key []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil || len(key) == 0 || len(key) > maxMaterial {
		return nil, fmt.Errorf("wrap: %w", ErrInvalidLength)
	}
	padded := (len(key) + semiblock - 1) / semiblock * semiblock
	out := make([]byte, semiblock+padded)
	binary.BigEndian.PutUint32(out, kwpMagic)
	binary.BigEndian.PutUint32(out[4:], uint32(len(key))) //nolint:gosec // bounded above
	copy(out[semiblock:], key)
	if padded == semiblock {
		block.Encrypt(out, out)
	} else {
		wrapSemiblocks(block, out)
	}
	return out, nil
}

// UnwrapKWP opens what WrapKWP gave. Whatever is wrong with it is
// ErrInvalidCiphertext, found out without a branch on what the block cipher gave;
// ErrInvalidLength is a kek that is no AES key. Whoever asks for it clears it.
func UnwrapKWP(kek, wrapped []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, fmt.Errorf("unwrap: %w", ErrInvalidLength)
	}
	if len(wrapped) < 2*semiblock || len(wrapped)%semiblock != 0 || len(wrapped) > semiblock+maxMaterial {
		return nil, ErrInvalidCiphertext
	}
	out := append([]byte(nil), wrapped...)
	if len(out) == 2*semiblock {
		block.Decrypt(out, out)
	} else {
		unwrapSemiblocks(block, out)
	}
	size, ok := checkKWP(out)
	if ok == 0 {
		clear(out)
		return nil, ErrInvalidCiphertext
	}
	return out[semiblock : semiblock+size : semiblock+size], nil
}

// checkKWP gives the length of the key, and 1 where the initial value, the length
// and the padding of zeros are right (RFC 5649 §3). It takes as long for all.
func checkKWP(out []byte) (size, ok int) {
	var want [4]byte
	binary.BigEndian.PutUint32(want[:], kwpMagic)
	ok = subtle.ConstantTimeCompare(out[:4], want[:])

	// As many bits as int has on every machine, and positive.
	claimed := binary.BigEndian.Uint32(out[4:])
	ok &= subtle.ConstantTimeByteEq(byte(claimed>>24), 0)
	size = int(claimed & 0xffffff)

	room := len(out) - semiblock
	ok &= subtle.ConstantTimeLessOrEq(room-semiblock+1, size) & subtle.ConstantTimeLessOrEq(size, room)
	var padding byte
	for i := range semiblock {
		at := room - semiblock + i
		beyond := byte(subtle.ConstantTimeLessOrEq(size, at)) //nolint:gosec // 0 or 1
		padding |= out[semiblock+at] & -beyond
	}
	return size, ok & subtle.ConstantTimeByteEq(padding, 0)
}

// wrapSemiblocks is the key wrap of RFC 3394 §2.2.1, index based and in place: the
// initial value comes first, then at least two semiblocks.
func wrapSemiblocks(block cipher.Block, out []byte) {
	var b [aes.BlockSize]byte
	copy(b[:], out[:semiblock])
	t := uint64(1)
	for range 6 {
		for at := semiblock; at < len(out); at += semiblock {
			copy(b[semiblock:], out[at:])
			block.Encrypt(b[:], b[:])
			copy(out[at:], b[semiblock:])
			binary.BigEndian.PutUint64(b[:], binary.BigEndian.Uint64(b[:])^t)
			t++
		}
	}
	copy(out, b[:semiblock])
}

// unwrapSemiblocks undoes wrapSemiblocks (RFC 3394 §2.2.2). It checks nothing.
func unwrapSemiblocks(block cipher.Block, out []byte) {
	var b [aes.BlockSize]byte
	copy(b[:], out[:semiblock])
	t := uint64(6 * (len(out)/semiblock - 1)) //nolint:gosec // a length
	for range 6 {
		for at := len(out) - semiblock; at >= semiblock; at -= semiblock {
			binary.BigEndian.PutUint64(b[:], binary.BigEndian.Uint64(b[:])^t)
			t--
			copy(b[semiblock:], out[at:at+semiblock])
			block.Decrypt(b[:], b[:])
			copy(out[at:], b[semiblock:])
		}
	}
	copy(out, b[:semiblock])
	clear(b[:])
}
