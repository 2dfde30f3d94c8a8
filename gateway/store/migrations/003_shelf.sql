-- A person may put an alert aside for a while. Of every alert that was not hidden
-- people have been told.
ALTER TABLE alert ADD COLUMN shelf_since    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert ADD COLUMN shelf_until    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert ADD COLUMN shelf_by       TEXT    NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN shelf_second   TEXT    NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN shelf_reason   TEXT    NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN shelf_severity TEXT    NOT NULL DEFAULT 'info';
ALTER TABLE alert ADD COLUMN told           INTEGER NOT NULL DEFAULT 0;
UPDATE alert SET told = 1 WHERE visibility = 0;
