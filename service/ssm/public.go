package ssm

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/arn"
)

// A publicParameter is one that every account may read and nobody may change
// (Systems Manager User Guide, "Working with public parameters").
type publicParameter struct {
	path, value string // the path is without a leading slash
	made        time.Time
}

const (
	publicPrefix  = "aws/service/"
	regionsPrefix = publicPrefix + "global-infrastructure/regions/"
)

// publicParameters tell what Regions there are, in the order of their paths.
func publicParameters(regions []string, now time.Time) []publicParameter {
	var out []publicParameter
	add := func(path, value string) { out = append(out, publicParameter{path, value, now}) }
	for _, r := range regions {
		add(regionsPrefix+r, r)
		partition := arn.Partition(r)
		domain := "amazonaws.com"
		if partition == "aws-cn" {
			domain += ".cn"
		}
		add(regionsPrefix+r+"/domain", domain)
		add(regionsPrefix+r+"/partition", partition)
	}
	slices.SortFunc(out, func(a, b publicParameter) int { return cmp.Compare(a.path, b.path) })
	return out
}

// publicOf is the public parameter that r names; is tells that the name can be of
// no other, whether there is one or not.
func (s *Service) publicOf(r *reference) (p *publicParameter, is bool) {
	path := r.path()
	if !strings.HasPrefix(path, publicPrefix) || r.byARN && r.account != "" || !r.byARN && r.name == path {
		return nil, false
	}
	i, found := slices.BinarySearchFunc(s.public, path, func(p publicParameter, path string) int { return cmp.Compare(p.path, path) })
	if !found {
		return nil, true
	}
	return &s.public[i], true
}

// answer is the parameter as reads give it. It has one version and no labels.
func (p *publicParameter) answer(r *reference, region string) (*types.Parameter, error) {
	if p == nil {
		return nil, missing()
	}
	if r.selector != "" && r.selector != ":1" {
		return nil, noVersion(r.selector[1:], "/"+p.path)
	}
	return &types.Parameter{
		Name: aws.String("/" + p.path), ARN: aws.String(arnOf(region, "", p.path)), Type: types.ParameterTypeString, Value: &p.value,
		Version: 1, Selector: text(r.selector), DataType: aws.String(textType), LastModifiedDate: &p.made,
	}, nil
}

// publicPath tells that a path is one of public parameters.
func publicPath(path string) bool {
	return strings.HasPrefix(path+"/", "/"+publicPrefix)
}

// publicPage lists what is public under a path, from the position after on.
func (s *Service) publicPage(q *query) (page []types.Parameter, next string, err error) {
	prefix := strings.TrimPrefix(q.path, "/") + "/"
	for i := range s.public {
		p := &s.public[i]
		rest, in := strings.CutPrefix(p.path, prefix)
		if !in || !q.recursive && strings.Contains(rest, "/") || p.path <= string(q.after) || !q.filters.passesPublic() {
			continue
		}
		if len(page) == q.limit {
			return page, strings.TrimPrefix(*page[len(page)-1].Name, "/"), nil
		}
		out, err := p.answer(&reference{}, s.region)
		if err != nil {
			return nil, "", err
		}
		page = append(page, *out)
	}
	return page, "", nil
}
