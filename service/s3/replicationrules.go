package s3

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/uuid"

	"github.com/garrison-cloud/garrison/internal/arn"
)

// Limits of a replication configuration (S3 API Reference, "ReplicationRule").
const (
	maxReplicationRules = 1000
	maxRuleID           = 255
)

const bucketPrefix = "arn:aws:s3:::"

func destinationName(d *types.Destination) string {
	return strings.TrimPrefix(aws.ToString(d.Bucket), bucketPrefix)
}

// checkReplication holds a configuration to AWS's rules, and gives ids to rules
// without one.
func checkReplication(c *types.ReplicationConfiguration, account string) error {
	if len(c.Rules) == 0 || len(c.Rules) > maxReplicationRules {
		return malformedXML()
	}
	role, err := arn.Parse(aws.ToString(c.Role))
	if err != nil || role.Service != "iam" || !strings.HasPrefix(role.Resource, "role/") || role.AccountID != account {
		return argument("Role", aws.ToString(c.Role), "Invalid Role specified in replication configuration")
	}
	ids, priorities := map[string]bool{}, map[int32]bool{}
	for i := range c.Rules {
		r := &c.Rules[i]
		if aws.ToString(r.ID) == "" {
			r.ID = aws.String(uuid.NewString())
		}
		if len(*r.ID) > maxRuleID {
			return argument("ID", *r.ID, "ID length should not exceed allowed limit of 255")
		}
		if ids[*r.ID] {
			return argument("ID", *r.ID, "Rule Id must be unique")
		}
		ids[*r.ID] = true
		if err := checkRule(r); err != nil {
			return err
		}
		if (r.Filter == nil) != (c.Rules[0].Filter == nil) {
			return fail("InvalidRequest", "All rules of a replication configuration must be of the same version of its schema.")
		}
		if r.Filter == nil {
			continue
		}
		if p := *r.Priority; priorities[p] {
			return fail("InvalidRequest", fmt.Sprintf("Found duplicate priorities %d. Priority must be unique.", p))
		}
		priorities[*r.Priority] = true
	}
	return checkFirstSchema(c.Rules)
}

// checkFirstSchema holds rules without filters to what the first version of the schema
// allows: one destination, and no two rules for one key.
func checkFirstSchema(rules []types.ReplicationRule) error {
	if rules[0].Filter != nil {
		return nil
	}
	for i := range rules {
		if destinationName(rules[i].Destination) != destinationName(rules[0].Destination) {
			return fail("InvalidRequest", "The destination bucket must be same for all rules")
		}
		for j := range i {
			a, b := aws.ToString(rules[i].Prefix), aws.ToString(rules[j].Prefix) //nolint:staticcheck // the first schema's
			if strings.HasPrefix(a, b) || strings.HasPrefix(b, a) {
				return fail("InvalidRequest", fmt.Sprintf("Found overlapping prefixes '%s' and '%s' for same destination", b, a))
			}
		}
	}
	return nil
}

// checkRule checks what a rule says by itself.
func checkRule(r *types.ReplicationRule) error {
	d := r.Destination
	if d == nil || r.Status != types.ReplicationRuleStatusEnabled && r.Status != types.ReplicationRuleStatusDisabled {
		return malformedXML()
	}
	if !strings.HasPrefix(aws.ToString(d.Bucket), bucketPrefix) || !validName(destinationName(d)) {
		return argument("Bucket", aws.ToString(d.Bucket), "Invalid bucket ARN")
	}
	if _, err := storageClass(d.StorageClass); err != nil {
		return err
	}
	if err := checkServed(r); err != nil {
		return err
	}
	if t := d.AccessControlTranslation; t != nil {
		if t.Owner != types.OwnerOverrideDestination {
			return malformedXML()
		}
		if aws.ToString(d.Account) == "" {
			return fail("InvalidRequest", "Account must be specified when AccessControlTranslation is specified")
		}
	}
	hasKey := d.EncryptionConfiguration != nil && aws.ToString(d.EncryptionConfiguration.ReplicaKmsKeyID) != ""
	if hasKey != takesKMS(r) {
		return fail("InvalidRequest", "SseKmsEncryptedObjects and EncryptionConfiguration must be specified together.")
	}
	return checkSelection(r)
}

// checkSelection checks which objects a rule speaks to.
func checkSelection(r *types.ReplicationRule) error {
	if r.Filter == nil {
		if r.Prefix == nil { //nolint:staticcheck // the first schema's
			return malformedXML()
		}
		if r.DeleteMarkerReplication != nil || r.Priority != nil {
			return fail("InvalidRequest", "Filter must be specified for this version of replication configuration schema.")
		}
		return nil
	}
	f := r.Filter
	if r.Prefix != nil || count(f.Prefix != nil, f.Tag != nil, f.And != nil) > 1 { //nolint:staticcheck // it must not be there
		return malformedXML()
	}
	if r.Priority == nil || *r.Priority < 0 {
		return fail("InvalidRequest", "Priority must be specified for this version of Cross Region Replication configuration schema.")
	}
	if r.DeleteMarkerReplication == nil || r.DeleteMarkerReplication.Status == "" {
		return fail("InvalidRequest", "DeleteMarkerReplication must be specified for this version of Cross Region Replication configuration schema.")
	}
	tags := filterTags(f)
	if len(tags) > 0 && r.DeleteMarkerReplication.Status == types.DeleteMarkerReplicationStatusEnabled {
		return fail("InvalidRequest", "Delete marker replication is not supported if any Tag filter is specified.")
	}
	own := make([]tag, len(tags))
	for i, t := range tags {
		own[i] = tag{Key: aws.ToString(t.Key), Value: aws.ToString(t.Value)}
	}
	return checkObjectTags(own)
}

func count(facts ...bool) (n int) {
	for _, f := range facts {
		if f {
			n++
		}
	}
	return n
}

// checkServed refuses what a rule may ask for and isn't done here.
func checkServed(r *types.ReplicationRule) error {
	d, c := r.Destination, r.SourceSelectionCriteria
	switch {
	case d.ReplicationTime != nil && d.ReplicationTime.Status == types.ReplicationTimeStatusEnabled:
		return unserved("ReplicationTime")
	case d.Metrics != nil && d.Metrics.Status == types.MetricsStatusEnabled:
		return unserved("Metrics")
	case c != nil && c.ReplicaModifications != nil && c.ReplicaModifications.Status == types.ReplicaModificationsStatusEnabled:
		return unserved("ReplicaModifications")
	case r.ExistingObjectReplication != nil && r.ExistingObjectReplication.Status == types.ExistingObjectReplicationStatusEnabled:
		return fail("InvalidRequest", "ExistingObjectReplication is no longer supported. Use S3 Batch Replication.")
	}
	return nil
}

// takesKMS tells that a rule speaks to objects whose secret KMS keeps.
func takesKMS(r *types.ReplicationRule) bool {
	c := r.SourceSelectionCriteria
	return c != nil && c.SseKmsEncryptedObjects != nil && c.SseKmsEncryptedObjects.Status == types.SseKmsEncryptedObjectsStatusEnabled
}

func filterTags(f *types.ReplicationRuleFilter) []types.Tag {
	switch {
	case f.Tag != nil:
		return []types.Tag{*f.Tag}
	case f.And != nil:
		return f.And.Tags
	}
	return nil
}

// speaksTo tells whether a rule has this version replicated.
func speaksTo(r *types.ReplicationRule, v *version) bool {
	if r.Status != types.ReplicationRuleStatusEnabled || !strings.HasPrefix(v.Key, rulePrefix(r)) {
		return false
	}
	if v.Marker {
		return r.Filter == nil || r.DeleteMarkerReplication.Status == types.DeleteMarkerReplicationStatusEnabled
	}
	if v.Sealing.byKMS() && !takesKMS(r) {
		return false
	}
	if r.Filter == nil {
		return true
	}
	for _, t := range filterTags(r.Filter) {
		if !v.carries(aws.ToString(t.Key), aws.ToString(t.Value)) {
			return false
		}
	}
	return true
}

func rulePrefix(r *types.ReplicationRule) string {
	switch f := r.Filter; {
	case f == nil:
		return aws.ToString(r.Prefix) //nolint:staticcheck // the first schema's
	case f.And != nil:
		return aws.ToString(f.And.Prefix)
	default:
		return aws.ToString(f.Prefix)
	}
}

func (v *version) carries(key, value string) bool {
	for _, t := range v.Tags {
		if t.Key == key && t.Value == value {
			return true
		}
	}
	return false
}

// rulesFor are the rules that have a version replicated: of those with the same
// destination, the one of the highest priority.
func rulesFor(c *types.ReplicationConfiguration, v *version) (out []*types.ReplicationRule) {
next:
	for i := range c.Rules {
		r := &c.Rules[i]
		if !speaksTo(r, v) {
			continue
		}
		for j, other := range out {
			if destinationName(other.Destination) == destinationName(r.Destination) {
				if aws.ToInt32(r.Priority) > aws.ToInt32(other.Priority) {
					out[j] = r
				}
				continue next
			}
		}
		out = append(out, r)
	}
	return out
}

// ruleNamed is the rule of that id, nil if it is gone or no longer enabled.
func ruleNamed(c *types.ReplicationConfiguration, id string) *types.ReplicationRule {
	if c == nil {
		return nil
	}
	for i := range c.Rules {
		if r := &c.Rules[i]; *r.ID == id && r.Status == types.ReplicationRuleStatusEnabled {
			return r
		}
	}
	return nil
}
