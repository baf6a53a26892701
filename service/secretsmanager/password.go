package secretsmanager

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

const (
	punctuation     = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	defaultPassword = 32 // characters
)

// GetRandomPassword draws a password. Every character that is left in is as
// likely as any other; with RequireEachIncludedType each kind comes at least once.
func (s *Service) GetRandomPassword(_ context.Context, in *secretsmanager.GetRandomPasswordInput) (*secretsmanager.GetRandomPasswordOutput, error) {
	n := defaultPassword
	if in.PasswordLength != nil {
		n = int(*in.PasswordLength)
	}
	kinds := passwordKinds(in)
	pool := strings.Join(kinds, "")
	if aws.ToBool(in.IncludeSpace) && !strings.Contains(aws.ToString(in.ExcludeCharacters), " ") {
		pool += " "
	}
	password := make([]byte, 0, n)
	if in.RequireEachIncludedType == nil || *in.RequireEachIncludedType {
		if len(kinds) > n {
			return nil, invalidParameter("Password length is too short based on the required types.")
		}
		for _, kind := range kinds {
			if kind == "" {
				return nil, invalidParameter("All characters of the desired type have been excluded.")
			}
			password = append(password, pick(kind))
		}
	}
	if pool == "" {
		return nil, invalidParameter("All characters have been excluded from selection.")
	}
	for len(password) < n {
		password = append(password, pick(pool))
	}
	shuffle(password)
	return &secretsmanager.GetRandomPasswordOutput{RandomPassword: aws.String(string(password))}, nil
}

// passwordKinds are the kinds of characters that are not switched off, without
// those that are excluded one by one.
func passwordKinds(in *secretsmanager.GetRandomPasswordInput) []string {
	excluded := aws.ToString(in.ExcludeCharacters)
	var kinds []string
	for _, k := range []struct {
		off   *bool
		chars string
	}{
		{in.ExcludeLowercase, letters},
		{in.ExcludeUppercase, capitals},
		{in.ExcludeNumbers, digits},
		{in.ExcludePunctuation, punctuation},
	} {
		if !aws.ToBool(k.off) {
			kinds = append(kinds, strings.Map(func(c rune) rune {
				if strings.ContainsRune(excluded, c) {
					return -1
				}
				return c
			}, k.chars))
		}
	}
	return kinds
}

// shuffle hides which character was drawn for its kind. A password has at most
// 4,096 characters, so that 64 random bits a place favor none noticeably.
func shuffle(b []byte) {
	for i := len(b) - 1; i > 0; i-- {
		var r [8]byte
		rand.Read(r[:])
		j := int(binary.LittleEndian.Uint64(r[:]) % uint64(i+1)) //nolint:gosec // below i+1, which is an int
		b[i], b[j] = b[j], b[i]
	}
}
