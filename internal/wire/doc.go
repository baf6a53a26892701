// Package wire speaks AWS's protocols: it turns an HTTP request into the SDK's
// input struct and the SDK's output struct or error into an HTTP response, for
// awsJson 1.0 and 1.1, restJson1, restXml, awsQuery, ec2Query and rpcv2Cbor.
//
// No shape is written by hand. What AWS's model says of a service (package
// model) is bound to the SDK's types once, by reflection, into a plan that later
// calls only follow. A service whose operations do not fit the model does not
// start.
//
// It refuses a body that is malformed, too deep or that would grow beyond its
// size, and an input that breaks the model's constraints, in AWS's words and
// before any handler runs. It neither authenticates nor authorizes, and never
// repeats a sensitive value. Of members that are given twice the last counts,
// and members that the model lacks are passed over, both as AWS has it.
//
//	Request → Decode (plan of the input → constraints) → handler → Encode (plan of the output) → Response
package wire
