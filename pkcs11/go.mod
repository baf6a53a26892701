module github.com/garrison-cloud/garrison/pkcs11

go 1.26.8

require (
	github.com/fxamacker/cbor/v2 v2.10.0 // indirect
	github.com/garrison-cloud/garrison v0.0.0
	github.com/miekg/pkcs11 v1.1.2
	github.com/x448/float16 v0.8.4 // indirect
)

replace github.com/garrison-cloud/garrison => ..
