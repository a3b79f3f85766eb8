-- How often what was done, by day, for reports: counted from entries, each once, and read by no decision.
-- To count anew: DELETE FROM countersign.usage; UPDATE countersign.usage_counted SET entries = 0;

CREATE TABLE countersign.usage (
  -- Id of an agent, a grant or a human.
  subject uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('allowed', 'denied', 'credential', 'grant', 'session')),
  what text NOT NULL,
  day date NOT NULL,
  count bigint NOT NULL CHECK (count >= 0),
  last_at timestamptz(3) NOT NULL,
  PRIMARY KEY (subject, kind, what, day)
);

-- One row: entries before this index are in the counts.
CREATE TABLE countersign.usage_counted (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  entries bigint NOT NULL CHECK (entries >= 0)
);
INSERT INTO countersign.usage_counted (entries) VALUES (0);
