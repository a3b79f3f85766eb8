-- What the server's role needs: LOGIN; CREATE on this one database for the very first start (or an
-- empty schema "countersign" that it owns); nothing else. No superuser, CREATEROLE or CREATEDB, no
-- other schema. Every object here belongs to it. Names are fully qualified: search_path is not used.
--
-- The ledger (head, entries, tiles) is the truth. Everything else is a projection of it, or says only
-- who may knock (codes), or is opened and checked under a key that is not in this database (sealed).

REVOKE ALL ON SCHEMA countersign FROM PUBLIC;

-- One row: what every commit compares and sets. Written by the server on its first start, because its
-- MAC needs a key that is not here.
CREATE TABLE countersign.head (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  size bigint NOT NULL CHECK (size >= 0),
  root bytea NOT NULL CHECK (octet_length(root) = 32),
  peaks bytea NOT NULL,
  authority_version bigint NOT NULL CHECK (authority_version >= 0),
  authority_chain bytea NOT NULL CHECK (octet_length(authority_chain) = 32),
  time timestamptz(3) NOT NULL,
  mac bytea NOT NULL,
  -- Raised to make a statement whose answer was lost impossible; not part of the ledger.
  fence bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
COMMENT ON COLUMN countersign.head.peaks IS 'compact range of the RFC 6962 tree';
COMMENT ON COLUMN countersign.head.authority_chain IS
  'SHA-256 chain over the leaf hashes of authority entries, so that none can be hidden from a fold';

CREATE TABLE countersign.entries (
  index bigint PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  type text NOT NULL,
  time timestamptz(3) NOT NULL,
  agent uuid,
  authority boolean NOT NULL,
  bytes bytea NOT NULL,
  leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32)
);
CREATE INDEX entries_authority ON countersign.entries (index) WHERE authority;
CREATE INDEX entries_agent ON countersign.entries (agent, index) WHERE agent IS NOT NULL;
CREATE INDEX entries_type ON countersign.entries (type, index);

-- C2SP tlog-tiles, full tiles only. root: what the tile adds to the level above.
CREATE TABLE countersign.tiles (
  level smallint NOT NULL,
  index bigint NOT NULL,
  bytes bytea NOT NULL CHECK (octet_length(bytes) = 8192),
  root bytea NOT NULL CHECK (octet_length(root) = 32),
  PRIMARY KEY (level, index)
);

-- Append-only for the owner too, as far as PostgreSQL goes: a slip fails, malice meets the Merkle tree.
REVOKE UPDATE, DELETE, TRUNCATE ON countersign.entries, countersign.tiles FROM CURRENT_USER;

CREATE TABLE countersign.replay_ids (
  id text PRIMARY KEY,
  expires_at timestamptz(3) NOT NULL
);
CREATE INDEX replay_ids_expiry ON countersign.replay_ids (expires_at);

CREATE TABLE countersign.grant_uses (
  grant_id uuid PRIMARY KEY,
  used bigint NOT NULL,
  max_uses bigint NOT NULL,
  CONSTRAINT uses_left CHECK (used >= 0 AND used <= max_uses)
);

CREATE TABLE countersign.leases (
  id uuid PRIMARY KEY,
  agent uuid NOT NULL,
  connection text NOT NULL,
  environment text NOT NULL,
  grants uuid[] NOT NULL,
  rights jsonb NOT NULL,
  decision uuid NOT NULL,
  -- Over what never changes of a lease, under a key from the KEK.
  mac bytea NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'active', 'revoked', 'failed')),
  created_at timestamptz(3) NOT NULL,
  expires_at timestamptz(3) NOT NULL,
  trouble text,
  claimed_until timestamptz(3)
);
CREATE INDEX leases_live ON countersign.leases (expires_at) WHERE state IN ('pending', 'active');

CREATE TABLE countersign.access_requests (
  id uuid PRIMARY KEY,
  agent uuid NOT NULL,
  details jsonb NOT NULL,
  reason text,
  sender text,
  created_at timestamptz(3) NOT NULL,
  -- Over what the agent asked, under a key from the KEK.
  mac bytea NOT NULL,
  rejection text,
  statement uuid
);
CREATE INDEX access_requests_open ON countersign.access_requests (agent)
  WHERE rejection IS NULL AND statement IS NULL;

CREATE TABLE countersign.invitations (
  code_hash text PRIMARY KEY,
  name text NOT NULL,
  roles text[] NOT NULL,
  groups text[] NOT NULL,
  sponsor text NOT NULL,
  expires_at timestamptz(3) NOT NULL,
  spent boolean NOT NULL DEFAULT false
);

CREATE TABLE countersign.genesis_code (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  code_hash text NOT NULL
);

-- JWEs under keys derived from the key-encryption key, each bound to what it is for.
CREATE TABLE countersign.sealed_credentials (
  statement uuid PRIMARY KEY,
  sealed text NOT NULL
);
CREATE TABLE countersign.sealed_keys (
  purpose text PRIMARY KEY,
  public_jwk jsonb NOT NULL,
  sealed text NOT NULL
);
