package wire

import (
	"strings"
	"sync"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// A directory finds services by what requests say of them, served or not.
type directory struct {
	byTarget  map[string]string
	bySigning map[string][]string
	byVersion map[string][]string
}

var directories = sync.OnceValue(func() *directory {
	d := &directory{byTarget: map[string]string{}, bySigning: map[string][]string{}, byVersion: map[string][]string{}}
	for name := range model.Names() {
		t, _ := model.Lookup(name)
		if t.TargetPrefix != "" {
			d.byTarget[lastName(t.TargetPrefix)] = name
		}
		d.bySigning[t.SigningName] = append(d.bySigning[t.SigningName], name)
		d.byVersion[t.APIVersion] = append(d.byVersion[t.APIVersion], name)
	}
	return d
})

// ByTarget splits an X-Amz-Target header, such as "TrentService.Encrypt", into
// the service's SDK package name and the operation.
func ByTarget(target string) (service, operation string, ok bool) {
	dot := strings.LastIndexByte(target, '.')
	if dot < 0 {
		return "", "", false
	}
	service, ok = directories().byTarget[lastName(target[:dot])]
	return service, target[dot+1:], ok
}

// lastName is a Smithy service's name without its namespace: older clients of
// CloudTrail send both.
func lastName(shape string) string { return shape[strings.LastIndexByte(shape, '.')+1:] }

// ByRPCPath splits the path of an rpcv2Cbor request:
// /service/GraniteServiceVersion20100801/operation/GetMetricData.
func ByRPCPath(path string) (service, operation string, ok bool) {
	at := strings.LastIndex(path, "/service/")
	if at < 0 {
		return "", "", false
	}
	name, operation, ok := strings.Cut(path[at+len("/service/"):], "/operation/")
	if !ok || strings.Contains(operation, "/") {
		return "", "", false
	}
	service, ok = directories().byTarget[lastName(name)]
	return service, operation, ok
}

// BySigningName returns the services whose requests are signed for name, such
// as "monitoring" for CloudWatch.
func BySigningName(name string) []string { return directories().bySigning[name] }

// ByVersion finds the service of a query request by its Version and Action.
func ByVersion(version, action string) (service string, ok bool) {
	for _, name := range directories().byVersion[version] {
		if t, _ := model.Lookup(name); t.HasOperation(action) {
			return name, true
		}
	}
	return "", false
}

// Form returns a query request's Action and Version, wherever they stand.
func Form(body, rawQuery string) (action, version string) {
	for _, text := range []string{body, rawQuery} {
		for part := range strings.SplitSeq(text, "&") {
			name, value, _ := strings.Cut(part, "=")
			switch name {
			case "Action":
				action = value
			case "Version":
				version = value
			}
		}
		if action != "" {
			break
		}
	}
	return action, version
}
