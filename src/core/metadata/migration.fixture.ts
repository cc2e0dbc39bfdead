import { Database } from "bun:sqlite"
import { readSync, writeSync } from "node:fs"
import { join } from "node:path"
import { openInstallation } from "./installation.ts"
import { migrate } from "./migrate.ts"
import { migrations } from "./migrations.ts"

/**
 * Brings the database of a data root up to date, made to be killed meanwhile. `whole`: as a daemon does at its start, when
 * a byte comes. `endless`: to a version that a later program might have, whose last step never ends.
 */
const [data, boot, mode] = process.argv.slice(2) as [string, string, "whole" | "endless"]
writeSync(1, "ready\n")
readSync(0, Buffer.alloc(1))
if (mode === "whole") {
  openInstallation({ data, boot }).database[Symbol.dispose]()
} else {
  const path = join(data, "barge.db")
  const database = new Database(path, { safeIntegers: true })
  database.run("PRAGMA journal_mode = WAL")
  // Little memory for changed pages: the others go into the log before the end of the transaction.
  database.run("PRAGMA cache_size = 10")
  const numbers = (end: string) => `WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n ${end}) SELECT`
  migrate(database, path, [
    ...migrations,
    `CREATE TABLE half (x);
     DELETE FROM documents WHERE key < '5';
     INSERT INTO half ${numbers("LIMIT 12000")} zeroblob(500) FROM n;
     ${numbers("")} count(*) FROM n`,
  ])
}
writeSync(1, "done\n")
