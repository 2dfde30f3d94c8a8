-- An alert may stay active until a person resets it.
ALTER TABLE alert ADD COLUMN latch INTEGER NOT NULL DEFAULT 0;
