-- Which data keys each node may seal with or keeps pairs of in its spool. A data key in here is not retired.

CREATE TABLE data_key_holders (
  app_id TEXT NOT NULL,
  key_id INTEGER NOT NULL,
  node_id TEXT NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (app_id, key_id, node_id)
) WITHOUT ROWID;
CREATE INDEX late_pairs_by_key ON late_pairs (app_id, data_key);
