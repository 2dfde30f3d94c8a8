-- Since when people are called for an alert that nobody has taken in hand, and how
-- far up its ladder. For those that are open people were called when they were
-- raised.
ALTER TABLE alert ADD COLUMN call_count  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert ADD COLUMN call_since  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert ADD COLUMN call_rungs  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert ADD COLUMN call_passed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert ADD COLUMN call_heard  TEXT    NOT NULL DEFAULT '';
UPDATE alert SET call_count = told, call_since = raised * told;

-- Who was told what of an alert.
CREATE INDEX notice_alert ON notice (alert, id);
