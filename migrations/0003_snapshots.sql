-- Folded authority, so that a start folds only what came later. One for each fold: servers of two versions
-- keep one each. It is believed for its MAC alone, and derived anew from the statements after a start.
CREATE TABLE countersign.snapshots (
  -- Which code folded it.
  fold text PRIMARY KEY,
  id uuid NOT NULL,
  -- How far it goes, digests of its state and of its parts.
  document text NOT NULL,
  made_at timestamptz(3) NOT NULL DEFAULT now(),
  mac bytea NOT NULL
);

-- Written before the row above, so that no half of one is ever found. Compressed already.
CREATE TABLE countersign.snapshot_parts (
  snapshot uuid NOT NULL,
  number integer NOT NULL,
  written_at timestamptz(3) NOT NULL DEFAULT now(),
  bytes bytea NOT NULL,
  PRIMARY KEY (snapshot, number)
);
ALTER TABLE countersign.snapshot_parts ALTER COLUMN bytes SET STORAGE EXTERNAL;
