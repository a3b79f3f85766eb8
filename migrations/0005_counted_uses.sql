-- Uses are counted by the ledger: entries that take or give back a use of a limited grant are chained on
-- the head, as those that carry authority are. The rows of grant_uses keep races apart, no more.

-- SHA-256 chain over the leaf hashes of these entries, covered by the MAC. Null: none yet.
ALTER TABLE countersign.head ADD COLUMN uses_chain bytea CHECK (octet_length(uses_chain) = 32);

ALTER TABLE countersign.entries ADD COLUMN counts boolean NOT NULL DEFAULT false;
CREATE INDEX entries_counts ON countersign.entries (index) WHERE counts;
