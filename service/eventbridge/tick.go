package eventbridge

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/uuid"

	"github.com/garrison-cloud/garrison/internal/store"
)

// tick makes the event of a rule whose time has come, for its own targets alone, and
// plans the next (EventBridge User Guide, "Scheduled events"). Times that went by
// while nothing ran make one event.
func (s *Service) tick(ctx context.Context, due *rule) error {
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		r, err := rules.Get(tx, due.Account, due.Bus, due.Name)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if r.Next.IsZero() || r.Next.After(tx.Now()) {
			return nil
		}
		at := r.Next
		if err := r.plan(tx.Now()); err != nil {
			return err
		}
		if err := rules.Put(tx, r); err != nil {
			return err
		}
		id := uuid.NewString()
		e := &Event{
			Account: r.Account, Region: s.Region, Time: at, Source: "aws.events", DetailType: "Scheduled Event",
			Resources: []string{r.arn(s.Region)}, Detail: json.RawMessage("{}"),
		}
		body, err := e.envelope(id).marshal()
		if err != nil {
			return err
		}
		row := &accepted{ID: id, Account: r.Account, Bus: r.Bus, Body: string(body), Ingested: tx.Now()}
		n, err := send(tx, row, r.Name)
		if err != nil || n == 0 {
			return err
		}
		return accepteds.Add(tx, row)
	})
}
