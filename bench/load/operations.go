package main

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
)

// An operation is one API call as the load generator sends it. Requests are
// made once; only their signature is made anew each time.
type operation struct {
	name    string
	service string
	header  http.Header
	// body makes the request for a key; key is empty where none is needed.
	body func(key string) []byte
	// spec is the key that the operation works with: "" for none.
	spec, usage string
	// bare is the reference handler that it is compared with; rows are the sizes of
	// the store's own durable writes that are the reference instead.
	bare string
	rows []int
	// concurrent limits the measurement to this concurrency; 0 is 1 and 16.
	concurrent int
}

func operations() []operation {
	four := base64.StdEncoding.EncodeToString(make([]byte, 4096))
	digest := base64.StdEncoding.EncodeToString(make([]byte, 32))
	return []operation{
		kms("encrypt", "Encrypt", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "answer", func(key string) any {
			return map[string]string{"KeyId": key, "Plaintext": four}
		}),
		kms("generate-data-key", "GenerateDataKey", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "answer", func(key string) any {
			return map[string]string{"KeyId": key, "KeySpec": "AES_256"}
		}),
		{
			name: "get-caller-identity", service: "sts", bare: "answer",
			header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}},
			body:   func(string) []byte { return []byte("Action=GetCallerIdentity&Version=2011-06-15") },
		},
		kms("sign", "Sign", "ECC_NIST_P256", "SIGN_VERIFY", "ecdsa", func(key string) any {
			return map[string]string{"KeyId": key, "Message": digest, "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"}
		}),
		kms("describe-key", "DescribeKey", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "answer", func(key string) any {
			return map[string]string{"KeyId": key}
		}),
		createKey("create-key", oneRow),
		createKey("create-key-rows", keyRows),
	}
}

func createKey(name string, rows []int) operation {
	op := kms(name, "CreateKey", "", "", "answer", func(string) any { return struct{}{} })
	op.concurrent, op.rows = 16, rows
	return op
}

func kms(name, action, spec, usage, bare string, body func(key string) any) operation {
	return operation{
		name: name, service: "kms", spec: spec, usage: usage, bare: bare,
		header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"TrentService." + action}},
		body: func(key string) []byte {
			b, err := json.Marshal(body(key))
			if err != nil {
				panic(err) // maps of strings always encode
			}
			return b
		},
	}
}

// path is where the reference handler answers like the operation.
func (o operation) path() string { return "/" + o.bare }
