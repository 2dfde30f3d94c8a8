package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the database to the newest form: migration files are named by
// the version they lead to, 001 onwards without gaps, and each runs whole or
// not at all. SQLite keeps the version in the file, as user_version.
func migrate(db *sql.DB) error {
	files, err := fs.Glob(migrations, "migrations/*.sql") // in order of name
	if err != nil {
		return err
	}
	var have int
	if err := db.QueryRow("PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	if have > len(files) {
		return fmt.Errorf("%w (form %d, this one knows %d); install the newer version again", ErrNewer, have, len(files))
	}
	for i, name := range files[have:] {
		text, err := fs.ReadFile(migrations, name)
		if err != nil {
			return err
		}
		if err := runMigration(db, string(text), have+i+1); err != nil {
			return fmt.Errorf("migration %s: %w", strings.TrimPrefix(name, "migrations/"), err)
		}
	}
	return nil
}

func runMigration(db *sql.DB, text string, version int) error {
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	_, err = tx.Exec(text + fmt.Sprintf(";PRAGMA user_version=%d", version))
	return finish(tx, err)
}
