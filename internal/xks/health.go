package xks

import (
	"context"
	"fmt"
)

// What a key manager says of itself in FleetMember.Status.
const (
	Active      = "ACTIVE"
	Degraded    = "DEGRADED" // unhealthy, but serves
	Unavailable = "UNAVAILABLE"
)

// maxFleet bounds ekmFleetDetails.
const maxFleet = 10

// Health is the answer to GetHealthStatus: who serves the keys, and how well.
type Health struct {
	// FleetSize is the number of proxies, at least 1.
	FleetSize int
	// ProxyVendor, ProxyModel and ManagerVendor say what is running.
	ProxyVendor, ProxyModel, ManagerVendor string
	// Fleet has the 1 to 10 key managers behind the proxies.
	Fleet []FleetMember
}

// A FleetMember is one external key manager.
type FleetMember struct {
	ID     string `json:"id"`
	Model  string `json:"model"`
	Status string `json:"healthStatus"` // Active, Degraded or Unavailable
}

// Available reports whether any key manager serves. KMS takes a store whose key
// managers are all unavailable for one that it can't reach (KMS API Reference,
// XksProxyUriUnreachableException).
func (h *Health) Available() bool {
	for _, m := range h.Fleet {
		if m.Status != Unavailable {
			return true
		}
	}
	return false
}

// Health asks for the proxy's health, which also proves the endpoint, the path
// and the credential. Errors: *Error, ErrUnreachable, ErrInvalidTLS, ErrTimeout,
// ErrInvalidResponse, ErrInvalidRequest.
func (c *Client) Health(ctx context.Context, by Caller) (*Health, error) {
	metadata, err := by.forHealth()
	if err != nil {
		return nil, fmt.Errorf("xks health: %w", err)
	}
	var out healthAnswer
	if err := c.call(ctx, "/health", healthRequest{metadata}, &out); err != nil {
		return nil, fmt.Errorf("xks health: %w", err)
	}
	if !out.valid() {
		return nil, fmt.Errorf("xks health: %w: a field is missing or out of bounds", ErrInvalidResponse)
	}
	return &Health{
		FleetSize: out.FleetSize, ProxyVendor: out.ProxyVendor, ProxyModel: out.ProxyModel,
		ManagerVendor: out.ManagerVendor, Fleet: out.Fleet,
	}, nil
}

type healthRequest struct {
	Metadata requestMetadata `json:"requestMetadata"`
}

type healthAnswer struct {
	FleetSize     int           `json:"xksProxyFleetSize"`
	ProxyVendor   string        `json:"xksProxyVendor"`
	ProxyModel    string        `json:"xksProxyModel"`
	ManagerVendor string        `json:"ekmVendor"`
	Fleet         []FleetMember `json:"ekmFleetDetails"`
}

func (h *healthAnswer) valid() bool {
	for _, m := range h.Fleet {
		if m.ID == "" || m.Model == "" || m.Status != Active && m.Status != Degraded && m.Status != Unavailable {
			return false
		}
	}
	return h.FleetSize > 0 && h.ProxyVendor != "" && h.ProxyModel != "" && h.ManagerVendor != "" &&
		len(h.Fleet) > 0 && len(h.Fleet) <= maxFleet
}
