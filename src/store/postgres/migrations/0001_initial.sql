-- Keyfob's store, schema 1. Times are milliseconds since 1970-01-01T00:00:00Z. Leases are judged by the database's
-- clock. Lists in text columns are netstrings: the length in bytes, a colon, the text; one after the other.
-- changed_xid and changed_by tell other nodes what to forget: the transaction that changed the row, and whose it was.

CREATE TABLE grants (
  app_id text COLLATE "C" NOT NULL,
  grant_id text COLLATE "C" NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  provider_user text COLLATE "C" NOT NULL,
  single_vehicle text COLLATE "C" NOT NULL,     -- the vehicle of a single-select grant, else ''
  single_select boolean NOT NULL,
  vehicles text[] NOT NULL,                     -- grant_vehicles is the index of it
  scope text NOT NULL,
  status text COLLATE "C" NOT NULL CHECK (status IN ('active', 'suspect', 'needs_reauth', 'revoking', 'revoked')),
  generation bigint NOT NULL,
  epoch bigint NOT NULL,
  access_expires_at bigint NOT NULL,
  refresh_expires_at bigint NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  rotated_at bigint,
  due_at bigint NOT NULL,
  renew_by bigint NOT NULL,
  refused_count bigint NOT NULL,
  first_refused_at bigint,
  last_refused_at bigint,                       -- null: not refused
  refused_certain boolean NOT NULL,
  refused_after_unknown boolean NOT NULL,
  refused_reason text,
  attention_reason text,                        -- null: no attention
  attention_vehicle text,
  attention_since bigint,
  attempt_id text COLLATE "C",                  -- null: no attempt
  attempt_node text COLLATE "C",
  attempt_incarnation bigint,
  attempt_stranded text COLLATE "C",
  first_sent_at bigint,
  lease_until bigint,
  access_sealed bytea NOT NULL,
  refresh_sealed bytea NOT NULL,
  association_mac bytea NOT NULL,
  changed_xid bigint NOT NULL,
  changed_by bigint NOT NULL,
  PRIMARY KEY (app_id, grant_id)
);
-- Sealed bytes do not compress.
ALTER TABLE grants ALTER COLUMN access_sealed SET STORAGE EXTERNAL;
ALTER TABLE grants ALTER COLUMN refresh_sealed SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX grants_by_user ON grants (app_id, user_id, provider_user, single_vehicle);
CREATE INDEX grants_due ON grants (app_id, due_at) WHERE status <> 'revoked';
CREATE INDEX grants_unsettled ON grants (app_id, due_at) WHERE status IN ('suspect', 'revoking');
CREATE INDEX grants_renew_by ON grants (app_id, renew_by) WHERE status IN ('active', 'suspect');
CREATE INDEX grants_attempts ON grants (lease_until) WHERE attempt_id IS NOT NULL;
CREATE INDEX grants_refused ON grants (app_id, last_refused_at) WHERE last_refused_at IS NOT NULL;
CREATE INDEX grants_changed ON grants (changed_xid);

CREATE TABLE grant_vehicles (
  app_id text COLLATE "C" NOT NULL,
  vehicle_id text COLLATE "C" NOT NULL,
  grant_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (app_id, vehicle_id, grant_id)
);

-- Grants that are gone, for as long as another node may remember them.
CREATE TABLE removed_grants (
  app_id text COLLATE "C" NOT NULL,
  grant_id text COLLATE "C" NOT NULL,
  user_id text NOT NULL,
  vehicles text[] NOT NULL,
  removed_at bigint NOT NULL,
  changed_xid bigint NOT NULL,
  changed_by bigint NOT NULL
);
CREATE INDEX removed_grants_changed ON removed_grants (changed_xid);

-- How often applications, callers and data keys have changed.
CREATE TABLE directory_changes (
  app_id text COLLATE "C" NOT NULL PRIMARY KEY,
  changes bigint NOT NULL
);

CREATE TABLE late_pairs (
  app_id text COLLATE "C" NOT NULL,
  grant_id text COLLATE "C" NOT NULL,
  epoch bigint NOT NULL,
  generation bigint NOT NULL,
  received_at bigint NOT NULL,
  access_expires_at bigint NOT NULL,
  refresh_expires_at bigint NOT NULL,
  scope text NOT NULL,
  data_key bigint NOT NULL,
  access_sealed bytea NOT NULL,
  refresh_sealed bytea NOT NULL
);
CREATE INDEX late_pairs_by_grant ON late_pairs (app_id, grant_id, epoch);

-- Successes per minute. The two grants that succeeded last tell "another one" from "the one that asks". `lane` keeps
-- commits that run at the same time from waiting for each other.
CREATE TABLE refresh_counts (
  app_id text COLLATE "C" NOT NULL,
  minute bigint NOT NULL,
  node_id text COLLATE "C" NOT NULL,
  lane bigint NOT NULL,
  refreshed bigint NOT NULL,
  last_grant text NOT NULL,
  last_at bigint NOT NULL,
  other_grant text,
  other_at bigint,
  PRIMARY KEY (app_id, minute, node_id, lane)
);

CREATE TABLE applications (
  app_id text COLLATE "C" NOT NULL PRIMARY KEY,
  name text NOT NULL UNIQUE,
  provider text NOT NULL,
  client_id text NOT NULL,
  v3_client_id text NOT NULL,
  simulated boolean NOT NULL,
  redirect_uri text NOT NULL,
  scopes text NOT NULL,                         -- list
  return_to text NOT NULL,                      -- list
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  revision bigint NOT NULL
);

CREATE TABLE application_secrets (
  app_id text COLLATE "C" NOT NULL,
  position bigint NOT NULL,
  purpose text NOT NULL,
  sealed bytea NOT NULL,
  set_at bigint NOT NULL,
  PRIMARY KEY (app_id, position)
);

CREATE TABLE callers (
  app_id text COLLATE "C" NOT NULL,             -- '': an admin of the whole installation
  caller_id text COLLATE "C" NOT NULL PRIMARY KEY,
  name text NOT NULL UNIQUE,
  permissions text NOT NULL,                    -- list
  users text NOT NULL,                          -- list
  routes text NOT NULL,                         -- list
  expires_at bigint,
  disabled boolean NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  secret_hash bytea NOT NULL,
  previous_secret_hash bytea NOT NULL,
  previous_until bigint
);

CREATE TABLE data_keys (
  app_id text COLLATE "C" NOT NULL,
  key_id bigint NOT NULL,
  master text NOT NULL,
  wrapped bytea NOT NULL,
  is_primary boolean NOT NULL,
  created_at bigint NOT NULL,
  PRIMARY KEY (app_id, key_id)
);

-- Which data keys each node may seal with or keeps pairs of in its spool. A data key in here is not retired.
CREATE TABLE data_key_holders (
  app_id text COLLATE "C" NOT NULL,
  key_id bigint NOT NULL,
  node_id text COLLATE "C" NOT NULL,
  since bigint NOT NULL,
  PRIMARY KEY (app_id, key_id, node_id)
);
CREATE INDEX late_pairs_by_key ON late_pairs (app_id, data_key);

CREATE TABLE consents (
  app_id text COLLATE "C" NOT NULL,
  state_hash bytea NOT NULL PRIMARY KEY,
  user_id text NOT NULL,
  return_to text NOT NULL,
  redirect_uri text NOT NULL,
  single_select boolean NOT NULL,
  sealed_verifier bytea NOT NULL,
  expires_at bigint NOT NULL
);
CREATE INDEX consents_by_expiry ON consents (expires_at);

-- The audit trail: one chain per node.
CREATE TABLE audit (
  node_id text COLLATE "C" NOT NULL,
  sequence bigint NOT NULL,
  key_id bigint NOT NULL,
  at bigint NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  outcome text NOT NULL,
  app_id text COLLATE "C" NOT NULL,
  grant_id text NOT NULL,
  user_id text NOT NULL,
  subject text NOT NULL,
  times bigint NOT NULL,
  request_id text NOT NULL,
  mac bytea NOT NULL,
  PRIMARY KEY (node_id, sequence)
);
CREATE INDEX audit_by_time ON audit (at, node_id, sequence);
CREATE INDEX audit_by_grant ON audit (grant_id, at) WHERE grant_id <> '';
