package server

import "github.com/garrison-cloud/garrison/internal/wire/model"

// permissionOnly are, for the services whose IAM actions are their operations,
// the actions beside (Service Authorization Reference, "permission only").
var permissionOnly = map[string][]string{
	"iam": {
		"PassRole", "DeleteCloudFrontPublicKey", "GetCloudFrontPublicKey", "ListCloudFrontPublicKeys", "UpdateCloudFrontPublicKey",
		"UploadCloudFrontPublicKey", "ListSTSRegionalEndpointsStatus", "SetSTSRegionalEndpointStatus",
	},
	"kms":            {"ReEncryptFrom", "ReEncryptTo", "SynchronizeMultiRegionKey"},
	"secretsmanager": {},
	"sts":            {"GetServiceBearerToken", "SetContext", "SetSourceIdentity", "TagSession"},
}

// knownActions are all actions of those services, by their IAM prefix. Of other
// services, whose actions have other names than their operations, none is known.
func knownActions() map[string][]string {
	out := map[string][]string{}
	for service, more := range permissionOnly {
		table, ok := model.Lookup(service)
		if !ok {
			continue
		}
		names := append([]string{}, more...)
		for op := range table.Operations() {
			names = append(names, op.Name)
		}
		out[service] = names
	}
	return out
}
