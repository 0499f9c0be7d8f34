-- Fewer bytes for each grant, and fewer indexes for each commit.

-- A pair that has to be replaced is due before; so only those whose due time was moved behind that line need an index.
DROP INDEX grants_renew_by;
CREATE INDEX grants_overdue ON grants (app_id, renew_by) WHERE status IN ('active', 'suspect') AND renew_by < due_at;

-- The table held everything twice. Vehicles are looked up by equality alone, and their ids are long.
ALTER TABLE grant_vehicles DROP CONSTRAINT grant_vehicles_pkey;
CREATE INDEX grant_vehicles_by_vehicle ON grant_vehicles USING hash (vehicle_id);

-- Every row is replaced twice for each refresh: what is left behind goes soon.
ALTER TABLE grants SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);
