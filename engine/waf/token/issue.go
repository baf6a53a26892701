package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net/netip"
	"strings"
	"time"
)

// The faults of a redeemed puzzle.
var (
	ErrInvalid = errors.New("the puzzle is not one of ours, or not this client's")
	ErrExpired = errors.New("the puzzle is too old")
	ErrWrong   = errors.New("the answer is wrong")
)

// Lifetimes of puzzles: a machine answers at once, a person takes time.
const (
	challengeLife = 2 * time.Minute
	captchaLife   = 5 * time.Minute
)

// DefaultDifficulty is how many leading zero bits a proof of work must have: a
// tenth of a second for a browser, and as much for each token of a flood.
const DefaultDifficulty = 16

const maxDifficulty = 30

// Issuer makes puzzles and gives tokens for answers.
type Issuer struct {
	Keys *Keys
	// Entropy is crypto/rand.Reader.
	Entropy io.Reader
	// Difficulty in bits, 0 for DefaultDifficulty.
	Difficulty int
}

// Puzzle is what a page shows. Image is a PNG, for a CAPTCHA alone.
type Puzzle struct {
	Kind       Kind
	Seed       string
	Difficulty int
	Image      []byte
}

// Visitor is who asks: the host asked for, the client's address, and when.
type Visitor struct {
	Host   string
	Client netip.Addr
	Now    time.Time
}

// seed is the signed state of a puzzle, which the client carries.
type seed struct {
	kind       Kind
	difficulty uint8
	expires    int64
	class      [16]byte
	nonce      [16]byte
	domain     [16]byte
	// answer commits to a CAPTCHA's letters, under the key.
	answer [macSize]byte
}

const seedSize = 1 + 4 + 1 + 1 + 8 + 16 + 16 + 16 + macSize

// Puzzle makes a puzzle for a visitor.
func (s *Issuer) Puzzle(kind Kind, v Visitor) (*Puzzle, error) {
	sd := seed{kind: kind, difficulty: s.difficulty(), class: class(v.Client), domain: digest(hostname(v.Host))}
	if _, err := io.ReadFull(s.Entropy, sd.nonce[:]); err != nil {
		return nil, fmt.Errorf("read entropy of a puzzle: %w", err)
	}
	p := &Puzzle{Kind: kind, Difficulty: int(sd.difficulty)}
	key := s.Keys.signer()
	life := challengeLife
	if kind == Captcha {
		life = captchaLife
		letters, img, err := draw(s.Entropy)
		if err != nil {
			return nil, err
		}
		p.Image = img
		copy(sd.answer[:], key.mac(forAnswer, sd.nonce[:], []byte(letters)))
	}
	sd.expires = v.Now.Add(life).Unix()
	p.Seed = sd.encode(key)
	return p, nil
}

func (s *Issuer) difficulty() uint8 {
	if s.Difficulty <= 0 {
		return DefaultDifficulty
	}
	return uint8(min(s.Difficulty, maxDifficulty))
}

func digest(domain string) (d [16]byte) {
	sum := sha256.Sum256([]byte(domain))
	copy(d[:], sum[:])
	return d
}

func (sd *seed) encode(key *Key) string {
	b := make([]byte, 0, seedSize+macSize)
	b = append(b, version)
	b = binary.BigEndian.AppendUint32(b, key.ID)
	b = append(b, byte(sd.kind), sd.difficulty)
	b = binary.BigEndian.AppendUint64(b, uint64(sd.expires)) //nolint:gosec // read back as it was
	for _, part := range [][]byte{sd.class[:], sd.nonce[:], sd.domain[:], sd.answer[:]} {
		b = append(b, part...)
	}
	return base64.RawURLEncoding.EncodeToString(append(b, key.mac(forPuzzle, b)...))
}

func (k *Keys) seed(text string) (*seed, *Key, bool) {
	if len(text) > maxText {
		return nil, nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != seedSize+macSize || b[0] != version || b[5] > byte(Captcha) {
		return nil, nil, false
	}
	key := k.find(binary.BigEndian.Uint32(b[1:]))
	if key == nil || !hmac.Equal(b[seedSize:], key.mac(forPuzzle, b[:seedSize])) {
		return nil, nil, false
	}
	sd := &seed{kind: Kind(b[5]), difficulty: b[6], expires: int64(binary.BigEndian.Uint64(b[7:]))} //nolint:gosec // as it was written
	rest := b[15:]
	for _, part := range [][]byte{sd.class[:], sd.nonce[:], sd.domain[:], sd.answer[:]} {
		rest = rest[copy(part, rest):]
	}
	return sd, key, true
}

// Answer is what a page sends back. Previous is the token the client had, whose
// other puzzle stays solved; empty for none.
type Answer struct {
	Seed, Response, Previous string
}

// Redeem returns a token for a right answer, else ErrInvalid, ErrExpired or
// ErrWrong. One puzzle may be redeemed again until it is too old, by the same
// network for the same host.
func (s *Issuer) Redeem(a Answer, v Visitor) (string, error) {
	sd, key, ok := s.Keys.seed(a.Seed)
	domain := hostname(v.Host)
	if !ok || sd.class != class(v.Client) || sd.domain != digest(domain) || len(domain) > maxDomain {
		return "", ErrInvalid
	}
	if v.Now.Unix() > sd.expires {
		return "", ErrExpired
	}
	if !sd.right(key, a) {
		return "", ErrWrong
	}
	c := claims{class: sd.class, domain: domain}
	if old, ok := s.Keys.decode(a.Previous); ok && old.class == c.class && old.domain == domain {
		c.solved = old.solved
	}
	c.solved[sd.kind] = v.Now.Unix()
	if sd.kind == Captcha {
		// Who has read the letters need not also compute.
		c.solved[Challenge] = v.Now.Unix()
	}
	if _, err := io.ReadFull(s.Entropy, c.id[:]); err != nil {
		return "", fmt.Errorf("read entropy of a token: %w", err)
	}
	return c.encode(s.Keys.signer()), nil
}

// maxResponse bounds an answer.
const maxResponse = 32

func (sd *seed) right(key *Key, a Answer) bool {
	if len(a.Response) == 0 || len(a.Response) > maxResponse {
		return false
	}
	if sd.kind == Captcha {
		letters := strings.ToUpper(strings.ReplaceAll(a.Response, " ", ""))
		return hmac.Equal(sd.answer[:], key.mac(forAnswer, sd.nonce[:], []byte(letters)))
	}
	return worked(a.Seed, a.Response) >= int(sd.difficulty)
}

// worked is how many leading zero bits SHA-256 has of the first 16 octets of the
// seed's SHA-256 in hexadecimal, a point, and the response: one block for each
// try of a script.
func worked(seed, response string) int {
	base := sha256.Sum256([]byte(seed))
	sum := sha256.Sum256(fmt.Appendf(nil, "%x.%s", base[:16], response))
	n := 0
	for _, b := range sum {
		n += bits.LeadingZeros8(b)
		if b != 0 {
			break
		}
	}
	return n
}
