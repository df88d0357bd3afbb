package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/access"
)

func scanToken(row pgx.CollectableRow) (t access.Token, err error) {
	var used, revoked *time.Time
	err = row.Scan(&t.ID, &t.Name, &t.Hash, &t.Scopes, &t.CreatedAt, &used, &revoked)
	t.CreatedAt, t.LastUsedAt, t.RevokedAt = t.CreatedAt.UTC(), zero(used), zero(revoked)
	return t, err
}

// FindToken reads one, also a revoked one. It returns access.ErrUnknownToken.
func (db *DB) FindToken(ctx context.Context, id string) (access.Token, error) {
	rows, err := db.pool.Query(ctx, `SELECT id, name, hash, scopes, created_at, last_used_at, revoked_at FROM api_tokens WHERE id = $1`, id)
	if err != nil {
		return access.Token{}, away(err)
	}
	t, err := pgx.CollectOneRow(rows, scanToken)
	if errors.Is(err, pgx.ErrNoRows) {
		return t, access.ErrUnknownToken
	}
	return t, away(err)
}

// ListTokens lists all of them, newest first.
func (db *DB) ListTokens(ctx context.Context) ([]access.Token, error) {
	return collect(ctx, db.pool, scanToken, `SELECT id, name, hash, scopes, created_at, last_used_at, revoked_at FROM api_tokens ORDER BY created_at DESC, id`)
}

// CreateToken writes one.
func (db *DB) CreateToken(ctx context.Context, t access.Token) error {
	_, err := db.pool.Exec(ctx, `INSERT INTO api_tokens (id, name, hash, scopes, created_at) VALUES ($1, $2, $3, $4, $5)`,
		t.ID, t.Name, t.Hash, t.Scopes, t.CreatedAt)
	return away(err)
}

// TouchToken notes that a token was used.
func (db *DB) TouchToken(ctx context.Context, id string, at time.Time) error {
	_, err := db.pool.Exec(ctx, `UPDATE api_tokens SET last_used_at = $2 WHERE id = $1`, id, at)
	return away(err)
}

// RevokeToken ends a token. Revoking twice keeps the first time. It returns access.ErrUnknownToken.
func (db *DB) RevokeToken(ctx context.Context, id string, at time.Time) error {
	tag, err := db.pool.Exec(ctx, `UPDATE api_tokens SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1`, id, at)
	if err == nil && tag.RowsAffected() == 0 {
		return access.ErrUnknownToken
	}
	return away(err)
}
