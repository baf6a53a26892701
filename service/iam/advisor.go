package iam

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/uuid"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// An accessJob is a report on what a user, group, role or managed policy may use,
// and has used, as it was when it was asked for.
type accessJob struct {
	Account, ID string
	// Subject is the ARN of what the report is about, Maker the unique id of the
	// user or role that asked for it, and alone may read it.
	Subject, Maker string
	Granularity    types.AccessAdvisorUsageGranularityType
	Created        time.Time
	Services       []accessedService
}

// An accessedService is a service that the subject may use. At is zero if nobody
// has tried.
type accessedService struct {
	accessed
	Namespace string
	Entities  int32
	Actions   []accessed
}

// An accessed is the last attempt to use a service, or an action of that name.
type accessed struct {
	Name         string
	At           time.Time
	By, InRegion string
}

// jobKept is how long a report can be read.
const jobKept = 7 * 24 * time.Hour

var accessJobs = store.NewTable("iam.accessjob", func(j *accessJob) store.Key { return store.K(j.Account, j.ID) },
	store.Expires(func(j *accessJob) time.Time { return j.Created.Add(jobKept) }))

func (s *Service) advisorOperations() []wire.Operation {
	return []wire.Operation{
		op(onSubject(s, func(in *iam.GenerateServiceLastAccessedDetailsInput) *string { return in.Arn }, true), s.GenerateServiceLastAccessedDetails),
		op(onAny[iam.GetServiceLastAccessedDetailsInput], s.GetServiceLastAccessedDetails),
		op(onAny[iam.GetServiceLastAccessedDetailsWithEntitiesInput], s.GetServiceLastAccessedDetailsWithEntities),
		op(onSubject(s, func(in *iam.ListPoliciesGrantingServiceAccessInput) *string { return in.Arn }, false), s.ListPoliciesGrantingServiceAccess),
	}
}

// onSubject asks for the action on the user, group, role or, where it may be one,
// managed policy that read finds in the input.
func onSubject[I any](s *Service, read func(*I) *string, policy bool) func(context.Context, *I) (authz.Target, error) {
	return func(ctx context.Context, in *I) (authz.Target, error) {
		if policy && isPolicy(*read(in)) {
			return onPolicy(s, read)(ctx, in)
		}
		return onSource(s, read)(ctx, in)
	}
}

// maker is the unique id of who calls: of the role, for its sessions.
func maker(ctx context.Context) string {
	p := wire.CallFrom(ctx).Principal
	if p.Session != nil && p.Session.IssuerID != "" {
		return p.Session.IssuerID
	}
	return p.ID
}

// GenerateServiceLastAccessedDetails makes a report of which services can be used
// through a user, group, role or managed policy, and when they were. It is
// complete when the call returns.
func (s *Service) GenerateServiceLastAccessedDetails(ctx context.Context, in *iam.GenerateServiceLastAccessedDetailsInput) (*iam.GenerateServiceLastAccessedDetailsOutput, error) {
	job := &accessJob{
		Account: wire.CallFrom(ctx).Account(), ID: uuid.NewString(), Subject: *in.Arn, Maker: maker(ctx),
		Granularity: in.Granularity, Created: s.now(),
	}
	if job.Granularity == "" {
		job.Granularity = types.AccessAdvisorUsageGranularityTypeServiceLevel
	}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		r, err := s.reach(tx, job.Account, job.Subject)
		if err != nil {
			return err
		}
		job.Services, err = s.accessedServices(tx, r, job.Granularity)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.db.Update(ctx, func(tx *store.Tx) error { return accessJobs.Insert(tx, job) }); err != nil {
		return nil, err
	}
	return &iam.GenerateServiceLastAccessedDetailsOutput{JobId: &job.ID}, nil
}

// A survey gathers what is known of the use of services and of actions.
type survey struct {
	service  *Service
	services map[string]*accessedService
	actions  map[string]*accessed
}

// accessedServices lists the services that r may use, by namespace.
func (s *Service) accessedServices(tx *store.Tx, r *reach, granularity types.AccessAdvisorUsageGranularityType) ([]accessedService, error) {
	names := namespaces()
	v := &survey{service: s, services: map[string]*accessedService{}, actions: map[string]*accessed{}}
	for i := range r.grants {
		if err := r.grants[i].services(names, func(ns string) {
			v.services[ns] = &accessedService{accessed: accessed{Name: names[ns]}, Namespace: ns}
		}); err != nil {
			return nil, err
		}
	}
	if err := r.each(func(e *entity, arn string) error { return v.add(tx, e, arn) }); err != nil {
		return nil, err
	}
	if granularity == types.AccessAdvisorUsageGranularityTypeActionLevel {
		for _, action := range sortedKeys(v.actions) {
			namespace, _, _ := strings.Cut(action, ":")
			v.services[namespace].Actions = append(v.services[namespace].Actions, *v.actions[action])
		}
	}
	out := make([]accessedService, 0, len(v.services))
	for _, namespace := range sortedKeys(v.services) {
		out = append(out, *v.services[namespace])
	}
	return out, nil
}

// add counts in what a user or a role has used.
func (v *survey) add(tx *store.Tx, e *entity, arn string) error {
	used, err := v.service.permissions(tx, e)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for action, use := range used {
		namespace, name, _ := strings.Cut(action, ":")
		service := v.services[namespace]
		if service == nil {
			continue
		}
		if !seen[namespace] {
			seen[namespace] = true
			service.Entities++
		}
		next := accessed{At: use.At.Truncate(time.Second), By: arn, InRegion: use.Region}
		service.later(next)
		if tracked(namespace, name) {
			if v.actions[action] == nil {
				v.actions[action] = &accessed{Name: name}
			}
			v.actions[action].later(next)
		}
	}
	return nil
}

// later takes an attempt over if it is the later one.
func (a *accessed) later(next accessed) {
	if next.At.After(a.At) {
		a.At, a.By, a.InRegion = next.At, next.By, next.InRegion
	}
}

// tracked reports whether reports tell of an action by itself: of those on data
// they do not (IAM User Guide, "IAM action last accessed information services and
// actions").
func tracked(namespace, action string) bool {
	switch namespace {
	case "s3":
		return !strings.Contains(action, "Object") && !strings.Contains(action, "Multipart") && !strings.Contains(action, "UploadPart")
	case "dynamodb":
		return !strings.HasSuffix(action, "Item") && !strings.HasSuffix(action, "Items") && action != "Query" && action != "Scan" && !strings.HasPrefix(action, "PartiQL")
	case "lambda":
		return !strings.HasPrefix(action, "Invoke")
	case "sqs":
		return !strings.Contains(action, "Message") || strings.Contains(action, "MoveTask")
	case "sns":
		return action != "Publish"
	case "events":
		return action != "PutEvents"
	default:
		return true
	}
}

// accessJob reads a report that the caller has asked for.
func (s *Service) accessJob(ctx context.Context, tx *store.Tx, id string) (*accessJob, error) {
	j, err := accessJobs.Get(tx, wire.CallFrom(ctx).Account(), id)
	if errors.Is(err, store.ErrNotFound) || err == nil && j.Maker != maker(ctx) {
		return nil, noSuch("Requested JobId: " + id + " not found.")
	}
	return j, err
}

// GetServiceLastAccessedDetails returns a report's services by namespace.
func (s *Service) GetServiceLastAccessedDetails(ctx context.Context, in *iam.GetServiceLastAccessedDetailsInput) (*iam.GetServiceLastAccessedDetailsOutput, error) {
	p, err := newPager("iam.GetServiceLastAccessedDetails", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	var j *accessJob
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		j, err = s.accessJob(ctx, tx, *in.JobId)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &iam.GetServiceLastAccessedDetailsOutput{
		JobStatus: types.JobStatusTypeCompleted, JobType: j.Granularity, JobCreationDate: &j.Created, JobCompletionDate: &j.Created,
		ServicesLastAccessed: []types.ServiceLastAccessed{},
	}
	for i := range j.Services {
		if j.Services[i].Namespace <= p.after {
			continue
		}
		if !p.take(j.Services[i].Namespace) {
			break
		}
		out.ServicesLastAccessed = append(out.ServicesLastAccessed, j.Services[i].api())
	}
	out.IsTruncated, out.Marker = p.more, p.marker()
	return out, nil
}

func (a *accessedService) api() types.ServiceLastAccessed {
	out := types.ServiceLastAccessed{ServiceName: &a.Name, ServiceNamespace: &a.Namespace, TotalAuthenticatedEntities: &a.Entities}
	if a.At.IsZero() {
		return out
	}
	out.LastAuthenticated, out.LastAuthenticatedEntity, out.LastAuthenticatedRegion = &a.At, &a.By, &a.InRegion
	for i := range a.Actions {
		c := &a.Actions[i]
		out.TrackedActionsLastAccessed = append(out.TrackedActionsLastAccessed, types.TrackedActionLastAccessed{
			ActionName: &c.Name, LastAccessedEntity: &c.By, LastAccessedRegion: &c.InRegion, LastAccessedTime: &c.At,
		})
	}
	return out
}

// GetServiceLastAccessedDetailsWithEntities lists who may use a service through
// a report's subject, those first who did so last.
func (s *Service) GetServiceLastAccessedDetailsWithEntities(ctx context.Context, in *iam.GetServiceLastAccessedDetailsWithEntitiesInput) (*iam.GetServiceLastAccessedDetailsWithEntitiesOutput, error) {
	p, err := newPager("iam.GetServiceLastAccessedDetailsWithEntities", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	var j *accessJob
	var all []types.EntityDetails
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		if j, err = s.accessJob(ctx, tx, *in.JobId); err != nil {
			return err
		}
		all, err = s.entitiesOf(tx, j, *in.ServiceNamespace)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &iam.GetServiceLastAccessedDetailsWithEntitiesOutput{
		JobStatus: types.JobStatusTypeCompleted, JobCreationDate: &j.Created, JobCompletionDate: &j.Created,
		EntityDetailsList: []types.EntityDetails{},
	}
	next := 0
	if p.after != "" {
		if next, err = strconv.Atoi(p.after); err != nil {
			return nil, unfit("Invalid Marker.")
		}
		next++
	}
	for ; next < len(all) && p.take(strconv.Itoa(next)); next++ {
		out.EntityDetailsList = append(out.EntityDetailsList, all[next])
	}
	out.IsTruncated, out.Marker = p.more, p.marker()
	return out, nil
}

// entitiesOf lists the users and roles that may use a service of a report.
func (s *Service) entitiesOf(tx *store.Tx, j *accessJob, namespace string) ([]types.EntityDetails, error) {
	var out []types.EntityDetails
	if !slices.ContainsFunc(j.Services, func(a accessedService) bool { return a.Namespace == namespace }) {
		return out, nil
	}
	r, err := s.reach(tx, j.Account, j.Subject)
	if err != nil {
		return nil, err
	}
	err = r.each(func(e *entity, arn string) error {
		used, err := s.permissions(tx, e)
		if err != nil {
			return err
		}
		var last accessed
		for action, use := range used {
			if strings.HasPrefix(action, namespace+":") {
				last.later(accessed{At: use.At.Truncate(time.Second)})
			}
		}
		d := types.EntityDetails{EntityInfo: &types.EntityInfo{
			Arn: aws.String(arn), Id: &e.ID, Name: &e.Name, Path: &e.Path, Type: ownerType(arn),
		}}
		if !last.At.IsZero() {
			d.LastAuthenticated = &last.At
		}
		out = append(out, d)
		return nil
	})
	slices.SortStableFunc(out, func(a, b types.EntityDetails) int {
		return aws.ToTime(b.LastAuthenticated).Compare(aws.ToTime(a.LastAuthenticated))
	})
	return out, err
}

func ownerType(arn string) types.PolicyOwnerEntityType {
	if strings.Contains(arn, ":"+roles.noun+"/") {
		return types.PolicyOwnerEntityTypeRole
	}
	return types.PolicyOwnerEntityTypeUser
}
