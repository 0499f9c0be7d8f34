-- Keyfob's store, schema 1. Times are milliseconds since 1970-01-01T00:00:00Z unless a name says otherwise.
-- Lists are netstrings: the length in bytes, a colon, the text; one after the other.
-- Leases are judged by the machine's boot clock: (boot id, milliseconds since that boot).

CREATE TABLE grants (
  app_id TEXT NOT NULL,
  grant_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  provider_user TEXT NOT NULL,
  single_vehicle TEXT NOT NULL,               -- the vehicle of a single-select grant, else ''
  single_select INTEGER NOT NULL,
  vehicles TEXT NOT NULL,                     -- list; grant_vehicles is the index of it
  scope TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('active', 'suspect', 'needs_reauth', 'revoking', 'revoked')),
  generation INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  access_expires_at INTEGER NOT NULL,
  refresh_expires_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  rotated_at INTEGER,
  due_at INTEGER NOT NULL,
  refused_count INTEGER NOT NULL,
  first_refused_at INTEGER,
  last_refused_at INTEGER,                    -- null: not refused
  refused_certain INTEGER NOT NULL,
  refused_after_unknown INTEGER NOT NULL,
  refused_reason TEXT,
  attention_reason TEXT,                      -- null: no attention
  attention_vehicle TEXT,
  attention_since INTEGER,
  attempt_id TEXT,                            -- null: no attempt
  attempt_node TEXT,
  attempt_incarnation INTEGER,
  attempt_stranded TEXT,
  first_sent_boot TEXT,
  first_sent_boot_ms INTEGER,
  first_sent_at INTEGER,
  lease_boot TEXT,
  lease_until_boot_ms INTEGER,
  access_sealed BLOB NOT NULL,
  refresh_sealed BLOB NOT NULL,
  association_mac BLOB NOT NULL,
  PRIMARY KEY (app_id, grant_id)
);
CREATE UNIQUE INDEX grants_by_user ON grants (app_id, user_id, provider_user, single_vehicle);
CREATE INDEX grants_due ON grants (due_at) WHERE status <> 'revoked';
CREATE INDEX grants_attempts ON grants (lease_until_boot_ms) WHERE attempt_id IS NOT NULL;
CREATE INDEX grants_refused ON grants (app_id, last_refused_at) WHERE last_refused_at IS NOT NULL;

CREATE TABLE grant_vehicles (
  app_id TEXT NOT NULL,
  vehicle_id TEXT NOT NULL,
  grant_id TEXT NOT NULL,
  PRIMARY KEY (app_id, vehicle_id, grant_id)
) WITHOUT ROWID;

CREATE TABLE late_pairs (
  app_id TEXT NOT NULL,
  grant_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  access_expires_at INTEGER NOT NULL,
  refresh_expires_at INTEGER NOT NULL,
  scope TEXT NOT NULL,
  data_key INTEGER NOT NULL,
  access_sealed BLOB NOT NULL,
  refresh_sealed BLOB NOT NULL
);
CREATE INDEX late_pairs_by_grant ON late_pairs (app_id, grant_id, epoch);

-- Successes per minute. The two grants that succeeded last tell "another one" from "the one that asks".
CREATE TABLE refresh_counts (
  app_id TEXT NOT NULL,
  minute INTEGER NOT NULL,
  node_id TEXT NOT NULL,
  refreshed INTEGER NOT NULL,
  last_grant TEXT NOT NULL,
  last_at INTEGER NOT NULL,
  other_grant TEXT,
  other_at INTEGER,
  PRIMARY KEY (app_id, minute, node_id)
) WITHOUT ROWID;

CREATE TABLE applications (
  app_id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  provider TEXT NOT NULL,
  client_id TEXT NOT NULL,
  v3_client_id TEXT NOT NULL,
  simulated INTEGER NOT NULL,
  redirect_uri TEXT NOT NULL,
  scopes TEXT NOT NULL,                       -- list
  return_to TEXT NOT NULL,                    -- list
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  revision INTEGER NOT NULL
);

CREATE TABLE application_secrets (
  app_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  purpose TEXT NOT NULL,
  sealed BLOB NOT NULL,
  set_at INTEGER NOT NULL,
  PRIMARY KEY (app_id, position)
);

CREATE TABLE callers (
  app_id TEXT NOT NULL,                       -- '': an admin of the whole installation
  caller_id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  permissions TEXT NOT NULL,                  -- list
  users TEXT NOT NULL,                        -- list
  routes TEXT NOT NULL,                       -- list
  expires_at INTEGER,
  disabled INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  secret_hash BLOB NOT NULL,
  previous_secret_hash BLOB NOT NULL,
  previous_until INTEGER
);

CREATE TABLE data_keys (
  app_id TEXT NOT NULL,
  key_id INTEGER NOT NULL,
  master TEXT NOT NULL,
  wrapped BLOB NOT NULL,
  is_primary INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (app_id, key_id)
);

CREATE TABLE consents (
  app_id TEXT NOT NULL,
  state_hash BLOB NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL,
  return_to TEXT NOT NULL,
  redirect_uri TEXT NOT NULL,
  single_select INTEGER NOT NULL,
  sealed_verifier BLOB NOT NULL,
  expires_at INTEGER NOT NULL
);
CREATE INDEX consents_by_expiry ON consents (expires_at);
