import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { MetadataDatabase } from "./database.ts"

/** Calls `use` with a new database in a directory of its own, and removes both afterwards. */
export async function withDatabase<T>(use: (database: MetadataDatabase, root: string) => Promise<T>): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), "metadata-"))
  try {
    using database = MetadataDatabase.open(join(root, "barge.db"))
    return await use(database, root)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
