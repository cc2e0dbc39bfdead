import { expect, test } from "bun:test"
import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { kindOf } from "../../errors/failure.ts"
import { digestOf } from "../../oci/digest.ts"
import { backgroundScope, type Scope } from "../scope.ts"
import type { ContentStore } from "./contract.ts"

const scope = backgroundScope("moby", "test")
const other = backgroundScope("k8s.io", "test")

const failing = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "nothing",
    (error) => kindOf(error),
  )

async function store(content: ContentStore, bytes: Uint8Array, to: Scope = scope) {
  await using ingest = await content.ingest(to, `ref-${digestOf(bytes)}`)
  await ingest.write(bytes)
  return await ingest.commit(to)
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** What every {@link ContentStore} must do. `run` calls its argument with an empty store. */
export function contentSuite(run: (use: (content: ContentStore) => Promise<void>) => Promise<void>): void {
  const check = (name: string, use: (content: ContentStore) => Promise<void>) => test(name, () => run(use))

  check("a committed blob is read back whole, in parts and as a file", async (content) => {
    const bytes = randomBytes(3 << 20)
    const info = await store(content, bytes)
    expect(info).toMatchObject({ digest: digestOf(bytes), size: bytes.length, labels: {} })
    await using reader = await content.open(scope, info.digest)
    expect(Buffer.concat(await collect(reader.stream())).equals(bytes)).toBe(true)
    expect(Buffer.from(await reader.read(100, 50)).equals(bytes.subarray(100, 150))).toBe(true)
    expect(await reader.read(bytes.length, 50)).toHaveLength(0)
    expect(Buffer.concat(await collect(reader.stream(10, 20))).equals(bytes.subarray(10, 30))).toBe(true)
    expect(readFileSync(await content.path(scope, info.digest)).equals(bytes)).toBe(true)
  })

  check("a blob is invisible until its write commits", async (content) => {
    const bytes = Buffer.from("hello")
    await using ingest = await content.ingest(scope, "a")
    await ingest.write(bytes)
    expect(await content.has(scope, digestOf(bytes))).toBe(false)
    expect(await failing(content.info(scope, digestOf(bytes)))).toBe("notFound")
    await ingest.commit(scope)
    expect(await content.has(scope, digestOf(bytes))).toBe(true)
  })

  check("an abandoned write is resumed where it ended, and its digest covers all of it", async (content) => {
    const bytes = randomBytes(300_000)
    {
      await using ingest = await content.ingest(scope, "pull", { total: bytes.length, expected: digestOf(bytes) })
      await ingest.write(bytes.subarray(0, 100_000))
    }
    expect(await collect(content.ingests(scope))).toMatchObject([{ ref: "pull", offset: 100_000, total: bytes.length }])
    await using ingest = await content.ingest(scope, "pull")
    expect(ingest.status()).toMatchObject({ offset: 100_000, total: bytes.length })
    await ingest.write(bytes.subarray(100_000))
    expect((await ingest.commit(scope, { size: bytes.length })).digest).toBe(digestOf(bytes))
    expect(await collect(content.ingests(scope))).toEqual([])
  })

  check("a truncated write forgets what came after", async (content) => {
    await using ingest = await content.ingest(scope, "pull")
    await ingest.write(Buffer.from("wrong start"))
    await ingest.truncate(0)
    await ingest.write(Buffer.from("right and too long"))
    await ingest.truncate(5)
    expect((await ingest.commit(scope)).digest).toBe(digestOf("right"))
  })

  check("a write has one holder at a time", async (content) => {
    {
      await using _held = await content.ingest(scope, "pull")
      expect(await failing(content.ingest(scope, "pull"))).toBe("unavailable")
      expect(await failing(content.abort(scope, "pull"))).toBe("unavailable")
      await using _elsewhere = await content.ingest(other, "pull")
    }
    await content.abort(scope, "pull")
    expect(await failing(content.abort(scope, "pull"))).toBe("notFound")
  })

  check("wrong bytes are refused and forgotten, too few are kept to be completed", async (content) => {
    const expected = digestOf("hello world")
    {
      await using ingest = await content.ingest(scope, "wrong")
      await ingest.write(Buffer.from("hello w0rld"))
      expect(await failing(ingest.commit(scope, { digest: expected }))).toBe("invalidArgument")
    }
    {
      await using ingest = await content.ingest(scope, "long")
      await ingest.write(Buffer.from("hello world and more"))
      expect(await failing(ingest.commit(scope, { digest: expected, size: 11 }))).toBe("invalidArgument")
    }
    {
      await using ingest = await content.ingest(scope, "short")
      await ingest.write(Buffer.from("hello"))
      expect(await failing(ingest.commit(scope, { digest: expected, size: 11 }))).toBe("invalidArgument")
    }
    expect(await collect(content.list(scope))).toEqual([])
    expect((await collect(content.ingests(scope))).map((ingest) => ingest.ref)).toEqual(["short"])
    await using ingest = await content.ingest(scope, "short")
    await ingest.write(Buffer.from(" world"))
    expect((await ingest.commit(scope, { digest: expected, size: 11 })).digest).toBe(expected)
  })

  check("committing what the namespace has is told as alreadyExists, and the write is gone", async (content) => {
    await store(content, Buffer.from("twice"))
    await using ingest = await content.ingest(scope, "again")
    await ingest.write(Buffer.from("twice"))
    expect(await failing(ingest.commit(scope))).toBe("alreadyExists")
    expect(await collect(content.ingests(scope))).toEqual([])
  })

  check("sixteen writers of the same blob agree on one", async (content) => {
    const bytes = randomBytes(100_000)
    const outcomes = await Promise.all(
      Array.from({ length: 16 }, async (_, number) => {
        await using ingest = await content.ingest(scope, `writer-${number}`)
        await ingest.write(bytes)
        return await failing(ingest.commit(scope))
      }),
    )
    expect(outcomes.sort()).toEqual([...Array<string>(15).fill("alreadyExists"), "nothing"])
    expect(Buffer.from(await content.readAll(scope, digestOf(bytes))).equals(bytes)).toBe(true)
  })

  check("namespaces see only their own blobs and share the bytes", async (content) => {
    const { digest } = await store(content, Buffer.from("shared"))
    expect(await content.has(other, digest)).toBe(false)
    await store(content, Buffer.from("shared"), other)
    await content.remove(scope, digest)
    expect(await content.has(scope, digest)).toBe(false)
    expect(Buffer.from(await content.readAll(other, digest)).toString()).toBe("shared")
    const path = await content.path(other, digest)
    await content.remove(other, digest)
    expect(() => readFileSync(path)).toThrow("ENOENT")
    expect(await failing(content.remove(other, digest))).toBe("notFound")
  })

  check("a blob that comes back while it is removed elsewhere keeps its bytes", async (content) => {
    const bytes = randomBytes(10_000)
    for (let round = 0; round < 50; round++) {
      const { digest } = await content.put(other, bytes)
      await Promise.all([content.remove(other, digest), content.put(scope, bytes)])
      expect(Buffer.from(await content.readAll(scope, digest)).equals(bytes)).toBe(true)
      await content.remove(scope, digest)
    }
  })

  check("labels are set, changed and removed by an empty value", async (content) => {
    const { digest } = await content.put(scope, Buffer.from("{}"), { a: "1", b: "2" })
    expect((await content.label(scope, digest, { b: "", c: "3" })).labels).toEqual({ a: "1", c: "3" })
    expect((await content.put(scope, Buffer.from("{}"), { d: "4" })).labels).toEqual({ a: "1", c: "3", d: "4" })
    expect(await failing(content.label(other, digest, { a: "1" }))).toBe("notFound")
  })

  check("labels are changed as a mask says, and filters choose by them", async (content) => {
    const { digest } = await content.put(scope, Buffer.from("labelled"), { x: "1", y: "2" })
    await content.put(scope, Buffer.from("other"))
    expect((await content.updateLabels(scope, digest, { x: "3" }, ["labels.x", "labels.y"])).labels).toEqual({ x: "3" })
    expect((await content.updateLabels(scope, digest, { z: "4" })).labels).toEqual({ z: "4" })
    const chosen = async (filter: string) =>
      (await Array.fromAsync(content.list(scope, [filter]))).map((info) => info.digest)
    expect(await chosen("labels.z")).toEqual([digest])
    expect(await chosen(`digest!=${digest}`)).toHaveLength(1)
    expect(await failing(content.updateLabels(scope, digest, {}, ["size"]))).toBe("invalidArgument")
    await using _one = await content.ingest(scope, "one")
    await using _two = await content.ingest(scope, "two")
    expect((await Array.fromAsync(content.ingests(scope, ["ref==two"]))).map(({ ref }) => ref)).toEqual(["two"])
  })

  check("an empty blob is a blob", async (content) => {
    await using ingest = await content.ingest(scope, "empty")
    const info = await ingest.commit(scope)
    expect(info.size).toBe(0)
    expect(await content.readAll(scope, info.digest)).toHaveLength(0)
  })

  check("a blob too large to be read in one go is refused", async (content) => {
    const { digest } = await store(content, Buffer.alloc(1000))
    expect(await failing(content.readAll(scope, digest, 999))).toBe("tooLarge")
  })
}
