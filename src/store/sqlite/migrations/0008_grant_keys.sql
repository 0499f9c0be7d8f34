-- What a grant is found by, its user and each of its vehicles, is a hash of eight bytes that leads to the grant's number:
-- an import touches few pages of such an index. The texts themselves are in the grant's row, where they are compared.

-- The number is the rowid that the grants have, which VACUUM keeps now that it has a name. No row changes by that, so it
-- is the table's text that is changed (https://sqlite.org/lang_altertable.html, 7).
PRAGMA writable_schema=ON;
UPDATE sqlite_schema
  SET sql = replace(sql, 'PRIMARY KEY (app_id, grant_id)', 'number INTEGER PRIMARY KEY,
  UNIQUE (app_id, grant_id)')
  WHERE type = 'table' AND name = 'grants';
PRAGMA writable_schema=RESET;

CREATE TABLE grant_keys (
  key INTEGER NOT NULL,                       -- grant_key(kind, app_id, text)
  number INTEGER NOT NULL,
  PRIMARY KEY (key, number)
) WITHOUT ROWID;
INSERT OR IGNORE INTO grant_keys
  SELECT grant_key('user', app_id, user_id), number FROM grants
  UNION ALL
  SELECT grant_key('vehicle', v.app_id, v.vehicle_id), g.number
    FROM grant_vehicles v JOIN grants g ON g.app_id = v.app_id AND g.grant_id = v.grant_id
  ORDER BY 1;

DROP TABLE grant_vehicles;
DROP INDEX grants_by_user;
