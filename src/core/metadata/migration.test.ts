import { Database } from "bun:sqlite"
import { expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { eventually } from "../../../test/fixtures/eventually.ts"
import { seeded } from "../../../test/fixtures/seed.ts"
import { openInstallation } from "./installation.ts"
import { migrations } from "./migrations.ts"

const boot = "11111111-1111-1111-1111-111111111111"
const documents = 1500

/** A folder with a data root of schema version 2, as programs before the reserve left it. */
class OldRoot implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "migration-"))
  readonly old = join(this.folder, "old")
  readonly path = join(this.folder, "data")

  constructor() {
    {
      using database = openInstallation({ data: this.old, boot }).database
      database.transaction(() => {
        for (let at = 0; at < documents; at++) database.collection<string>("things").put(String(at), "x".repeat(900))
      })
    }
    const raw = new Database(join(this.old, "barge.db"))
    raw.run("DROP TABLE reserve; DROP TABLE installation; PRAGMA user_version = 2")
    raw.close()
    rmSync(join(this.old, "installation"))
    for (const name of ["content", "snapshots"]) mkdirSync(join(this.old, name))
    writeFileSync(join(this.old, "snapshots/1"), "")
    this.renew()
  }

  renew(): void {
    rmSync(this.path, { recursive: true, force: true })
    cpSync(this.old, this.path, { recursive: true })
  }

  /** Starts the fixture and waits until it is ready. */
  async child(mode: "whole" | "endless") {
    const child = spawn(process.execPath, [join(import.meta.dir, "migration.fixture.ts"), this.path, boot, mode], {
      stdio: ["pipe", "pipe", "inherit"],
    })
    await once(child.stdout, "data")
    return child
  }

  get copies(): readonly string[] {
    return readdirSync(this.path).filter((name) => name.includes("schema"))
  }

  /** Opens as the next start of a daemon does: everything is there, and nothing is left over. */
  expectWhole(): void {
    const { database } = openInstallation({ data: this.path, boot })
    expect(database.all("PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }])
    expect(database.all("PRAGMA user_version")).toEqual([{ user_version: BigInt(migrations.length) }])
    expect(database.collection<string>("things").all()).toHaveLength(documents)
    expect(database.all("SELECT name FROM sqlite_schema WHERE name = 'half'")).toEqual([])
    database[Symbol.dispose]()
    expect(this.copies).toEqual([])
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

test("kill -9 at any moment of a migration: the next start completes it, and leaves no copy", async () => {
  using root = new OldRoot()
  const random = seeded("killed migrations")
  const uncut = await root.child("whole")
  const began = Bun.nanoseconds()
  uncut.stdin.end("x")
  await once(uncut, "exit")
  const duration = Bun.nanoseconds() - began
  let cut = 0
  for (let round = 0; round < 25; round++) {
    root.renew()
    const child = await root.child("whole")
    const ended = once(child, "exit")
    let told = ""
    child.stdout.on("data", (text) => {
      told += text
    })
    child.stdin.write("x")
    const until = Bun.nanoseconds() + random.next() * duration
    while (Bun.nanoseconds() < until);
    child.kill("SIGKILL")
    await ended
    if (!told.includes("done")) cut++
    root.expectWhole()
  }
  expect(cut).toBeGreaterThan(0)
})

test("kill -9 with half of a migration in the log leaves the old version and nothing of the new one", async () => {
  using root = new OldRoot()
  openInstallation({ data: root.path, boot }).database[Symbol.dispose]()
  const log = () => statSync(join(root.path, "barge.db-wal")).size
  const before = log()
  const child = await root.child("endless")
  const ended = once(child, "exit")
  try {
    child.stdin.write("x")
    await eventually(async () => log() > before + 1_000_000, "more of the migration in the log than it had room for")
  } finally {
    child.kill("SIGKILL")
  }
  await ended
  expect(root.copies).toEqual([`barge.db.schema-${migrations.length}`])
  root.expectWhole()
})
