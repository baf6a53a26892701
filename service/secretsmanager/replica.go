package secretsmanager

import (
	"crypto/rand"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// A replica is what a primary knows of one of its replicas.
type replica struct {
	Region string `cbor:"1,keyasint"`
	// KMSKeyID is the key there as the caller named it; empty for aws/secretsmanager.
	KMSKeyID string `cbor:"2,keyasint,omitempty"`
	// Link is the bond between the two. A replica that was removed or overwritten,
	// and made again, has another.
	Link    string           `cbor:"3,keyasint"`
	Status  types.StatusType `cbor:"4,keyasint"`
	Message string           `cbor:"5,keyasint,omitempty"`
	// Sent is the Shared of the last letter that brought values: what the replica
	// must have followed to be in sync.
	Sent     uint64    `cbor:"6,keyasint,omitempty"`
	Accessed time.Time `cbor:"7,keyasint,omitempty"`
}

// A bond is what a replica knows of its primary; a secret of its own has none.
type bond struct {
	Primary string `cbor:"1,keyasint"` // the primary's Region
	Link    string `cbor:"2,keyasint"`
	// Shared is what the replica has followed.
	Shared uint64 `cbor:"3,keyasint,omitempty"`
}

func newLink() string { return rand.Text() }

// replicated tells that the secret follows another Region's.
func (s *secret) replicated() bool { return s.Bond != nil }

// linked tells that the secret is the replica of that bond.
func (s *secret) linked(link string) bool { return s.Bond != nil && s.Bond.Link == link }

// primary is the Region whose secret decides.
func (s *secret) primary() string {
	if s.Bond != nil {
		return s.Bond.Primary
	}
	return s.Region
}

// replica finds what the primary knows of a Region's replica, nil for none.
func (s *secret) replica(region string) *replica {
	i := slices.IndexFunc(s.Replicas, func(r replica) bool { return r.Region == region })
	if i < 0 {
		return nil
	}
	return &s.Replicas[i]
}

// forget takes a Region's replica from those that the primary knows.
func (s *secret) forget(region string) {
	s.Replicas = slices.DeleteFunc(s.Replicas, func(r replica) bool { return r.Region == region })
}

// primaryRegion is nil for a secret that has no relatives, as at AWS.
func (s *secret) primaryRegion() *string {
	if s.Bond == nil && len(s.Replicas) == 0 {
		return nil
	}
	return aws.String(s.primary())
}

// replication is how the primary's replicas are.
func (s *secret) replication() []types.ReplicationStatusType {
	var out []types.ReplicationStatusType
	for i := range s.Replicas {
		r := &s.Replicas[i]
		key := r.KMSKeyID
		if key == "" {
			key = defaultKey
		}
		out = append(out, types.ReplicationStatusType{
			Region: &r.Region, KmsKeyId: &key, Status: r.Status, StatusMessage: text(r.Message), LastAccessedDate: date(r.Accessed),
		})
	}
	return out
}

// onReplica is AWS's refusal of whatever only the primary may be asked for.
func onReplica() error {
	return invalidParameter("Operation not permitted on a replica secret. Call must be made in primary secret's region.")
}
