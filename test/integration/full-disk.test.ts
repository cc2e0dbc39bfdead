import { expect, test } from "bun:test"
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DiskContentStore } from "../../src/core/content/store.ts"
import { MemoryEventBus } from "../../src/core/events/bus.ts"
import { MetadataDatabase } from "../../src/core/metadata/database.ts"
import { explainSqlite } from "../../src/core/metadata/sqlite-failure.ts"
import { backgroundScope } from "../../src/core/scope.ts"
import { Failure } from "../../src/errors/failure.ts"
import { mount, umount } from "../../src/linux/mount.ts"
import { readLines } from "../../src/logs/reader.ts"
import { digestOf } from "../../src/oci/digest.ts"
import { margin, openLog } from "../../src/shim/logs/writer.ts"

const scope = backgroundScope("moby", "test")

async function onSmallDisk(use: (root: string) => Promise<void>, size = "size=4m"): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "full-"))
  mount({ source: "small", target: root, type: "tmpfs", data: size })
  try {
    await use(root)
  } finally {
    umount(root, { detach: true })
    rmdirSync(root)
  }
}

const failure = (work: Promise<unknown>): Promise<Failure> =>
  work.then(
    () => Promise.reject(new Error("it succeeded")),
    (error: Failure) => error,
  )

test("a write that fills the disk fails with advice, keeps what it has, and is completed when there is room", () =>
  onSmallDisk(async (root) => {
    using database = MetadataDatabase.open(join(root, "barge.db"))
    const content = await DiskContentStore.open(database, new MemoryEventBus(), join(root, "content"))
    const ballast = join(root, "ballast")
    writeFileSync(ballast, Buffer.alloc(2 << 20))
    const bytes = Buffer.alloc(3 << 20, "layer")
    {
      await using ingest = await content.ingest(scope, "layer", { expected: digestOf(bytes) })
      const error = await failure(ingest.write(bytes))
      expect(error).toBeInstanceOf(Failure)
      expect(error.kind).toBe("noSpace")
      expect(error.message).toContain("no space left on the disk")
      expect(error.message).toContain("system prune")
      expect(ingest.status().offset).toBeGreaterThan(0)
    }
    rmSync(ballast)
    await using ingest = await content.ingest(scope, "layer")
    await ingest.write(bytes.subarray(ingest.status().offset))
    expect((await ingest.commit(scope)).digest).toBe(digestOf(bytes))
    const error = await failure(content.put(scope, Buffer.alloc(3 << 20)))
    expect(error.kind).toBe("noSpace")
    expect(digestOf(await content.readAll(scope, digestOf(bytes)))).toBe(digestOf(bytes))
  }))

test("SQLite's error of a write is a full disk or a used-up quota where the file system says so, and a broken disk otherwise", () =>
  onSmallDisk(async (root) => {
    const error = Object.assign(new Error("disk I/O error"), { code: "SQLITE_IOERR_WRITE" })
    const explained = () => explainSqlite(error, join(root, "barge.db")) as Failure
    expect(explained()).toMatchObject({ kind: "unavailable", message: expect.stringContaining("see dmesg") })
    writeFileSync(join(root, "ballast"), Buffer.alloc(4 << 20))
    expect(explained()).toMatchObject({ kind: "noSpace", message: expect.stringContaining("no space left") })
    rmSync(join(root, "ballast"))
    const quota = Object.assign(new Error("EDQUOT: unknown error, write"), { code: "EDQUOT" })
    expect((explainSqlite(quota, join(root, "barge.db")) as Failure).message).toBe(
      `the disk quota of ${root} is used up: the change was not made; remove what is not needed (barge system prune) or raise the quota`,
    )
  }))

for (const format of ["framed", "json-file"] as const) {
  test(`a ${format} log whose file finds no room is opened by the first output that finds some`, () =>
    onSmallDisk(async (root) => {
      const files: string[] = []
      while (statfsSync(root).ffree > 0) {
        files.push(join(root, `f${files.length}`))
        writeFileSync(files.at(-1)!, "")
      }
      const told: unknown[] = []
      const config = { format, path: join(root, "a.log"), maxSize: 0, maxFiles: 1 }
      const log = openLog(config, (trouble) => void told.push(trouble))
      const write = (text: string) => {
        const buffer = Buffer.alloc(2 * margin + text.length)
        buffer.write(text, margin)
        log.write("stdout", 1n, buffer, margin, text.length)
      }
      write("lost\n")
      expect(told).toMatchObject([{ recovered: false }])
      for (const file of files) rmSync(file)
      write("kept\n")
      expect(told).toMatchObject([{ recovered: false }, { recovered: true }])
      log.close(2n)
      const lines: string[] = []
      for await (const batch of readLines({ log: config })) for (const { bytes } of batch) lines.push(bytes.toString())
      expect(lines.at(-1)).toBe("kept\n")
    }, "size=4m,nr_inodes=100"))
}

test("records that find the disk full fail with advice, and the database stays whole", () =>
  onSmallDisk(async (root) => {
    const path = join(root, "barge.db")
    {
      using database = MetadataDatabase.open(path)
      const things = database.collection<string>("things")
      let written = 0
      const fill = () => {
        for (; written < 1000; written++) things.put(String(written), "x".repeat(20_000))
      }
      let error: unknown
      try {
        fill()
      } catch (caught) {
        error = caught
      }
      expect(error).toMatchObject({ kind: "noSpace" })
      expect(things.all()).toHaveLength(written)
    }
    using database = MetadataDatabase.open(path)
    expect(database.all("PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }])
  }))
