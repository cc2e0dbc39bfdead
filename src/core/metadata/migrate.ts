import type { Database } from "bun:sqlite"
import { readdirSync, rmSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { Failure } from "../../errors/failure.ts"
import { migrations } from "./migrations.ts"

/** Marks the file as this program's (`PRAGMA application_id`): "BRGE". */
const applicationId = 0x42524745

/**
 * Brings the schema to this program's version in one transaction; an interrupted migration leaves the old version. A copy
 * of an older database (`PATH.schema-VERSION`) lies beside it until that has succeeded, also over a kill.
 * @throws conflict when the database is newer than the program; dataLoss when it belongs to another program
 */
export function migrate(database: Database, path: string, steps: readonly string[] = migrations): void {
  backUpOlder(database, path, steps)
  database.transaction(() => {
    const version = pragma(database, "user_version")
    const owner = pragma(database, "application_id")
    if (owner !== applicationId && (owner !== 0 || version !== 0 || !isEmpty(database))) {
      throw new Failure("dataLoss", `${path} is a database of another program; give the daemon another --data-root`)
    }
    if (version > steps.length) {
      throw new Failure(
        "conflict",
        `${path} has schema version ${version}, this program knows ${steps.length}: it was written by a newer version; start that one, or give this one another --data-root`,
      )
    }
    if (version === steps.length && owner === applicationId) return
    for (const step of steps.slice(version)) database.run(step)
    database.run(`PRAGMA application_id = ${applicationId}`)
    database.run(`PRAGMA user_version = ${steps.length}`)
  })()
  removeCopies(path)
}

/** Copies an older database. Without room for a copy the transaction protects the database as well. */
function backUpOlder(database: Database, path: string, steps: readonly string[]): void {
  const version = pragma(database, "user_version")
  if (version === 0 || version >= steps.length || pragma(database, "application_id") !== applicationId) return
  // A kill may have left half a copy.
  removeCopies(path)
  try {
    database.run("VACUUM INTO ?", [`${path}.schema-${version}`])
  } catch (error) {
    removeCopies(path)
    if ((error as { code?: string }).code !== "SQLITE_FULL") throw error
  }
}

/** Removes copies of all versions, and the journals of unfinished ones. */
function removeCopies(path: string): void {
  const folder = dirname(path)
  const beginning = `${basename(path)}.schema-`
  for (const name of readdirSync(folder)) {
    if (name.startsWith(beginning) && /^\d+(-journal)?$/.test(name.slice(beginning.length))) {
      rmSync(join(folder, name), { force: true })
    }
  }
}

const pragma = (database: Database, name: string): number =>
  Number(Object.values(database.query(`PRAGMA ${name}`).get() as Record<string, bigint>)[0])

const isEmpty = (database: Database): boolean => database.query("SELECT 1 FROM sqlite_schema LIMIT 1").get() === null
