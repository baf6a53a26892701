package s3

import (
	"net/netip"
	"regexp"
	"strings"
)

var bucketForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// reserved are beginnings and endings that AWS keeps for itself.
var (
	reservedPrefixes = []string{"xn--", "sthree-", "amzn-s3-demo-"}
	reservedSuffixes = []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"}
)

// validName applies S3's rules for the names of general purpose buckets (S3
// User Guide, "General purpose bucket naming rules").
func validName(name string) bool {
	if !bucketForm.MatchString(name) || strings.Contains(name, "..") {
		return false
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return false
	}
	for _, p := range reservedPrefixes {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	for _, p := range reservedSuffixes {
		if strings.HasSuffix(name, p) {
			return false
		}
	}
	return true
}
