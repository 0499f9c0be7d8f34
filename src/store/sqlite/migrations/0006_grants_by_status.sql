-- Who has to reconnect, without a walk through everybody who has not. Active grants, nearly all, are not in it.
CREATE INDEX grants_by_status ON grants (app_id, status, grant_id) WHERE status <> 'active';
