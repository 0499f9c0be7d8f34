-- Fewer bytes for each grant, and fewer to write for each refresh. The account's id is long, and what this index is for
-- beside finding a user's grants is telling the accounts and vehicles of one user apart: their hash does that in eight bytes.
CREATE UNIQUE INDEX grants_by_account ON grants
  (app_id, user_id, hashtextextended(provider_user, hashtextextended(single_vehicle, 0)));
DROP INDEX grants_by_user;
