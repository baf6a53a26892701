package sns

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// keyReuse is how long KMS's word on a publisher counts (SNS Developer Guide, "Data
// key reuse": five minutes).
const keyReuse = 5 * time.Minute

// allowances are who may publish under which key, and until when KMS's word counts.
type allowances struct {
	mu sync.Mutex
	// until is guarded by mu, by topic, key and principal.
	until map[string]time.Time
}

// maxAllowances bounds what is remembered.
const maxAllowances = 4096

func (a *allowances) holds(name string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return now.Before(a.until[name])
}

func (a *allowances) note(name string, until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.until) >= maxAllowances {
		clear(a.until)
	}
	a.until[name] = until
}

// mayUseKey asks KMS for what a publisher to an encrypted topic needs: a data key, and
// to open it (SNS Developer Guide, "Managing encryption keys and costs"). The message
// itself waits for its delivery sealed by the store.
func (s *Service) mayUseKey(ctx context.Context, t *topic) error {
	if t.KMSKey == "" {
		return nil
	}
	name, now := t.keyName(s.Region), s.Clock.Now()
	place := strings.Join([]string{t.arn(s.Region), name, wire.CallFrom(ctx).Principal.ARN}, "\x00")
	if s.allows.holds(place, now) {
		return nil
	}
	bound := map[string]string{"aws:sns:topicArn": t.arn(s.Region)}
	key, err := s.KMS.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &name, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: bound})
	if err != nil {
		return ofKMS(err)
	}
	clear(key.Plaintext)
	opened, err := s.KMS.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: key.CiphertextBlob, EncryptionContext: bound})
	if err != nil {
		return ofKMS(err)
	}
	clear(opened.Plaintext)
	s.allows.note(place, now.Add(keyReuse))
	return nil
}

// keyName is the topic's KMS key as any caller has to name it.
func (t *topic) keyName(region string) string {
	switch {
	case strings.HasPrefix(t.KMSKey, "arn:"):
		return t.KMSKey
	case strings.HasPrefix(t.KMSKey, "alias/"):
		return arn.New("kms", region, t.Account, t.KMSKey)
	default:
		return arn.New("kms", region, t.Account, "key/"+t.KMSKey)
	}
}
