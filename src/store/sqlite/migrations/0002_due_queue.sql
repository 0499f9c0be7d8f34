-- The due queue by application, and the alarm line: by when each pair has to be replaced.

ALTER TABLE grants ADD COLUMN renew_by INTEGER NOT NULL DEFAULT 0;
UPDATE grants SET renew_by = max(due_at, refresh_expires_at - 604800000);  -- a week is the default of keep_alive

DROP INDEX grants_due;
CREATE INDEX grants_due ON grants (app_id, due_at) WHERE status <> 'revoked';
CREATE INDEX grants_unsettled ON grants (app_id, due_at) WHERE status IN ('suspect', 'revoking');
CREATE INDEX grants_renew_by ON grants (app_id, renew_by) WHERE status IN ('active', 'suspect');
