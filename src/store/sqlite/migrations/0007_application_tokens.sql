-- Tokens of applications (client credentials), sealed, for all nodes; and who renews one just now, until when.
CREATE TABLE application_tokens (
  app_id TEXT NOT NULL PRIMARY KEY,
  number INTEGER NOT NULL,                    -- 0: none yet
  sealed BLOB NOT NULL,
  issued_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  claim_boot TEXT NOT NULL,
  claim_until_boot_ms INTEGER NOT NULL
) WITHOUT ROWID;
