-- What a grant is found by, its user and each of its vehicles, is a hash of eight bytes that leads to the grant's number:
-- an import touches few pages of such an index. The texts themselves are in the grant's row, where they are compared.

CREATE TABLE numbered_grants (
  app_id TEXT NOT NULL,
  grant_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  provider_user TEXT NOT NULL,
  single_vehicle TEXT NOT NULL,               -- the vehicle of a single-select grant, else ''
  single_select INTEGER NOT NULL,
  vehicles TEXT NOT NULL,                     -- list
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
  renew_by INTEGER NOT NULL,                  -- by when the pair has to be replaced
  number INTEGER PRIMARY KEY,
  UNIQUE (app_id, grant_id)
);
INSERT INTO numbered_grants SELECT *, rowid FROM grants ORDER BY rowid;

CREATE TABLE grant_keys (
  key INTEGER NOT NULL,                       -- grant_key(kind, app_id, text)
  number INTEGER NOT NULL,
  PRIMARY KEY (key, number)
) WITHOUT ROWID;
INSERT OR IGNORE INTO grant_keys
  SELECT grant_key('user', app_id, user_id), number FROM numbered_grants
  UNION ALL
  SELECT grant_key('vehicle', v.app_id, v.vehicle_id), g.number
    FROM grant_vehicles v JOIN numbered_grants g ON g.app_id = v.app_id AND g.grant_id = v.grant_id
  ORDER BY 1;

DROP TABLE grant_vehicles;
DROP TABLE grants;
ALTER TABLE numbered_grants RENAME TO grants;
CREATE INDEX grants_due ON grants (app_id, due_at) WHERE status <> 'revoked';
CREATE INDEX grants_unsettled ON grants (app_id, due_at) WHERE status IN ('suspect', 'revoking');
CREATE INDEX grants_renew_by ON grants (app_id, renew_by) WHERE status IN ('active', 'suspect');
CREATE INDEX grants_attempts ON grants (lease_until_boot_ms) WHERE attempt_id IS NOT NULL;
CREATE INDEX grants_refused ON grants (app_id, last_refused_at) WHERE last_refused_at IS NOT NULL;
CREATE INDEX grants_by_status ON grants (app_id, status, grant_id) WHERE status <> 'active';
