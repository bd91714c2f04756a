package main

import (
	"context"
	"database/sql"
	"os"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/sqlreplay"
	"github.com/nokkel/nokkel/keys"
)

// proofs returns a verifier for this process alone, or with DATABASE_URL for one
// of several, which share NONCE_SECRETS then: Validate asks for them.
func proofs(ctx context.Context) (*dpop.Verifier, error) {
	v := &dpop.Verifier{Replay: &dpop.Memory{}, Nonces: &dpop.Nonces{}}
	for secret := range strings.FieldsSeq(os.Getenv("NONCE_SECRETS")) {
		v.Nonces.Secrets = append(v.Nonces.Secrets, keys.NewSecret(secret))
	}
	address := os.Getenv("DATABASE_URL")
	if address == "" {
		return v, nil
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		return nil, err
	}
	table := &sqlreplay.Table{DB: db}
	v.Replay = table
	if err := v.Validate(); err != nil {
		return nil, err
	}
	return v, table.Create(ctx)
}
