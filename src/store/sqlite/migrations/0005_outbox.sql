-- Messages on their way out, and marks: things that are so or are not, shared by all nodes.
-- A row may be claimed in another boot of the machine, or from due_boot_ms of this one on. Sealed bytes are in none of
-- these: events hold no token.
CREATE TABLE outbox (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL,
  destination TEXT NOT NULL,
  app_id TEXT NOT NULL,
  stream TEXT NOT NULL,
  name TEXT NOT NULL,
  body BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  due_boot TEXT NOT NULL,
  due_boot_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL
);
CREATE INDEX outbox_by_stream ON outbox (destination, stream, position);

CREATE TABLE marks (
  app_id TEXT NOT NULL,
  name TEXT NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (app_id, name)
) WITHOUT ROWID;
CREATE INDEX marks_by_time ON marks (until);

-- Where the provider's webhooks are passed on to; '': nowhere.
ALTER TABLE applications ADD COLUMN webhook_url TEXT NOT NULL DEFAULT '';
