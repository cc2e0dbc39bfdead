import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { Failure, isKind, kindOf } from "../../errors/failure.ts"
import { newId } from "../../std/id.ts"
import { MetadataDatabase } from "./database.ts"
import { walDamage } from "./wal-check.ts"

/** A data root's database, and the folder into which `salvage` has moved what could not be used. */
export interface Installation {
  readonly database: MetadataDatabase
  /** The same in the database, in the file `installation` beside it and in that of the run root. */
  readonly id: string
  readonly quarantine?: string
}

/** Folders of a data root whose contents are swept by what the database says. */
const recorded = ["content/blobs/sha256", "content/blobs/sha512", "snapshots", "containers", "volumes"]

/** Databases up to this size are checked page by page at each start: a few milliseconds. */
const checkedBytes = 16 << 20

/** Bytes of the smallest page: SQLite takes what is shorter for a new database. */
const smallestDatabase = 512

/**
 * Opens the database of a data root, or makes both when the root is new. A database that does not know what lies beside
 * it is refused before anything is swept, since sweeping would delete all of it.
 * @param options.salvage moves what is refused into a folder in the data root and begins anew
 * @param options.boot identifies the host's uptime (`/proc/sys/kernel/random/boot_id`)
 * @throws dataLoss when the database is missing, damaged or of another data root; conflict when another process has it
 * open or a newer program wrote it; unavailable when it cannot be written
 */
export function openInstallation(options: {
  readonly data: string
  readonly boot: string
  readonly salvage?: boolean
}): Installation {
  const { data, boot } = options
  mkdirSync(data, { recursive: true, mode: 0o711 })
  try {
    return openKnown(data, boot)
  } catch (error) {
    if (!options.salvage || !isKind(error, "dataLoss")) throw error
    const quarantine = quarantineAll(data)
    return { ...openKnown(data, boot), quarantine }
  }
}

function openKnown(data: string, boot: string): Installation {
  const path = join(data, "barge.db")
  refuseOtherKinds(data)
  const mark = new Mark(data)
  refuseMissing(data, path, mark)
  const damage = walDamage(`${path}-wal`, mark.boot !== boot)
  if (damage !== undefined) {
    throw refusal(`${path}-wal, which holds the latest changes, is damaged: ${damage}`)
  }
  const database = MetadataDatabase.open(path)
  try {
    refuseDamaged(database, path)
    refuseWithoutFiles(database, data)
    return { database, id: identify(database, path, mark, boot) }
  } catch (error) {
    database[Symbol.dispose]()
    throw error
  }
}

/**
 * Compares the database's ID with that of the data root, and gives both a new one when neither has any.
 * @throws dataLoss when the database belongs to another data root
 */
function identify(database: MetadataDatabase, path: string, mark: Mark, boot: string): string {
  const known = database.first<{ id: string }>("SELECT id FROM installation")?.id
  const data = dirname(path)
  if (mark.id === undefined) {
    // Neither a new data root, nor an upgrade, nor either of them cut off by a crash.
    if (known !== undefined && !mark.begun && filledFolders(data).length > 0) {
      throw refusal(
        `${path} belongs to another data root: beside it is no file "installation". If it does belong here, write ${known} into that file`,
      )
    }
  } else if (known !== mark.id) {
    throw refusal(`${path} belongs to another data root, or is older than ${join(data, "installation")}`)
  }
  const id = known ?? newId()
  try {
    mark.begin(id)
    if (known === undefined) database.run("INSERT INTO installation (id) VALUES (?)", id)
    mark.write(id, boot)
  } catch (error) {
    // A full disk keeps no daemon from starting: the data root is marked at a later start.
    if (kindOf(error) !== "noSpace") throw error
  }
  return id
}

/** @throws dataLoss when something else lies where a file has to be: to open a FIFO, for one, would never return */
function refuseOtherKinds(data: string): void {
  for (const name of ["barge.db", "barge.db-wal", "installation"]) {
    const path = join(data, name)
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() && !existsSync(path))
      throw refusal(`${path} is a link to a file that is missing`)
    if (existsSync(path) && !statSync(path).isFile()) throw refusal(`${path} is not a regular file`)
  }
}

/** @throws dataLoss when there is no database where one has been */
function refuseMissing(data: string, path: string, mark: Mark): void {
  const size = existsSync(path) ? statSync(path).size : undefined
  if (size !== undefined && size >= smallestDatabase) return
  const left = filledFolders(data)
  if (left.length === 0 && mark.id === undefined) return
  const holds = left.length > 0 ? left.join(", ") : "the mark of an installation"
  throw refusal(
    `${path} is ${size === undefined ? "missing" : size === 0 ? "empty" : "cut"}, but ${data} holds ${holds}`,
  )
}

/** @throws dataLoss when pages are missing or damaged */
function refuseDamaged(database: MetadataDatabase, path: string): void {
  const { size } = statSync(path)
  const pages = Number(database.first<{ page_count: bigint }>("PRAGMA page_count")?.page_count)
  const pageSize = Number(database.first<{ page_size: bigint }>("PRAGMA page_size")?.page_size)
  if (size > checkedBytes && size >= pages * pageSize) return
  const problems = database.all<{ quick_check: string }>("PRAGMA quick_check(3)").map((row) => row.quick_check)
  if (problems.length !== 1 || problems[0] !== "ok") throw refusal(`${path} is damaged: ${problems.join("; ")}`)
  const unreadable = database.first<{ what: string }>(`${unreadableRecords.join(" UNION ALL ")} LIMIT 1`)
  if (unreadable) throw refusal(`${path} is damaged: the record of ${unreadable.what} is not JSON`)
}

/** What SQLite cannot check: a page whose bytes were lost, and whose place is known, still counts as whole. */
const unreadableRecords = [
  ["documents", "collection || ' ' || key", "value"],
  ["container_extensions", "'container ' || container", "value"],
  ["images", "'image ' || name", "target"],
  ["images", "'image ' || name", "labels"],
  ["blobs", "'content ' || digest", "labels"],
  ["snapshots", "'layer ' || name", "labels"],
  ["containers", "'container ' || id", "labels"],
].map(([table, what, column]) => `SELECT ${what} AS what FROM ${table} WHERE NOT json_valid(${column})`)

/** @throws dataLoss when the database tells of files and the folders that held them are gone, as when a disk is not mounted */
function refuseWithoutFiles(database: MetadataDatabase, data: string): void {
  for (const [table, folder] of [
    ["blobs", "content"],
    ["snapshots", "snapshots"],
  ] as const) {
    if (existsSync(join(data, folder)) || !database.first(`SELECT 1 FROM ${table} LIMIT 1`)) continue
    throw refusal(`${join(data, folder)} is missing, but barge.db tells of what is in it: is its disk mounted?`)
  }
}

const refusal = (fact: string): Failure =>
  new Failure(
    "dataLoss",
    `${fact}. Nothing was changed. Restore the data root from a backup; or start once with --salvage, which moves everything in it into a folder salvage-… there and begins anew`,
  )

/** A folder may be the root of a disk of its own, which is never quite empty. */
const filledFolders = (data: string): readonly string[] =>
  recorded.filter(
    (folder) => existsSync(join(data, folder)) && readdirSync(join(data, folder)).some((name) => name !== "lost+found"),
  )

/** Moves everything in a data root into a dated folder there. @returns the folder */
function quarantineAll(data: string): string {
  const folder = join(data, `salvage-${new Date().toISOString().replaceAll(/[:.]/g, "-")}`)
  mkdirSync(folder, { mode: 0o700 })
  for (const name of readdirSync(data)) {
    if (!name.startsWith("salvage-") && !name.endsWith(".lock")) renameSync(join(data, name), join(folder, name))
  }
  return folder
}

/**
 * The file `installation`: the ID of the data root's database and the boot in which it was last opened. Its name comes
 * last, so a database without an ID beside it is never the result of a crash. It keeps its length, so it can be written on
 * a full disk.
 */
class Mark {
  readonly id: string | undefined
  readonly boot: string | undefined
  /** Whether a crash has cut off the making of the installation. */
  readonly begun: boolean
  readonly #path: string

  constructor(directory: string) {
    this.#path = join(directory, "installation")
    const [id, boot] = (existsSync(this.#path) ? readFileSync(this.#path, "utf8") : "").trim().split(" ")
    this.id = id || undefined
    this.boot = boot
    this.begun = existsSync(`${this.#path}.new`)
  }

  /** Announces that the database is about to get `id`. */
  begin(id: string): void {
    if (this.id === undefined) writeFileSync(`${this.#path}.new`, `${id}\n`, { mode: 0o600, flush: true })
  }

  /** Names the database's ID and the boot. */
  write(id: string, boot: string): void {
    if (id === this.id && boot === this.boot) return
    const text = `${id} ${boot}\n`
    if (this.id !== undefined) {
      writeFileSync(this.#path, text, { flag: "r+" })
      return
    }
    writeFileSync(`${this.#path}.new`, text, { mode: 0o600, flush: true })
    renameSync(`${this.#path}.new`, this.#path)
  }
}
