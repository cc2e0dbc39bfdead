import { expect, test } from "bun:test"
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DiskContentStore } from "../../src/core/content/store.ts"
import { MemoryEventBus } from "../../src/core/events/bus.ts"
import { MetadataDatabase } from "../../src/core/metadata/database.ts"
import { backgroundScope } from "../../src/core/scope.ts"
import { Failure } from "../../src/errors/failure.ts"
import { mount, umount } from "../../src/linux/mount.ts"
import { digestOf } from "../../src/oci/digest.ts"

const scope = backgroundScope("moby", "test")

async function onSmallDisk(use: (root: string) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "full-"))
  mount({ source: "small", target: root, type: "tmpfs", data: "size=4m" })
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
