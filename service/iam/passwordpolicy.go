package iam

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A passwordPolicy is what an account demands of its users' passwords.
type passwordPolicy struct {
	Length                                 int32
	Symbols, Numbers, Uppercase, Lowercase bool
	// UsersChange lets users change their own passwords without a policy.
	UsersChange bool
	// MaxAge is in days, 0 for ever. Reuse is how many old passwords may not come back.
	MaxAge, Reuse int32
	HardExpiry    *bool
}

const (
	// leastLength is a policy's minimum unless it says otherwise, plainLength that
	// of an account without a policy.
	leastLength = 6
	plainLength = 8
	// plainKinds is how many kinds of characters a password has in an account
	// without a policy (IAM User Guide, "Set an account password policy").
	plainKinds = 3
	// symbols are what counts as a symbol (IAM API Reference, UpdateAccountPasswordPolicy).
	symbols = "!@#$%^&*()_+-=[]{}|'"
)

func (s *Service) passwordPolicyOperations() []wire.Operation {
	return []wire.Operation{
		op(onAny[iam.UpdateAccountPasswordPolicyInput], s.UpdateAccountPasswordPolicy),
		op(s.onPasswordPolicy, s.GetAccountPasswordPolicy),
		op(onAny[iam.DeleteAccountPasswordPolicyInput], s.DeleteAccountPasswordPolicy),
	}
}

// onPasswordPolicy lets users who may change their passwords read what is
// demanded of them.
func (s *Service) onPasswordPolicy(ctx context.Context, _ *iam.GetAccountPasswordPolicyInput) (authz.Target, error) {
	return s.ownPassword(ctx, authz.Any(), "iam:GetAccountPasswordPolicy")
}

// UpdateAccountPasswordPolicy replaces the account's password policy; what is
// not given has its default again.
func (s *Service) UpdateAccountPasswordPolicy(ctx context.Context, in *iam.UpdateAccountPasswordPolicyInput) (*iam.UpdateAccountPasswordPolicyOutput, error) {
	next := &passwordPolicy{
		Length: leastLength, Symbols: in.RequireSymbols, Numbers: in.RequireNumbers,
		Uppercase: in.RequireUppercaseCharacters, Lowercase: in.RequireLowercaseCharacters,
		UsersChange: in.AllowUsersToChangePassword, MaxAge: aws.ToInt32(in.MaxPasswordAge),
		Reuse: aws.ToInt32(in.PasswordReusePrevention), HardExpiry: in.HardExpiry,
	}
	if in.MinimumPasswordLength != nil {
		next.Length = *in.MinimumPasswordLength
	}
	err := s.changeAccount(ctx, func(_ *store.Tx, a *accountRow) error {
		a.Passwords = next
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateAccountPasswordPolicyOutput{}, nil
}

// GetAccountPasswordPolicy returns the account's password policy.
func (s *Service) GetAccountPasswordPolicy(ctx context.Context, _ *iam.GetAccountPasswordPolicyInput) (*iam.GetAccountPasswordPolicyOutput, error) {
	account := wire.CallFrom(ctx).Account()
	row, err := s.account(ctx, account)
	if err != nil {
		return nil, err
	}
	if row == nil || row.Passwords == nil {
		return nil, noPasswordPolicy(account)
	}
	return &iam.GetAccountPasswordPolicyOutput{PasswordPolicy: row.Passwords.api()}, nil
}

func noPasswordPolicy(account string) error {
	return noSuch("The Password Policy with domain name " + account + " cannot be found.")
}

func (p *passwordPolicy) api() *types.PasswordPolicy {
	out := &types.PasswordPolicy{
		MinimumPasswordLength: &p.Length, RequireSymbols: p.Symbols, RequireNumbers: p.Numbers,
		RequireUppercaseCharacters: p.Uppercase, RequireLowercaseCharacters: p.Lowercase,
		AllowUsersToChangePassword: p.UsersChange, ExpirePasswords: p.MaxAge > 0, HardExpiry: p.HardExpiry,
	}
	if p.MaxAge > 0 {
		out.MaxPasswordAge = &p.MaxAge
	}
	if p.Reuse > 0 {
		out.PasswordReusePrevention = &p.Reuse
	}
	return out
}

// DeleteAccountPasswordPolicy takes the account's password policy away.
func (s *Service) DeleteAccountPasswordPolicy(ctx context.Context, _ *iam.DeleteAccountPasswordPolicyInput) (*iam.DeleteAccountPasswordPolicyOutput, error) {
	err := s.changeAccount(ctx, func(_ *store.Tx, a *accountRow) error {
		if a.Passwords == nil {
			return noPasswordPolicy(a.Account)
		}
		a.Passwords = nil
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteAccountPasswordPolicyOutput{}, nil
}

// makeup is which kinds of characters a password has.
type makeup struct{ upper, lower, number, symbol bool }

func makeupOf(password string) (m makeup) {
	for _, c := range password {
		switch {
		case 'A' <= c && c <= 'Z':
			m.upper = true
		case 'a' <= c && c <= 'z':
			m.lower = true
		case '0' <= c && c <= '9':
			m.number = true
		case strings.ContainsRune(symbols, c):
			m.symbol = true
		}
	}
	return m
}

// check refuses a password that the policy does not let be; nil is AWS's policy
// for accounts that have none.
func (p *passwordPolicy) check(password string) error {
	m, least := makeupOf(password), int32(plainLength)
	if p != nil {
		least = p.Length
	}
	if utf8.RuneCountInString(password) < int(least) {
		return weak(fmt.Sprintf("Password should have a minimum length of %d", least))
	}
	if p == nil {
		kinds := 0
		for _, has := range []bool{m.upper, m.lower, m.number, m.symbol} {
			if has {
				kinds++
			}
		}
		if kinds < plainKinds {
			return weak("Password must have at least three of the following: uppercase letters, lowercase letters, numbers, and symbols")
		}
		return nil
	}
	for _, demand := range []struct {
		wanted, has bool
		what        string
	}{
		{p.Uppercase, m.upper, "uppercase letter"},
		{p.Lowercase, m.lower, "lowercase letter"},
		{p.Numbers, m.number, "number"},
		{p.Symbols, m.symbol, "symbol"},
	} {
		if demand.wanted && !demand.has {
			return weak("Password should have at least one " + demand.what)
		}
	}
	return nil
}

func weak(message string) error { return &types.PasswordPolicyViolationException{Message: &message} }
