package kms

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/hsm"
	"github.com/garrison-cloud/garrison/internal/xks"
)

func storeInvalidState(format string, args ...any) error {
	return &types.CustomKeyStoreInvalidStateException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func storeNotFound(what string) error {
	return &types.CustomKeyStoreNotFoundException{Message: aws.String("Custom key store " + what + " does not exist.")}
}

// A storeFault is how one failure of a key store is told: the words, the code of
// a connection that failed, and the exception of the operations that check a
// proxy's settings and of CreateKey, which is CustomKeyStoreInvalidStateException
// where key is nil. Words and exceptions are those of the KMS Developer Guide,
// "Troubleshooting external key stores" and "Troubleshooting a custom key store".
type storeFault struct {
	words string
	code  types.ConnectionErrorCodeType
	proxy func(*string) error
	key   func(*string) error
}

// refusesUser tells that trying again would only do harm.
func (f *storeFault) refusesUser() bool {
	return f.code == types.ConnectionErrorCodeTypeInvalidCredentials || f.code == types.ConnectionErrorCodeTypeUserLockedOut
}

// cryptographic is the failure as cryptographic operations tell it: all by the
// one exception.
func (f *storeFault) cryptographic() error { return invalidState("%s", f.words) }

// creating is the failure as CreateKey tells it.
func (f *storeFault) creating() error {
	if f.key == nil {
		return storeInvalidState("%s", f.words)
	}
	return f.key(&f.words)
}

// checking is the failure as CreateCustomKeyStore and UpdateCustomKeyStore tell it.
func (f *storeFault) checking() error { return f.proxy(&f.words) }

func unreachable(m *string) error { return &types.XksProxyUriUnreachableException{Message: m} }
func unreadable(m *string) error  { return &types.XksProxyInvalidResponseException{Message: m} }
func misconfigured(m *string) error {
	return &types.XksProxyInvalidConfigurationException{Message: m}
}

func unauthenticated(m *string) error {
	return &types.XksProxyIncorrectAuthenticationCredentialException{Message: m}
}

func keyMissing(m *string) error { return &types.XksKeyNotFoundException{Message: m} }
func keyUnfit(m *string) error   { return &types.XksKeyInvalidConfigurationException{Message: m} }

const (
	wordsOfResponse    = "AWS KMS cannot interpret the response from the external key store proxy. If you see this error repeatedly, consult your external key store proxy administrator."
	wordsOfUnreachable = "AWS KMS cannot communicate with the external key store proxy. Verify that your external key store proxy is active and is connected to the network, and that its URI path and endpoint URI or VPC service name are correct in your external key store."
	wordsOfTimeout     = "The external key store proxy did not respond to the request in the time allotted. Retry the request. If you see this error repeatedly, report it to your external key store proxy administrator."
	wordsOfHealth      = "The external key store proxy is in an unhealthy state. If you see this message repeatedly, notify your external key store proxy administrator."
	rejected           = "The external key store proxy rejected the request because "
)

func unhealthy() *storeFault {
	return &storeFault{wordsOfHealth, types.ConnectionErrorCodeTypeXksProxyNotReachable, unreachable, nil}
}

// proxyFault tells what a proxy's client reports.
func proxyFault(err error) *storeFault {
	if e, ok := errors.AsType[*xks.Error](err); ok {
		return refusalFault(e.Name)
	}
	switch {
	case errors.Is(err, xks.ErrTimeout):
		return &storeFault{wordsOfTimeout, types.ConnectionErrorCodeTypeXksProxyTimedOut, unreachable, nil}
	case errors.Is(err, xks.ErrUnreachable):
		return &storeFault{wordsOfUnreachable, types.ConnectionErrorCodeTypeXksProxyNotReachable, unreachable, nil}
	case errors.Is(err, xks.ErrInvalidTLS):
		return &storeFault{
			"AWS KMS cannot connect to the external key store proxy because the TLS configuration is invalid. Verify that the external key store proxy supports TLS 1.2 or 1.3, and that its TLS certificate is not expired, matches the host name of the endpoint and is signed by a trusted certificate authority.",
			types.ConnectionErrorCodeTypeXksProxyInvalidTlsConfiguration, unreachable, nil,
		}
	case errors.Is(err, xks.ErrInvalidConfig), errors.Is(err, xks.ErrInvalidRequest):
		return &storeFault{
			"The URI path of the external key store proxy is not one that AWS KMS can send requests to.",
			types.ConnectionErrorCodeTypeXksProxyInvalidConfiguration, misconfigured, keyMissing,
		}
	default:
		return &storeFault{wordsOfResponse, types.ConnectionErrorCodeTypeXksProxyInvalidResponse, unreadable, nil}
	}
}

// refusalFault tells a proxy's own refusal, never in the proxy's own words.
func refusalFault(name string) *storeFault {
	strange := types.ConnectionErrorCodeTypeXksProxyInvalidResponse
	switch name {
	case xks.NameAuthenticationFailed:
		return &storeFault{rejected + "it could not authenticate AWS KMS. Verify the credentials for your external key store and update if necessary.", types.ConnectionErrorCodeTypeInvalidCredentials, unauthenticated, nil}
	case xks.NameAccessDenied:
		return &storeFault{"The external key store proxy denied access to the operation. Verify that the user and the external key are both authorized for this operation, and try the request again.", types.ConnectionErrorCodeTypeXksProxyAccessDenied, misconfigured, nil}
	case xks.NameInvalidURIPath:
		return &storeFault{rejected + "its URI path is not valid. Verify the URI path of your external key store and update if necessary.", types.ConnectionErrorCodeTypeXksProxyInvalidConfiguration, misconfigured, nil}
	case xks.NameKeyNotFound:
		return &storeFault{rejected + "it could not find the external key.", strange, unreadable, keyMissing}
	case xks.NameInvalidState:
		return &storeFault{rejected + "the external key is not enabled in the external key manager.", strange, unreadable, keyUnfit}
	case xks.NameInvalidKeyUsage:
		return &storeFault{rejected + "the external key does not support the requested operation.", strange, unreadable, keyUnfit}
	case xks.NameInvalidCiphertext:
		return &storeFault{rejected + "the specified ciphertext or additional authenticated data is corrupted, missing, or otherwise invalid.", strange, unreadable, nil}
	case xks.NameUnsupportedOperation:
		return &storeFault{rejected + "it does not support the requested cryptographic operation.", strange, unreadable, nil}
	case xks.NameThrottling:
		return &storeFault{rejected[:len(rejected)-len("because ")] + "due to a very high request rate.", types.ConnectionErrorCodeTypeXksProxyNotReachable, unreachable, nil}
	case xks.NameDependencyTimeout:
		return &storeFault{"AWS KMS rejected the request because the external key store proxy did not respond in time. Retry the request. If you see this error repeatedly, report it to your external key store proxy administrator.", types.ConnectionErrorCodeTypeXksProxyTimedOut, unreachable, nil}
	case xks.NameInternal:
		return &storeFault{wordsOfHealth, strange, unreadable, nil}
	default:
		return &storeFault{wordsOfResponse, strange, unreadable, nil}
	}
}

// tokenFault tells what a token reports.
func tokenFault(err error) *storeFault {
	switch {
	case errors.Is(err, errNoCluster), errors.Is(err, hsm.ErrNoToken):
		return &storeFault{words: "KMS cannot find the CloudHSM cluster of the custom key store.", code: types.ConnectionErrorCodeTypeClusterNotFound}
	case errors.Is(err, hsm.ErrPIN):
		return &storeFault{words: "The CloudHSM cluster refused the key store password.", code: types.ConnectionErrorCodeTypeInvalidCredentials}
	case errors.Is(err, hsm.ErrPINLocked):
		return &storeFault{words: "The user of KMS is locked out of the CloudHSM cluster.", code: types.ConnectionErrorCodeTypeUserLockedOut}
	case errors.Is(err, hsm.ErrNoKey), errors.Is(err, hsm.ErrUnfit):
		return &storeFault{words: "The key material of the KMS key was not found in the CloudHSM cluster, or is not fit for use.", code: types.ConnectionErrorCodeTypeInternalError}
	case errors.Is(err, hsm.ErrNoHelper), errors.Is(err, hsm.ErrNoModule):
		return &storeFault{words: "KMS cannot reach the CloudHSM cluster: its PKCS#11 module does not run on this server.", code: types.ConnectionErrorCodeTypeInsufficientCloudhsmHsms}
	default:
		return &storeFault{words: "KMS cannot communicate with your CloudHSM cluster", code: types.ConnectionErrorCodeTypeNetworkErrors}
	}
}
