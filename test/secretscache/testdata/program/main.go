// Command program reads secrets through AWS's caching client, which keeps what it
// has read for TTL:
//
//	program TTL
//
// Each line of standard input asks for one thing, and gets one line in answer,
// the JSON object {"value": ...} or {"error": ...}:
//
//	string SECRET [STAGE]    the secret's text
//	binary SECRET [STAGE]    the secret's bytes, in hexadecimal
//	refresh SECRET           has the cache look at the secret now
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-secretsmanager-caching-go/v2/secretcache"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: program TTL")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ttl string) error {
	d, err := time.ParseDuration(ttl)
	if err != nil {
		return err
	}
	cache, err := secretcache.New(func(c *secretcache.Cache) { c.CacheItemTTL = d.Nanoseconds() })
	if err != nil {
		return err
	}
	in, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for in.Scan() {
		var a answer
		if a.Value, err = act(cache, strings.Fields(in.Text())); err != nil {
			a.Error = err.Error()
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
	return in.Err()
}

// An answer is what is said of one line.
type answer struct {
	Value string `json:"value"`
	Error string `json:"error"`
}

func act(cache *secretcache.Cache, words []string) (string, error) {
	if len(words) < 2 || len(words) > 3 {
		return "", fmt.Errorf("not understood: %q", words)
	}
	what, secret := words[0], words[1]
	stage := secretcache.DefaultVersionStage
	if len(words) == 3 {
		stage = words[2]
	}
	switch what {
	case "string":
		return cache.GetSecretStringWithStage(secret, stage)
	case "binary":
		b, err := cache.GetSecretBinaryWithStage(secret, stage)
		return hex.EncodeToString(b), err
	case "refresh":
		cache.RefreshNow(secret)
		return "", nil
	}
	return "", fmt.Errorf("not understood: %q", words)
}
