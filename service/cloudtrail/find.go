package cloudtrail

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const trailType = "AWS::CloudTrail::Trail"

// A name is what a caller calls a trail by. Home is empty for a bare name.
type name struct{ account, home, text string }

// parse reads a trail's name or ARN.
func (s *Service) parse(ctx context.Context, text string) (name, error) {
	n := name{account: wire.CallFrom(ctx).Account(), text: text}
	if strings.HasPrefix(text, "arn:") {
		a, err := arn.Parse(text)
		rest, ok := strings.CutPrefix(a.Resource, "trail/")
		if err != nil || !ok || a.Service != "cloudtrail" || a.Region == "" || !arn.IsAccount(a.AccountID) {
			return n, &types.CloudTrailARNInvalidException{Message: aws.String("The ARN is not valid: " + text)}
		}
		n = name{a.AccountID, a.Region, rest}
	}
	return n, checkName(n.text)
}

// checkName holds a trail's name to AWS's rules (CloudTrail API Reference, CreateTrail).
func checkName(text string) error {
	refuse := func(why string) error { return &types.InvalidTrailNameException{Message: &why} }
	if len(text) < 3 || len(text) > 128 {
		return refuse(fmt.Sprintf("Trail name must be between 3 and 128 characters: %q.", text))
	}
	if !alphanumeric(text[0]) || !alphanumeric(text[len(text)-1]) {
		return refuse("Trail name must start and end with a letter or number.")
	}
	for i := range len(text) {
		if alphanumeric(text[i]) {
			continue
		}
		if !strings.ContainsRune("._-", rune(text[i])) {
			return refuse("Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and underscores (_).")
		}
		if !alphanumeric(text[i-1]) {
			return refuse("Trail name cannot have adjacent periods, underscores or dashes.")
		}
	}
	if _, err := netip.ParseAddr(text); err == nil {
		return refuse("Trail name must not be in IP address format.")
	}
	return nil
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// find returns the trail that a name stands for in this Region: one that is at home
// here, or one of all Regions.
func (s *Service) find(ctx context.Context, text string) (*trail, error) {
	n, err := s.parse(ctx, text)
	if err != nil {
		return nil, err
	}
	var found *trail
	err = s.Shared.View(ctx, func(tx *store.Tx) (err error) {
		found, err = s.findIn(tx, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (s *Service) findIn(tx *store.Tx, n name) (*trail, error) {
	home := n.home
	if home == "" {
		home = s.Region
	}
	t, err := trails.Get(tx, n.account, home, n.text)
	if err == nil {
		return t, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if n.home == "" {
		for t, err := range trails.Scan(tx, store.Range{Prefix: store.K(n.account)}) {
			if err != nil {
				return nil, err
			}
			if t.Multi && t.Name == n.text {
				return t, nil
			}
		}
	}
	return nil, &types.TrailNotFoundException{
		Message: aws.String("Unknown trail: " + arn.New("cloudtrail", home, n.account, "trail/"+n.text) + " for the user: " + n.account),
	}
}

// edit changes a trail that is at home here, and has all Regions obey before it returns.
func (s *Service) edit(ctx context.Context, text string, change func(*trail) error) (*trail, error) {
	n, err := s.parse(ctx, text)
	if err != nil {
		return nil, err
	}
	var t *trail
	err = s.Shared.Update(ctx, func(tx *store.Tx) (err error) {
		if t, err = s.findIn(tx, n); err != nil {
			return err
		}
		if err := s.atHome(t); err != nil {
			return err
		}
		if err := change(t); err != nil {
			return err
		}
		t.settle(tx.Now())
		return trails.Put(tx, t)
	})
	if err != nil {
		return nil, err
	}
	return t, s.Trails.reload(ctx)
}

func (s *Service) atHome(t *trail) error {
	if t.Region == s.Region {
		return nil
	}
	return &types.InvalidHomeRegionException{
		Message: aws.String(fmt.Sprintf("Trail %s belongs to the Region %s. You can change it only in that Region.", t.arn(), t.Region)),
	}
}

// on asks for the operation on the trail that a name stands for.
func (s *Service) on(ctx context.Context, text *string) (authz.Target, error) {
	t, err := s.find(ctx, aws.ToString(text))
	if err == nil {
		return authz.Target{Resource: t.arn(), Type: trailType, Account: t.Account, Tags: t.Tags}, nil
	}
	missing := (*types.TrailNotFoundException)(nil)
	if !errors.As(err, &missing) {
		return authz.Target{Resource: "*", Missing: err}, nil
	}
	n, err := s.parse(ctx, *text)
	if n.home == "" {
		n.home = s.Region
	}
	if err != nil {
		return authz.Target{}, err
	}
	return authz.Target{Resource: arn.New("cloudtrail", n.home, n.account, "trail/"+n.text), Missing: missing}, nil
}
