import { expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Digest, digestOf } from "../../oci/digest.ts"
import { MemoryEventBus } from "../events/bus.ts"
import { MetadataDatabase } from "../metadata/database.ts"
import { backgroundScope } from "../scope.ts"
import { DiskContentStore } from "./store.ts"
import { contentSuite } from "./suite.ts"

const scope = backgroundScope("moby", "test")

async function withRoot<T>(use: (root: string) => Promise<T>): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), "content-"))
  try {
    return await use(root)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

async function withStore<T>(root: string, use: (content: DiskContentStore) => Promise<T>): Promise<T> {
  using database = MetadataDatabase.open(join(root, "barge.db"))
  return await use(await DiskContentStore.open(database, new MemoryEventBus(), join(root, "content")))
}

contentSuite((use) => withRoot((root) => withStore(root, use)))

test("a sha512 digest names the blob when it was asked for", () =>
  withRoot((root) =>
    withStore(root, async (content) => {
      const digest = `sha512:${new Bun.CryptoHasher("sha512").update("hello").digest("hex")}` as Digest
      await using ingest = await content.ingest(scope, "x", { expected: digest })
      await ingest.write(Buffer.from("hello"))
      expect((await ingest.commit(scope)).digest).toBe(digest)
      expect(Buffer.from(await content.readAll(scope, digest)).toString()).toBe("hello")
    }),
  ))

test("a blob's coming and going are published, with its media type where a commit tells it", () =>
  withRoot(async (root) => {
    using database = MetadataDatabase.open(join(root, "barge.db"))
    const events = new MemoryEventBus()
    const content = await DiskContentStore.open(database, events, join(root, "content"))
    const abort = new AbortController()
    const told = events.subscribe({ signal: abort.signal })
    await using ingest = await content.ingest(scope, "x")
    await ingest.write(Buffer.from("hello"))
    const { digest } = await ingest.commit(scope, { mediaType: "text/plain" })
    await content.put(scope, Buffer.from("hello"))
    await content.remove(scope, digest)
    abort.abort()
    expect(await Array.fromAsync(told, ({ topic, payload }) => [topic, payload] as unknown)).toEqual([
      ["/content/create", { digest, size: 5, mediaType: "text/plain" }],
      ["/content/delete", { digest }],
    ])
  }))

test("opening the store deletes files without a row and rows without a file", () =>
  withRoot(async (root) => {
    const { digest } = await withStore(root, (content) => content.put(scope, Buffer.from("lost")))
    rmSync(join(root, "content/blobs/sha256", digest.slice(7)))
    writeFileSync(join(root, "content/blobs/sha256", digestOf("orphan").slice(7)), "orphan")
    writeFileSync(join(root, "content/ingest/999"), "orphan")
    await withStore(root, async (content) => {
      expect(await content.has(scope, digest)).toBe(false)
      expect(readdirSync(join(root, "content/blobs/sha256"))).toEqual([])
      expect(readdirSync(join(root, "content/ingest"))).toEqual([])
    })
  }))

test("opening the store deletes blobs that were not synced and are cut off, with their rows", () =>
  withRoot(async (root) => {
    const file = (digest: Digest) => join(root, "content/blobs/sha256", digest.slice(7))
    const [whole, cut] = await withStore(root, (content) =>
      Promise.all(
        ["whole", "cut off"].map(async (bytes) => {
          await using ingest = await content.ingest(scope, bytes)
          await ingest.write(Buffer.from(bytes))
          return (await ingest.commit(scope, { unsynced: true })).digest
        }),
      ),
    )
    truncateSync(file(cut!), 3)
    await withStore(root, async (content) => {
      expect(Buffer.from(await content.readAll(scope, whole!)).toString()).toBe("whole")
      expect(await content.has(scope, cut!)).toBe(false)
      expect(existsSync(file(cut!))).toBe(false)
      const { digest } = await content.put(scope, Buffer.from("cut off"))
      expect(digest).toBe(cut!)
    })
  }))

test("a daemon killed in the middle of commits has every acknowledged blob, whole, and nothing nameless", () =>
  withRoot(async (root) => {
    const acknowledged: Digest[] = []
    for (let round = 0; round < 4; round++) {
      const child = spawn(process.execPath, [join(import.meta.dir, "crash.fixture.ts"), root], {
        stdio: ["ignore", "pipe", "inherit"],
      })
      // Its end of the pipe goes before its lock.
      const gone = once(child, "exit")
      let told = ""
      for await (const chunk of child.stdout) {
        told += chunk
        if (told.split("\n").length > 20 + 7 * round) child.kill("SIGKILL")
      }
      await gone
      acknowledged.push(...(told.split("\n").slice(0, -1) as Digest[]))
      await withStore(root, async (content) => {
        for (const digest of acknowledged) expect(digestOf(await content.readAll(scope, digest))).toBe(digest)
        let rows = 0
        for await (const info of content.list(scope)) {
          rows++
          expect(digestOf(await content.readAll(scope, info.digest))).toBe(info.digest)
        }
        expect(readdirSync(join(root, "content/blobs/sha256"))).toHaveLength(rows)
        let ingests = 0
        for await (const ingest of content.ingests(scope)) {
          ingests++
          await using resumed = await content.ingest(scope, ingest.ref)
          expect(resumed.status().offset).toBe(ingest.offset)
        }
        expect(readdirSync(join(root, "content/ingest"))).toHaveLength(ingests)
      })
    }
    expect(acknowledged.length).toBeGreaterThan(80)
  }))
