package main

import (
	"sync"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// shared shares n pieces of work out among the fillers, each of which ends with
// the first of its own that fails. It returns one of the failures.
func shared(n int, do func(signer *v4.Signer, i int) error) error {
	var wg sync.WaitGroup
	failures := make(chan error, fillers)
	for w := range fillers {
		wg.Go(func() {
			signer := v4.NewSigner()
			for i := w; i < n; i += fillers {
				if err := do(signer, i); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-failures:
		return err
	default:
		return nil
	}
}
