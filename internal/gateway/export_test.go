package gateway

// BucketOf is how the gateway reads a virtual-host name.
var BucketOf = bucketOf
