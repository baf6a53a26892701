package eventbridge

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/garrison-cloud/garrison/internal/wire"
)

func invalid(format string, args ...any) error {
	return wire.InvalidValue.In(wire.JSON11, fmt.Sprintf(format, args...))
}

func notBuilt(format string, args ...any) error {
	return wire.NotImplemented.In(wire.JSON11, fmt.Sprintf(format, args...)+" not implemented.")
}

func missing(format string, args ...any) error {
	return &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func missingBus(name string) error { return missing("Event bus %s does not exist.", name) }

func missingRule(b busName, name string) error {
	return missing("Rule %s does not exist on EventBus %s.", name, b.Name)
}

func exists(format string, args ...any) error {
	return &types.ResourceAlreadyExistsException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func limit(format string, args ...any) error {
	return &types.LimitExceededException{Message: aws.String(fmt.Sprintf(format, args...))}
}
