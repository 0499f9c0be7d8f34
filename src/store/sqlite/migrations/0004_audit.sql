-- The audit trail: one chain of records per node, each MAC covering the one before.
CREATE TABLE audit (
  node_id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  key_id INTEGER NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  outcome TEXT NOT NULL,
  app_id TEXT NOT NULL,
  grant_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  times INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  mac BLOB NOT NULL,
  PRIMARY KEY (node_id, sequence)
) WITHOUT ROWID;
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_grant ON audit (grant_id, at) WHERE grant_id <> '';
