package s3

import (
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

// A replication is a version's part in replication.
type replication struct {
	// Status is PENDING, COMPLETED or FAILED of a version that is replicated, REPLICA of
	// one that came by it, and empty where no rule speaks to it.
	Status types.ReplicationStatus `cbor:"1,keyasint,omitempty"`
}

// enroll plans the replication of what arrives, by the bucket's rules.
func (s *Service) enroll(*store.Tx, *arrival) error { return nil }
