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
	have, err := version(db)
	if err != nil {
		return err
	}
	for i, name := range forms()[have:] {
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

// forms returns the names of the migration files in their order.
func forms() []string {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is wrong
	}
	return files
}

// version returns the form of the database, or ErrNewer if this program does not
// know it.
func version(db *sql.DB) (have int, err error) {
	if err := db.QueryRow("PRAGMA user_version").Scan(&have); err != nil {
		return 0, err
	}
	if known := len(forms()); have > known {
		return 0, fmt.Errorf("%w (form %d, this one knows %d); install the newer version again", ErrNewer, have, known)
	}
	return have, nil
}

func runMigration(db *sql.DB, text string, version int) error {
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	_, err = tx.Exec(text + fmt.Sprintf(";PRAGMA user_version=%d", version))
	return finish(tx, err)
}
