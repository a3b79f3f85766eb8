-- Keys that take each other's place: what a rotation needs to make marks anew, who holds which key, and
-- several token keys at a time.

-- A token key made before it verifies nothing any more. Covered by the MAC, as all of the head but the
-- fence.
ALTER TABLE countersign.head ADD COLUMN token_floor timestamptz(3);

-- The code's hash, sealed: code_hash is a MAC of it, which the next key must be able to make anew.
ALTER TABLE countersign.invitations ADD COLUMN sealed text;
ALTER TABLE countersign.genesis_code ADD COLUMN sealed text;

-- Which key-encryption keys each running server says it holds, by their ids.
CREATE TABLE countersign.replicas (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  keks text[] NOT NULL,
  seen_at timestamptz(3) NOT NULL,
  mac bytea NOT NULL
);

-- When a token key signs and verifies; sealed with it. Null for keys that are not replaced.
ALTER TABLE countersign.sealed_keys ADD COLUMN schedule jsonb;
-- The one token key until now had no end. Its tokens end with the upgrade.
DELETE FROM countersign.sealed_keys WHERE purpose = 'token';
