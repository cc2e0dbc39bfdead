/**
 * The schema, as steps from one version to the next: `migrations[n]` leads from version n to n + 1. Forward only; a
 * released step never changes. Times are nanoseconds since the epoch, labels are JSON objects.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE namespaces (
    name TEXT PRIMARY KEY,
    labels TEXT NOT NULL DEFAULT '{}'
  ) WITHOUT ROWID;

  CREATE TABLE documents (
    collection TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (collection, key)
  ) WITHOUT ROWID;

  CREATE TABLE blobs (
    namespace TEXT NOT NULL REFERENCES namespaces (name),
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    labels TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (namespace, digest)
  ) WITHOUT ROWID;
  CREATE INDEX blobs_by_digest ON blobs (digest);

  CREATE TABLE ingests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL REFERENCES namespaces (name),
    ref TEXT NOT NULL,
    total INTEGER NOT NULL,
    expected TEXT,
    started_at INTEGER NOT NULL,
    UNIQUE (namespace, ref)
  );

  CREATE TABLE images (
    namespace TEXT NOT NULL REFERENCES namespaces (name),
    name TEXT NOT NULL,
    target TEXT NOT NULL,
    labels TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (namespace, name)
  ) WITHOUT ROWID;

  CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL REFERENCES namespaces (name),
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('active', 'view', 'committed')),
    parent INTEGER REFERENCES snapshots (id),
    labels TEXT NOT NULL,
    size INTEGER,
    inodes INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (namespace, name)
  );
  CREATE INDEX snapshots_by_parent ON snapshots (parent);

  CREATE TABLE containers (
    namespace TEXT NOT NULL REFERENCES namespaces (name),
    id TEXT NOT NULL,
    image TEXT,
    labels TEXT NOT NULL,
    snapshot_key TEXT,
    runtime TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (namespace, id),
    FOREIGN KEY (namespace, snapshot_key) REFERENCES snapshots (namespace, name)
  ) WITHOUT ROWID;
  CREATE INDEX containers_by_snapshot ON containers (namespace, snapshot_key);

  CREATE TABLE container_extensions (
    namespace TEXT NOT NULL,
    container TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (namespace, container, name),
    FOREIGN KEY (namespace, container) REFERENCES containers (namespace, id) ON DELETE CASCADE
  ) WITHOUT ROWID;

  CREATE TABLE leases (
    namespace TEXT NOT NULL REFERENCES namespaces (name),
    id TEXT NOT NULL,
    labels TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    -- 1: belongs to work inside the daemon and ends with the process
    ephemeral INTEGER NOT NULL,
    PRIMARY KEY (namespace, id)
  ) WITHOUT ROWID;

  CREATE TABLE lease_resources (
    namespace TEXT NOT NULL,
    lease TEXT NOT NULL,
    type TEXT NOT NULL CHECK (type IN ('content', 'snapshots', 'ingests')),
    resource TEXT NOT NULL,
    PRIMARY KEY (namespace, lease, type, resource),
    FOREIGN KEY (namespace, lease) REFERENCES leases (namespace, id) ON DELETE CASCADE
  ) WITHOUT ROWID;
  `,

  // Layers may be images that are mounted: to programs of version 1 they would be empty directories.
  "SELECT 1",

  // Filled and emptied to keep free pages (reserve.ts), and what the database knows of itself (installation.ts).
  `
  CREATE TABLE reserve (filler BLOB NOT NULL);
  CREATE TABLE installation (id TEXT NOT NULL);
  `,
]
