package s3

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// checkTransitions holds each class to its least age, and all of a rule's to the order
// in which classes follow each other.
func checkTransitions(r *types.LifecycleRule) error {
	seen := map[types.TransitionStorageClass]bool{}
	for i := range r.Transitions {
		t := &r.Transitions[i]
		if (t.Days == nil) == (t.Date == nil) {
			return malformedXML()
		}
		if seen[t.StorageClass] {
			return sameClass("Transition")
		}
		seen[t.StorageClass] = true
		if t.Date != nil {
			if err := checkMidnight(*t.Date); err != nil {
				return err
			}
		} else if err := checkAge("Days", "Transition", *t.Days, t.StorageClass); err != nil {
			return err
		}
		if err := checkBeforeExpiry(r, t); err != nil {
			return err
		}
		for j := range i {
			if err := checkOrder(t, &r.Transitions[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

func sameClass(element string) error {
	return argument("StorageClass", "", fmt.Sprintf("'StorageClass' must be different for '%s' actions in same 'Rule'", element))
}

func checkAge(name, element string, days int32, class types.TransitionStorageClass) error {
	if days < 0 {
		return argument(name, fmt.Sprint(days), fmt.Sprintf("'%s' in %s action must be nonnegative", name, element))
	}
	infrequent := class == types.TransitionStorageClassStandardIa || class == types.TransitionStorageClassOnezoneIa
	if infrequent && days < infrequentDays {
		return argument(name, fmt.Sprint(days), fmt.Sprintf("'%s' in %s action must be greater than or equal to 30 for storageClass '%s'", name, element, class))
	}
	return nil
}

func checkBeforeExpiry(r *types.LifecycleRule, t *types.Transition) error {
	e := r.Expiration
	if e == nil || e.ExpiredObjectDeleteMarker != nil {
		return nil
	}
	if (e.Date != nil) != (t.Date != nil) {
		return fail("InvalidRequest", "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule")
	}
	if t.Date != nil && !e.Date.After(*t.Date) {
		return argument("Date", e.Date.UTC().Format(time.RFC3339), "'Date' in the Expiration action must be later than 'Date' in the Transition action")
	}
	if t.Days != nil && *e.Days <= *t.Days {
		return argument("Days", fmt.Sprint(*e.Days), "'Days' in the Expiration action must be greater than 'Days' in the Transition action")
	}
	return nil
}

// checkOrder refuses two transitions of which the later leads back up.
func checkOrder(a, b *types.Transition) error {
	if (a.Date != nil) != (b.Date != nil) {
		return fail("InvalidRequest", "Found mixed 'Date' and 'Days' based Transition actions in lifecycle rule")
	}
	if rank(types.StorageClass(a.StorageClass)) < rank(types.StorageClass(b.StorageClass)) {
		a, b = b, a
	}
	late := a.Date != nil && !a.Date.After(*b.Date) || a.Days != nil && aws.ToInt32(a.Days) <= aws.ToInt32(b.Days)
	if late {
		return argument("Days", "", fmt.Sprintf("'Days' or 'Date' in the Transition action for StorageClass '%s' must be greater than in that for StorageClass '%s'", a.StorageClass, b.StorageClass))
	}
	return nil
}

func checkNoncurrentTransitions(r *types.LifecycleRule) error {
	seen := map[types.TransitionStorageClass]bool{}
	for i := range r.NoncurrentVersionTransitions {
		t := &r.NoncurrentVersionTransitions[i]
		if t.NoncurrentDays == nil {
			return malformedXML()
		}
		if seen[t.StorageClass] {
			return sameClass("NoncurrentVersionTransition")
		}
		seen[t.StorageClass] = true
		if err := checkAge("NoncurrentDays", "NoncurrentVersionTransition", *t.NoncurrentDays, t.StorageClass); err != nil {
			return err
		}
		if err := checkNewer(r, t.NewerNoncurrentVersions); err != nil {
			return err
		}
		if e := r.NoncurrentVersionExpiration; e != nil && *e.NoncurrentDays <= *t.NoncurrentDays {
			return argument("NoncurrentDays", fmt.Sprint(*e.NoncurrentDays), "'NoncurrentDays' in the NoncurrentVersionExpiration action must be greater than 'NoncurrentDays' in the NoncurrentVersionTransition action")
		}
	}
	return nil
}
