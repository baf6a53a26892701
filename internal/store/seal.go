package store

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
)

// A sealed value is
//
//	layout 1 | data key id 4 | nonce 24 | XAES-256-GCM(value) | tag 16
//
// under the additional data store id | layout and key id | table | engine key,
// so a value opens only where it was written. The codec version of the row is
// the value's first byte, and thus sealed with it.
const (
	sealLayout = 1
	sealHead   = 1 + 4
	overhead   = sealHead + nonceSize + tagSize
)

// A storeID tells one store's values from another's under the same root key.
type storeID [16]byte

// A dataKey seals the values of one table.
type dataKey struct {
	id    uint32
	table string
	aead  *xaes
}

var errSeal = errors.New("the seal does not open")

func (k *dataKey) seal(id storeID, key, plain []byte) []byte {
	out := make([]byte, sealHead+nonceSize, overhead+len(plain))
	out[0] = sealLayout
	binary.BigEndian.PutUint32(out[1:], k.id)
	nonce := out[sealHead:]
	rand.Read(nonce)
	gcm, err := k.aead.derive(nonce)
	if err != nil {
		panic(err) // the derived key has AES-256's size
	}
	return gcm.Seal(out, nonce[12:], plain, k.associated(id, key))
}

func (k *dataKey) open(id storeID, table string, key, raw []byte) ([]byte, error) {
	if k.table != table {
		return nil, fmt.Errorf("%w: data key %d is not this table's", errSeal, k.id)
	}
	nonce := raw[sealHead : sealHead+nonceSize]
	gcm, err := k.aead.derive(nonce)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nonce[12:], raw[sealHead+nonceSize:], k.associated(id, key))
	if err != nil {
		return nil, errSeal
	}
	return plain, nil
}

func (k *dataKey) associated(id storeID, key []byte) []byte {
	aad := make([]byte, 0, len(id)+sealHead+2+len(k.table)+len(key))
	aad = append(aad, id[:]...)
	aad = append(aad, sealLayout)
	aad = binary.BigEndian.AppendUint32(aad, k.id)
	aad = binary.BigEndian.AppendUint16(aad, uint16(len(k.table))) //nolint:gosec // it begins keys, of at most MaxKey bytes
	aad = append(aad, k.table...)
	return append(aad, key...)
}

// sealedBy returns the id of the data key that sealed raw.
func sealedBy(raw []byte) (uint32, error) {
	if len(raw) < overhead {
		return 0, fmt.Errorf("%w: it is cut short", errSeal)
	}
	if raw[0] != sealLayout {
		return 0, fmt.Errorf("%w: its layout %d is unknown", errSeal, raw[0])
	}
	return binary.BigEndian.Uint32(raw[1:]), nil
}
