-- An alert that comes and goes stays one alert until it has settled.
ALTER TABLE alert ADD COLUMN chatter_since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert ADD COLUMN chatter_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert ADD COLUMN chatter_times INTEGER NOT NULL DEFAULT 0;
