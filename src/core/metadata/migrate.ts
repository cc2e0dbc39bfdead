import type { Database } from "bun:sqlite"
import { rmSync } from "node:fs"
import { Failure } from "../../errors/failure.ts"
import { migrations } from "./migrations.ts"

/** Marks the file as this program's (`PRAGMA application_id`): "BRGE". */
const applicationId = 0x42524745

/**
 * Brings the schema to this program's version in one transaction; an interrupted migration leaves the old version. A copy
 * of an older database (`PATH.schema-VERSION`) lies beside it until that has succeeded.
 * @throws conflict when the database is newer than the program; dataLoss when it belongs to another program
 */
export function migrate(database: Database, path: string, steps: readonly string[] = migrations): void {
  const backup = backUpOlder(database, path, steps)
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
  if (backup !== undefined) rmSync(backup, { force: true })
}

/** @returns the copy's path; undefined when none is needed, or there is no room: the transaction protects the database as well */
function backUpOlder(database: Database, path: string, steps: readonly string[]): string | undefined {
  const version = pragma(database, "user_version")
  if (version === 0 || version >= steps.length || pragma(database, "application_id") !== applicationId) return undefined
  const backup = `${path}.schema-${version}`
  rmSync(backup, { force: true })
  try {
    database.run("VACUUM INTO ?", [backup])
  } catch (error) {
    rmSync(backup, { force: true })
    if ((error as { code?: string }).code !== "SQLITE_FULL") throw error
    return undefined
  }
  return backup
}

const pragma = (database: Database, name: string): number =>
  Number(Object.values(database.query(`PRAGMA ${name}`).get() as Record<string, bigint>)[0])

const isEmpty = (database: Database): boolean => database.query("SELECT 1 FROM sqlite_schema LIMIT 1").get() === null
