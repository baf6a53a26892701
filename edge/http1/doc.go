// Package http1 reads and writes HTTP/1.1 as a proxy must: over raw bytes, with
// the order and case of header fields kept, each request judged for what two
// parsers could read differently (RFC 9112 §11, request smuggling). It refuses
// what has no single meaning and never guesses a message's end.
//
// Flow: Reader.Head → Request.Parse → Body.Next … → Reader.Release.
package http1
