package server

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	sdksqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/garrison-cloud/garrison/internal/gateway"
	"github.com/garrison-cloud/garrison/service/sns"
	"github.com/garrison-cloud/garrison/service/sqs"
)

// messaging makes a Region's queues and topics.
func (s *services) messaging(c *Config, region string, local *room) (*sqs.Service, *sns.Service) {
	queues := sqs.New(sqs.Config{DB: local.db, Clock: c.Clock, Region: region, KMS: inProcessKMS{s}, Endpoint: s.endpoint})
	topics := sns.New(sns.Config{
		DB: local.db, Clock: c.Clock, Region: region, KMS: inProcessKMS{s}, Targets: snsTargets{s}, Endpoint: s.endpoint, Logger: c.Logger,
		Elsewhere: func(region string) *sns.Service { return s.topics[region] },
	})
	s.topics[region] = topics
	s.workers = append(s.workers, queues, topics)
	return queues, topics
}

// endpoint is where the API answers, known once the server listens.
func (s *services) endpoint() string { return s.url }

// certificate returns what SNS serves to anybody under a path, of whichever Region.
func (s *services) certificate(ctx context.Context, path string) ([]byte, bool) {
	for _, topics := range s.topics {
		if pem, ok := topics.Certificate(ctx, path); ok {
			return pem, true
		}
	}
	return nil, false
}

// snsTargets are what SNS delivers to in this process.
type snsTargets struct{ of *services }

func snsCall(as sns.Sender) gateway.ServiceCall {
	return gateway.ServiceCall{
		Principal: "sns.amazonaws.com", Account: as.Account, Region: as.Region, SourceARN: as.SourceARN, SourceAccount: as.SourceAccount,
	}
}

// SendMessage implements sns.Targets.
func (t snsTargets) SendMessage(ctx context.Context, as sns.Sender, in *sdksqs.SendMessageInput) (*sdksqs.SendMessageOutput, error) {
	return gateway.InvokeAs[sdksqs.SendMessageOutput](ctx, t.of.gateway, snsCall(as), in)
}

// Invoke implements sns.Targets.
func (t snsTargets) Invoke(ctx context.Context, as sns.Sender, in *lambda.InvokeInput) (*lambda.InvokeOutput, error) {
	return gateway.InvokeAs[lambda.InvokeOutput](ctx, t.of.gateway, snsCall(as), in)
}

var (
	_ sqs.Keys    = inProcessKMS{}
	_ sns.Keys    = inProcessKMS{}
	_ sns.Targets = snsTargets{}
)
