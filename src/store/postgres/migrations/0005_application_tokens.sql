-- Tokens of applications (client credentials), sealed, for all nodes; and until when somebody is renewing one.
CREATE TABLE application_tokens (
  app_id text COLLATE "C" NOT NULL PRIMARY KEY,
  number bigint NOT NULL,                       -- 0: none yet
  sealed bytea NOT NULL,
  issued_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  claim_until bigint NOT NULL                   -- by the database's clock
);
