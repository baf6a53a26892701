package ssm

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

const (
	textType  = "text"
	imageType = "aws:ec2:image"
)

var (
	// nested is what looks like a reference to another parameter.
	nested = regexp.MustCompile(`\{\{.*\}\}`)
	// image is the form of an AMI's id.
	image = regexp.MustCompile(`^ami-(?:[0-9a-zA-Z]{8}|[0-9a-zA-Z]{17})$`)
)

// check refuses what is wrong with a request by itself.
func (c *change) check(now time.Time) (err error) {
	in := c.in
	switch {
	case *in.Value == "":
		return invalid("1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1.")
	case nested.MatchString(*in.Value):
		return invalid(`Parameter value can't nest another parameter. Do not use "{{}}" in the value.`)
	case aws.ToBool(in.Overwrite) && len(in.Tags) > 0:
		return invalid("Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. " +
			"To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.")
	case in.KeyId != nil && in.Type != "" && in.Type != types.ParameterTypeSecureString:
		return invalid("KeyId is required for SecureString type parameter only.")
	}
	if c.tags, err = newTags(nil, in.Tags); err != nil {
		return err
	}
	if in.AllowedPattern != nil { // here, where nobody waits for it
		if err := matchPattern(*in.AllowedPattern, *in.Value); err != nil {
			return err
		}
	}
	if in.Policies != nil {
		c.rules, err = parseRules(*in.Policies, now)
	}
	return err
}

// check refuses a parameter as a change would make it. The value is still in the
// clear.
func (p *parameter) check(c *change) error {
	v := &p.Latest
	if c.in.KeyId != nil && !v.secure() {
		return invalid("KeyId is required for SecureString type parameter only.")
	}
	if err := v.checkDataType(); err != nil {
		return err
	}
	if len(p.Rules) > 0 && !v.advanced() {
		return invalid("Parameter policies are supported for advanced-tier parameters only. " +
			"To use them, upgrade the parameter to the advanced-parameter tier.")
	}
	if c.in.AllowedPattern != nil {
		return nil // it has been compared
	}
	return matchPattern(v.AllowedPattern, string(v.Value))
}

func (v *version) checkDataType() error {
	switch v.DataType {
	case textType:
		return nil
	case imageType:
		if v.Type != types.ParameterTypeString {
			return invalid("The data type %s is supported for parameters of type String only.", imageType)
		}
		if !image.Match(v.Value) {
			return invalid("Parameter value is not in the required format of the data type %s, such as ami-12345abcdeEXAMPLE.", imageType)
		}
		return nil
	default:
		return invalid("The following data type is not supported: %s (Data type names are all lowercase.)", v.DataType)
	}
}

// maxPattern bounds a compiled pattern's steps for each byte of a value.
const maxPattern = 2000

// matchPattern compares a whole value with a pattern. The pattern is RE2's, which
// takes linear time and knows neither look-around nor back-references.
func matchPattern(pattern, value string) error {
	if pattern == "" {
		return nil
	}
	whole := `\A(?:` + pattern + `)\z`
	if !affordable(whole) {
		return &types.InvalidAllowedPatternException{
			Message: aws.String(fmt.Sprintf("The regular expression %s is invalid, too large or not supported.", pattern)),
		}
	}
	re, err := regexp.Compile(whole)
	if err != nil {
		return fmt.Errorf("compile a pattern that was parsed: %w", err)
	}
	if re.MatchString(value) {
		return nil
	}
	return &types.ParameterPatternMismatchException{
		Message: aws.String("Parameter value, cannot be validated against allowedPattern: " + pattern),
	}
}

// affordable tells that a pattern is one, and how much work it can be.
func affordable(pattern string) bool {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return false
	}
	program, err := syntax.Compile(tree.Simplify())
	return err == nil && len(program.Inst) <= maxPattern
}

func oldestLabeled(p *parameter) error {
	return &types.ParameterMaxVersionLimitExceeded{Message: aws.String(strings.Join([]string{
		"You attempted to create a new version of ", p.name(), " by calling the PutParameter API with the overwrite flag. Version ",
		fmt.Sprint(p.Oldest), ", the oldest version, can't be deleted because it has a label associated with it. " +
			"Move the label to another version of the parameter, and try again.",
	}, ""))}
}
