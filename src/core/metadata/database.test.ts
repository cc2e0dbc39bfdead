import { Database } from "bun:sqlite"
import { expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { MetadataDatabase } from "./database.ts"
import { migrate } from "./migrate.ts"
import { migrations } from "./migrations.ts"
import { metadataSuite } from "./suite.ts"

class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "metadata-"))
  get database(): string {
    return join(this.path, "barge.db")
  }
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

metadataSuite(() => {
  const folder = new Folder()
  const database = MetadataDatabase.open(folder.database)
  const close = database[Symbol.dispose].bind(database)
  database[Symbol.dispose] = () => {
    close()
    folder[Symbol.dispose]()
  }
  return database
})

test("what was committed is there after the database is opened again", () => {
  using folder = new Folder()
  {
    using database = MetadataDatabase.open(folder.database)
    database.collection<number>("things").put("x", 1)
  }
  using database = MetadataDatabase.open(folder.database)
  expect(database.collection<number>("things").get("x")).toBe(1)
})

test("a second opening is refused by name while the first is open, and works afterwards", () => {
  using folder = new Folder()
  {
    using _first = MetadataDatabase.open(folder.database)
    expect(() => MetadataDatabase.open(folder.database)).toThrow(
      `${folder.database} is in use by another daemon (process ${process.pid})`,
    )
  }
  MetadataDatabase.open(folder.database)[Symbol.dispose]()
})

test("a child process does not keep the lock of a daemon that has ended", async () => {
  using folder = new Folder()
  const first = MetadataDatabase.open(folder.database)
  const child = spawn("sleep", ["1000"], { stdio: "ignore" })
  await once(child, "spawn")
  first[Symbol.dispose]()
  MetadataDatabase.open(folder.database)[Symbol.dispose]()
  child.kill("SIGKILL")
  await once(child, "exit")
})

test("nobody but root can read the database, also one that could be read before", () => {
  using folder = new Folder()
  const modes = () => [folder.database, `${folder.database}-wal`].map((file) => statSync(file).mode & 0o777)
  const database = MetadataDatabase.open(folder.database)
  expect(modes()).toEqual([0o600, 0o600])
  database[Symbol.dispose]()
  for (const file of [folder.database, `${folder.database}-wal`]) chmodSync(file, 0o644)
  MetadataDatabase.open(folder.database)[Symbol.dispose]()
  expect(modes()).toEqual([0o600, 0o600])
})

test("a database of a newer program is refused and left alone", () => {
  using folder = new Folder()
  MetadataDatabase.open(folder.database)[Symbol.dispose]()
  const raw = new Database(folder.database)
  raw.run(`PRAGMA user_version = ${migrations.length + 1}`)
  raw.close()
  expect(() => MetadataDatabase.open(folder.database)).toThrow("written by a newer version")
  expect(() => MetadataDatabase.open(folder.database)).toThrow("written by a newer version")
})

test("a file that is no database of ours is refused and left alone", () => {
  using folder = new Folder()
  writeFileSync(folder.database, "something else entirely, and long enough to be looked at".repeat(100))
  expect(() => MetadataDatabase.open(folder.database)).toThrow("not a database of this program")
  using other = new Folder()
  const raw = new Database(other.database)
  raw.run("CREATE TABLE somebody (x)")
  raw.close()
  expect(() => MetadataDatabase.open(other.database)).toThrow("another program")
})

test("a migration that fails leaves the old version", () => {
  using folder = new Folder()
  const raw = new Database(folder.database)
  migrate(raw, folder.database, ["CREATE TABLE a (x)"])
  expect(() => migrate(raw, folder.database, ["CREATE TABLE a (x)", "CREATE TABLE b (x); nonsense"])).toThrow()
  expect(raw.query("PRAGMA user_version").get()).toEqual({ user_version: 1 })
  expect(raw.query("SELECT name FROM sqlite_schema WHERE type = 'table'").all()).toEqual([{ name: "a" }])
  migrate(raw, folder.database, ["CREATE TABLE a (x)", "CREATE TABLE b (x)"])
  expect(raw.query("PRAGMA user_version").get()).toEqual({ user_version: 2 })
  raw.close()
})

test("an action after commit runs once the outermost transaction is durable, and not when it is undone", () => {
  using folder = new Folder()
  using database = MetadataDatabase.open(folder.database)
  const seen: string[] = []
  database.transaction(() => {
    database.transaction(() => database.afterCommit(() => seen.push("inner")))
    try {
      database.transaction(() => {
        database.afterCommit(() => seen.push("undone"))
        throw new Error("no")
      })
    } catch {}
    expect(seen).toEqual([])
  })
  database.afterCommit(() => seen.push("outside"))
  expect(seen).toEqual(["inner", "outside"])
})

test("a daemon killed in the middle of commits loses nothing it has acknowledged and leaves nothing half-made", async () => {
  using folder = new Folder()
  for (let round = 0; round < 5; round++) {
    const child = spawn(process.execPath, [join(import.meta.dir, "crash.fixture.ts"), folder.database], {
      stdio: ["ignore", "pipe", "inherit"],
    })
    // Its end of the pipe goes before its lock.
    const gone = once(child, "exit")
    let told = ""
    for await (const chunk of child.stdout) {
      told += chunk
      if (told.split("\n").length > 100 + 37 * round) child.kill("SIGKILL")
    }
    await gone
    const acknowledged = Number(told.split("\n").at(-2))
    using database = MetadataDatabase.open(folder.database)
    expect(database.all("PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }])
    const left = database.collection<number>("left").all()
    expect(left).toEqual(database.collection<number>("right").all())
    expect(left.length).toBeGreaterThan(acknowledged)
  }
})
