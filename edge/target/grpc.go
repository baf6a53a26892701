package target

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
)

// emptyMessage is one uncompressed gRPC message without content.
func emptyMessage() io.ReadCloser { return io.NopCloser(bytes.NewReader(make([]byte, 5))) }

// grpcStatus reads a response to its trailers and returns its gRPC code, -1 without one.
func grpcStatus(resp *http.Response) int {
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	text := resp.Header.Get("Grpc-Status")
	if text == "" {
		text = resp.Trailer.Get("Grpc-Status")
	}
	code, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return code
}
