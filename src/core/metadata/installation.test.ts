import { Database } from "bun:sqlite"
import { expect, test } from "bun:test"
import { execFileSync } from "node:child_process"
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { MetadataDatabase } from "./database.ts"
import { openInstallation } from "./installation.ts"
import { migrations } from "./migrations.ts"

const boot = "11111111-1111-1111-1111-111111111111"
const laterBoot = "22222222-2222-2222-2222-222222222222"

/** A data root with a layer, a blob and records of them, that no daemon has open. */
class DataRoot implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "installation-"))
  readonly id: string

  constructor() {
    using database = openInstallation({ data: this.path, boot }).database
    mkdirSync(join(this.path, "snapshots/1"), { recursive: true })
    mkdirSync(join(this.path, "content/blobs/sha256"), { recursive: true })
    writeFileSync(join(this.path, "content/blobs/sha256/abc"), "bytes")
    database.ensureNamespace("moby")
    database.run(
      "INSERT INTO blobs (namespace, digest, size, labels, created_at, updated_at) VALUES ('moby', 'sha256:abc', 5, '{}', 0, 0)",
    )
    for (let at = 0; at < 20; at++) database.collection<string>("things").put(String(at), "x".repeat(3000))
    this.id = database.first<{ id: string }>("SELECT id FROM installation")!.id
  }

  at(name: string): string {
    return join(this.path, name)
  }

  open(now = boot): string {
    const { database, id } = openInstallation({ data: this.path, boot: now })
    database[Symbol.dispose]()
    return id
  }

  /** Opens with `salvage`. @returns the quarantine */
  salvage(): string {
    const { database, quarantine, id } = openInstallation({ data: this.path, boot, salvage: true })
    database[Symbol.dispose]()
    expect(id).not.toBe(this.id)
    return quarantine!
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** What every refusal has in common: kind, advice, and that all files stay as they are. */
function expectRefusal(root: DataRoot, words: string): void {
  const before = readFileSync(root.at("content/blobs/sha256/abc"), "utf8")
  let refused: unknown
  try {
    root.open()
  } catch (error) {
    refused = error
  }
  expect(refused).toMatchObject({ kind: "dataLoss" })
  expect(String(refused)).toContain(words)
  expect(String(refused)).toContain("--salvage")
  expect(readFileSync(root.at("content/blobs/sha256/abc"), "utf8")).toBe(before)
}

test("a new data root and a known one open without words, and keep their ID over boots", () => {
  using root = new DataRoot()
  expect(root.open()).toBe(root.id)
  expect(root.open(laterBoot)).toBe(root.id)
  expect(readFileSync(root.at("installation"), "utf8")).toBe(`${root.id} ${laterBoot}\n`)
})

test("a missing database is refused, and salvage moves everything into a folder", () => {
  using root = new DataRoot()
  rmSync(root.at("barge.db"))
  expectRefusal(root, "barge.db is missing")
  const folder = root.salvage()
  expect(existsSync(join(folder, "content/blobs/sha256/abc"))).toBe(true)
  expect(existsSync(root.at("content"))).toBe(false)
})

test("an empty database is refused, and one that is shorter than any database", () => {
  using root = new DataRoot()
  truncateSync(root.at("barge.db"), 0)
  expectRefusal(root, "barge.db is empty")
  writeFileSync(root.at("barge.db"), "S")
  expectRefusal(root, "barge.db is cut")
})

test("a database that was cut is refused", () => {
  using root = new DataRoot()
  truncateSync(root.at("barge.db"), 8 * 4096)
  rmSync(root.at("barge.db-wal"))
  expectRefusal(root, "barge.db is damaged")
})

test("a damaged page is refused", () => {
  using root = new DataRoot()
  const bytes = readFileSync(root.at("barge.db"))
  for (let page = 2; page < 12; page++) bytes.fill(0xff, page * 4096, page * 4096 + 64)
  writeFileSync(root.at("barge.db"), bytes)
  rmSync(root.at("barge.db-wal"))
  expectRefusal(root, "barge.db is damaged")
})

test("a record whose bytes were lost is refused", () => {
  using root = new DataRoot()
  const text = readFileSync(root.at("barge.db"))
  // Of a value that fills pages of its own, so that all of SQLite's structure is whole.
  const at = text.indexOf("x".repeat(2000))
  writeFileSync(root.at("barge.db"), text.fill(0, at + 500, at + 2000))
  expectRefusal(root, "is not JSON")
})

test("what lies where a file of the database has to be is refused, and never waited for", () => {
  for (const name of ["barge.db", "barge.db-wal", "installation"]) {
    for (const [words, make] of [
      ["is not a regular file", (path: string) => mkdirSync(path)],
      ["is not a regular file", (path: string) => execFileSync("mkfifo", [path])],
      ["is a link to a file that is missing", (path: string) => symlinkSync("gone", path)],
    ] as const) {
      using root = new DataRoot()
      rmSync(root.at(name))
      make(root.at(name))
      expectRefusal(root, words)
      root.salvage()
    }
  }
})

test("a database of another data root is refused, whether or not this one has its mark", () => {
  using root = new DataRoot()
  using other = new DataRoot()
  cpSync(other.at("barge.db"), root.at("barge.db"))
  expectRefusal(root, "belongs to another data root")
  rmSync(root.at("installation"))
  expectRefusal(root, "belongs to another data root")
})

test("a database without the files it tells of is refused", () => {
  using root = new DataRoot()
  rmSync(root.at("content"), { recursive: true })
  expect(() => root.open()).toThrow("content is missing")
})

test("a newer schema is refused with both versions, and salvage leaves it alone", () => {
  using root = new DataRoot()
  const raw = new Database(root.at("barge.db"))
  raw.run(`PRAGMA user_version = ${migrations.length + 1}`)
  raw.close()
  const words = `schema version ${migrations.length + 1}, this program knows ${migrations.length}`
  expect(() => root.open()).toThrow(words)
  expect(() => openInstallation({ data: root.path, boot, salvage: true })).toThrow(words)
  expect(readdirSync(root.path).filter((name) => name.startsWith("salvage"))).toEqual([])
})

test("an older schema is brought up to date, and the copy of it goes afterwards", () => {
  using root = new DataRoot()
  rmSync(root.at("installation"))
  const raw = new Database(root.at("barge.db"))
  raw.run("DROP TABLE reserve; DROP TABLE installation; PRAGMA user_version = 2")
  raw.close()
  const id = root.open()
  expect(root.open()).toBe(id)
  using database = openInstallation({ data: root.path, boot }).database
  expect(database.collection("things").all()).toHaveLength(20)
  expect(readdirSync(root.path).filter((name) => name.includes("schema"))).toEqual([])
})

test("an older database put back beside files of a later one is refused", () => {
  using root = new DataRoot()
  const raw = new Database(root.at("barge.db"))
  raw.run("DROP TABLE reserve; DROP TABLE installation; PRAGMA user_version = 2")
  raw.close()
  expectRefusal(root, "is older than")
})

test("a log that begins with garbage is refused", () => {
  using root = new DataRoot()
  writeFileSync(root.at("barge.db-wal"), Buffer.alloc(8192, "garbage!"))
  expectRefusal(root, "does not begin like a log")
})

test("damage before a later transaction in the log is refused within one boot, and is a torn write after another", () => {
  using root = new DataRoot()
  const frame = 24 + 4096
  const wal = readFileSync(root.at("barge.db-wal"))
  // The log of a daemon that was killed: nothing has been written back, so the last pages are of this salt.
  const { database } = openInstallation({ data: root.path, boot })
  for (let at = 0; at < 8; at++) database.collection<string>("things").put(String(at), "y".repeat(3000))
  const live = readFileSync(root.at("barge.db-wal"))
  expect(live.equals(wal)).toBe(false)
  const file = readFileSync(root.at("barge.db"))
  database[Symbol.dispose]()
  live[32 + frame + 24 + 100]! ^= 0xff
  writeFileSync(root.at("barge.db"), file)
  writeFileSync(root.at("barge.db-wal"), live)
  expectRefusal(root, "follows a damaged one")
  expect(root.open(laterBoot)).toBe(root.id)
})

test("a transaction that kill -9 cut off before its last page is not taken for damage after a shorter one", () => {
  using root = new DataRoot()
  const files = ["barge.db", "barge.db-wal"] as const
  /** Leaves the files as kill -9 would, after `change` has been at work. */
  const killedAfter = (change: (database: MetadataDatabase) => void, cut: (wal: Buffer) => void) => {
    const { database } = openInstallation({ data: root.path, boot })
    change(database)
    const [file, wal] = files.map((name) => readFileSync(root.at(name)))
    database[Symbol.dispose]()
    cut(wal!)
    writeFileSync(root.at("barge.db"), file!)
    writeFileSync(root.at("barge.db-wal"), wal!)
  }
  const page = 4096
  const put = (name: string, length: number) => (database: MetadataDatabase) =>
    database.collection<string>("things").put(name, "z".repeat(length))
  killedAfter(
    (database) => {
      put("before", 10)(database)
      put("long", 10 * page)(database)
    },
    (wal) => {
      // The last frame of the newest salt: its header was written, its page was not.
      let end = 32
      while (wal.compare(wal, 16, 24, end + 8, end + 16) === 0) end += 24 + page
      expect(wal.readUInt32BE(end - page - 20)).toBeGreaterThan(0)
      wal.fill(0, end - page, end)
    },
  )
  killedAfter(put("short", 10), () => {})
  const { database } = openInstallation({ data: root.path, boot })
  const things = database.collection<string>("things")
  expect(["before", "long", "short"].map((name) => things.get(name)?.length)).toEqual([10, undefined, 10])
  database[Symbol.dispose]()
})

test("an installation that a crash cut off while it was made opens", () => {
  using root = new DataRoot()
  const text = readFileSync(root.at("installation"), "utf8")
  rmSync(root.at("installation"))
  writeFileSync(root.at("installation.new"), text.slice(0, 10))
  expect(root.open()).toBe(root.id)
  expect(existsSync(root.at("installation.new"))).toBe(false)
})
