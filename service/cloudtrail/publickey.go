package cloudtrail

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	keyBits = 2048
	// keyLife is how long digests are signed by one key.
	keyLife = 90 * 24 * time.Hour
)

// signer returns the key that signs now, and makes it if there is none.
func (s *Service) signer(ctx context.Context) (key *signingKey, err error) {
	if key, err = s.currentKey(ctx); key != nil || err != nil {
		return key, err
	}
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	public := x509.MarshalPKCS1PublicKey(&private.PublicKey)
	sum := sha256.Sum256(public)
	now := s.Clock.Now()
	key = &signingKey{
		// Digests of the hour that has passed are signed by it too.
		From: now.Add(-maxDigests * digestEvery), To: now.Add(keyLife), Fingerprint: hex.EncodeToString(sum[:16]),
		Private: x509.MarshalPKCS1PrivateKey(private), Public: public,
	}
	err = s.DB.Update(ctx, func(tx *store.Tx) error { return signingKeys.Insert(tx, key) })
	return key, err
}

func (s *Service) currentKey(ctx context.Context) (key *signingKey, err error) {
	now := s.Clock.Now()
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		key = nil
		for k, err := range signingKeys.Scan(tx, store.Range{Prefix: store.K("key"), Reverse: true, Limit: 1}) {
			if err != nil {
				return err
			}
			if now.Before(k.To) {
				key = k
			}
		}
		return nil
	})
	return key, err
}

// ListPublicKeys returns the keys by which digests of this Region were signed within a
// range of time: the last day's, if none is given.
func (s *Service) ListPublicKeys(ctx context.Context, in *cloudtrail.ListPublicKeysInput) (*cloudtrail.ListPublicKeysOutput, error) {
	to := s.Clock.Now()
	if in.EndTime != nil {
		to = *in.EndTime
	}
	from := to.Add(-24 * time.Hour)
	if in.StartTime != nil {
		from = *in.StartTime
	}
	if from.After(to) {
		return nil, &types.InvalidTimeRangeException{Message: aws.String("The start time must not be later than the end time.")}
	}
	if in.NextToken != nil {
		return nil, &types.InvalidTokenException{Message: aws.String("The token is not valid.")} // there is but one page
	}
	out := &cloudtrail.ListPublicKeysOutput{PublicKeyList: []types.PublicKey{}}
	err := s.DB.View(ctx, func(tx *store.Tx) error {
		out.PublicKeyList = out.PublicKeyList[:0]
		for k, err := range signingKeys.Scan(tx, store.Range{Prefix: store.K("key")}) {
			if err != nil {
				return err
			}
			if !k.From.After(to) && !k.To.Before(from) {
				out.PublicKeyList = append(out.PublicKeyList, types.PublicKey{
					Value: k.Public, Fingerprint: &k.Fingerprint, ValidityStartTime: &k.From, ValidityEndTime: &k.To,
				})
			}
		}
		return nil
	})
	return out, err
}

func (s *Service) onListPublicKeys(context.Context, *cloudtrail.ListPublicKeysInput) (authz.Target, error) {
	return authz.Any(), nil
}
