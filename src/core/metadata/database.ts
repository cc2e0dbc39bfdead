import { constants, Database, type Statement } from "bun:sqlite"
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { Failure } from "../../errors/failure.ts"
import { takeLockFile } from "../../linux/lock-file.ts"
import type { Collection, Metadata } from "./contract.ts"
import { DocumentCollection } from "./documents.ts"
import { exhausted, fullDiskAdvice } from "./full-disk.ts"
import type { Labels } from "./labels.ts"
import { migrate } from "./migrate.ts"
import { DatabaseReserve } from "./reserve.ts"
import { ReserveFile } from "./reserve-file.ts"
import { explainSqlite } from "./sqlite-failure.ts"
import { WalFlush } from "./wal-flush.ts"

export type SqlValue = string | number | bigint | null | Uint8Array

/**
 * Every record of one data root: SQLite in WAL mode, opened by one process at a time. All access is synchronous and on
 * the daemon's one thread, so what runs between two awaits is atomic to every other caller. Integers are read as bigint.
 * A change survives the end of the process when the call returns, and a loss of power once {@link flushed} resolves.
 */
export class MetadataDatabase implements Metadata {
  readonly path: string
  readonly #database: Database
  readonly #lock: number
  readonly #reserve: DatabaseReserve
  readonly #reserveFile: ReserveFile
  readonly #flush: WalFlush
  readonly #statements = new Map<string, Statement>()
  #depth = 0
  #afterCommit: (() => void)[] = []
  #namespaceAdded: (name: string) => void = () => {}

  private constructor(path: string, database: Database, lock: number, reserveFile: ReserveFile, isFull: boolean) {
    this.path = path
    this.#database = database
    this.#lock = lock
    this.#reserve = new DatabaseReserve(database, path)
    this.#reserveFile = reserveFile
    this.#flush = new WalFlush(`${path}-wal`)
    try {
      this.#reserve.fill()
      // What the file has given up is for what this start has to record.
      if (!isFull) reserveFile.fill()
    } catch (error) {
      // A full disk must not keep the daemon from starting: additions are refused until the reserve is there.
      if ((explainSqlite(error, path) as Partial<Failure>).kind !== "noSpace") throw error
    }
  }

  /**
   * Opens or creates the database, and brings its schema up to date.
   * @throws conflict when another process has it open, or when a newer program has written it
   * @throws dataLoss when the file is not a database of ours
   * @throws unavailable when it cannot be written
   */
  static open(path: string): MetadataDatabase {
    mkdirSync(dirname(path), { recursive: true, mode: 0o710 })
    let lock: number | undefined
    let database: Database | undefined
    try {
      // On a file beside the database: SQLite's own locks live on the database file and are its business.
      lock = takeLockFile(`${path}.lock`, path, "--data-root")
      const reserveFile = new ReserveFile(path)
      const isFull = reserveFile.releaseIfFull()
      hideFromOthers(path)
      database = new Database(path, { create: true, readwrite: true, strict: true, safeIntegers: true })
      // Exclusive: the index of the WAL is kept in memory instead of in a file, which a full disk could refuse.
      for (const pragma of [
        "locking_mode = EXCLUSIVE",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        "temp_store = MEMORY",
      ]) {
        database.run(`PRAGMA ${pragma}`)
      }
      database.fileControl(constants.SQLITE_FCNTL_PERSIST_WAL, 1)
      migrate(database, path)
      return new MetadataDatabase(path, database, lock, reserveFile, isFull)
    } catch (error) {
      database?.close()
      if (lock !== undefined) closeSync(lock)
      throw explainSqlite(error, path)
    }
  }

  /** All rows of a query. Statements are prepared once per text: keep texts constant, put values in parameters. */
  all<Row>(sql: string, ...values: SqlValue[]): Row[] {
    return this.#guard(() => this.#statement(sql).all(...values) as Row[])
  }

  /** The first row of a query. */
  first<Row>(sql: string, ...values: SqlValue[]): Row | undefined {
    return this.#guard(() => (this.#statement(sql).get(...values) as Row | null) ?? undefined)
  }

  /** Runs a change. @returns the number of rows changed and the ID of the row inserted last @throws noSpace */
  run(sql: string, ...values: SqlValue[]): { readonly changes: number; readonly id: bigint } {
    return this.#guard(() => {
      const result = this.#statement(sql).run(...values)
      return { changes: Number(result.changes), id: BigInt(result.lastInsertRowid) }
    })
  }

  /**
   * Runs `work` in one transaction. A nested call joins it: its changes become durable with the outermost one, and are
   * undone alone when it throws and the outer work carries on.
   * @throws what `work` throws, after everything it changed is undone; noSpace
   */
  transaction<T>(work: () => T): T {
    const depth = this.#depth
    const pending = this.#afterCommit.length
    const [begin, commit, rollback] =
      depth === 0
        ? ["BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"]
        : [`SAVEPOINT s${depth}`, `RELEASE s${depth}`, `ROLLBACK TO s${depth}; RELEASE s${depth}`]
    this.#guard(() => this.#database.run(begin!))
    this.#depth++
    let value: T
    try {
      value = work()
      if (value instanceof Promise) throw new Failure("internal", "a transaction's work must not be asynchronous")
      this.#guard(() => this.#database.run(commit!))
    } catch (error) {
      this.#afterCommit.length = pending
      // SQLite has rolled back by itself after some errors (a full disk).
      if (this.#database.inTransaction) this.#database.run(rollback!)
      throw error
    } finally {
      this.#depth = depth
    }
    if (depth === 0) {
      const actions = this.#afterCommit
      this.#afterCommit = []
      for (const action of actions) action()
    }
    return value
  }

  /** Runs `action` when the open transaction has become durable, at once when there is none, and never when it is undone. */
  afterCommit(action: () => void): void {
    if (this.#depth === 0) action()
    else this.#afterCommit.push(action)
  }

  /**
   * Makes sure that additions leave the reserve to removals. Call before a record is added.
   * @throws noSpace when the disk is full or the reserve is half used and cannot be filled up
   */
  assertRoom(): void {
    const directory = dirname(this.path)
    if (exhausted(directory)) throw new Failure("noSpace", fullDiskAdvice(directory, "nothing was added"))
    if (this.#depth > 0) return
    if (this.#reserve.lacks || this.#reserveFile.lacks) this.#guard(() => this.#fillReserves())
  }

  /**
   * Gives the last room up to a removal that found none and is going to be tried again.
   * @returns false when nothing was left to give
   */
  releaseReserve(): boolean {
    return this.#guard(() => this.#reserveFile.release())
  }

  /** Resolves when every change made so far survives a loss of power. Callers that come together share one flush. */
  flushed(): Promise<void> {
    return this.#flush.run()
  }

  collection<T>(name: string): Collection<T> {
    return new DocumentCollection<T>(this, name)
  }

  /** Makes sure that the namespace exists, so that records can belong to it. */
  ensureNamespace(name: string): void {
    if (this.addNamespace(name, {})) this.afterCommit(() => this.#namespaceAdded(name))
  }

  /** Adds a namespace. @returns false when it exists already, which stays as it is @throws invalidArgument */
  addNamespace(name: string, labels: Labels): boolean {
    if (!/^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/.test(name) || name.length > 76) {
      throw new Failure("invalidArgument", `invalid namespace "${name}": letters, digits and single . _ - between them`)
    }
    const sql = "INSERT OR IGNORE INTO namespaces (name, labels) VALUES (?, ?)"
    return this.run(sql, name, JSON.stringify(labels)).changes > 0
  }

  /** Calls `listener` with each namespace that comes into being with a record, after the commit. */
  onNamespace(listener: (name: string) => void): void {
    this.#namespaceAdded = listener
  }

  [Symbol.dispose](): void {
    for (const statement of this.#statements.values()) statement.finalize()
    this.#statements.clear()
    const settled = this.#settled()
    this.#database.close()
    if (settled) this.#flush.empty()
    this.#flush[Symbol.dispose]()
    closeSync(this.#lock)
  }

  #fillReserves(): void {
    this.#reserve.fill()
    this.#reserveFile.fill()
  }

  /** Moves every change from the log into the database. @returns whether that succeeded */
  #settled(): boolean {
    try {
      const state = this.#database.query("PRAGMA wal_checkpoint").get() as Record<string, bigint>
      return state["busy"] === 0n && state["log"] === state["checkpointed"]
    } catch {
      return false
    }
  }

  #statement(sql: string): Statement {
    const known = this.#statements.get(sql)
    if (known) return known
    const statement = this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  #guard<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw explainSqlite(error, this.path)
    }
  }
}

/**
 * Lets root alone read the database: it has the environments of containers, with their secrets, and the way to it is open to
 * everybody. SQLite gives its WAL the mode of the database.
 */
function hideFromOthers(path: string): void {
  if (!existsSync(path)) closeSync(openSync(path, "a", 0o600))
  for (const file of [path, `${path}-wal`])
    if (existsSync(file) && (statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600)
}
