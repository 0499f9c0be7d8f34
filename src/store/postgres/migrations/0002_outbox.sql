-- Messages on their way out, and marks: things that are so or are not, shared by all nodes. No token is in any of them.
CREATE TABLE outbox (
  position bigserial NOT NULL PRIMARY KEY,
  event_id text NOT NULL,
  destination text COLLATE "C" NOT NULL,
  app_id text COLLATE "C" NOT NULL,
  stream text COLLATE "C" NOT NULL,
  name text NOT NULL,
  body bytea NOT NULL,
  created_at bigint NOT NULL,
  due_at bigint NOT NULL,                       -- by the database's clock
  attempts bigint NOT NULL
);
CREATE INDEX outbox_by_stream ON outbox (destination, stream, position);

CREATE TABLE marks (
  app_id text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  until bigint NOT NULL,
  PRIMARY KEY (app_id, name)
);
CREATE INDEX marks_by_time ON marks (until);

-- Where the provider's webhooks are passed on to; '': nowhere.
ALTER TABLE applications ADD COLUMN webhook_url text NOT NULL DEFAULT '';
