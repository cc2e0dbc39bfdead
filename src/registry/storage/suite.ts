import { expect, test } from "bun:test"
import { randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { digestOf } from "../../oci/digest.ts"
import type { Storage } from "./contract.ts"

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

async function read(
  storage: Storage,
  repository: string,
  digest: ReturnType<typeof digestOf>,
  start = 0,
  end?: number,
) {
  await using reader = await storage.blobs.open(repository, digest)
  if (!reader) return undefined
  const parts: Buffer[] = []
  for await (const part of reader.stream(start, end ?? reader.size)) parts.push(Buffer.from(part))
  return Buffer.concat(parts)
}

/** What every {@link Storage} must do. `run` calls its argument with an empty storage. */
export function storageSuite(run: (use: (storage: Storage) => Promise<void>) => Promise<void>): void {
  const check = (name: string, use: (storage: Storage) => Promise<void>) => test(name, () => run(use))

  check("records are read back, replaced, listed by folder and deleted", async ({ records }) => {
    expect(await records.get("a/b")).toBeUndefined()
    await records.put("a/b", "one")
    await records.put("a/b", "two")
    await records.put("a/sha256:x", Buffer.from("three"))
    await records.put("a/deep/er", "four")
    expect(Buffer.from((await records.get("a/b"))!).toString()).toBe("two")
    expect([...(await records.list("a"))].sort()).toEqual(["b", "sha256:x"])
    expect(await records.list("nowhere")).toEqual([])
    expect([await records.delete("a/b"), await records.delete("a/b")]).toEqual([true, false])
    expect(await records.get("a/b")).toBeUndefined()
  })

  check("many records of one folder are all listed", async ({ records }) => {
    const names = Array.from({ length: 7 }, (_, index) => `n${index}`)
    await Promise.all(names.map((name) => records.put(`many/${name}`, name)))
    expect([...(await records.list("many"))].sort()).toEqual(names)
  })

  check("a blob is visible where it was put, and nowhere else", async (storage) => {
    const bytes = randomBytes(1000)
    const digest = digestOf(bytes)
    await storage.blobs.put("a/b", digest, bytes)
    expect(await storage.blobs.stat("a/b", digest)).toMatchObject({ digest, size: 1000 })
    expect((await read(storage, "a/b", digest))!.equals(bytes)).toBe(true)
    expect((await read(storage, "a/b", digest, 10, 20))!.equals(bytes.subarray(10, 20))).toBe(true)
    expect(await storage.blobs.stat("a", digest)).toBeUndefined()
    expect(await storage.blobs.open("c", digest)).toBeUndefined()
    expect((await all(storage.blobs.list("a/b"))).map((each) => each.digest)).toEqual([digest])
    expect(await all(storage.blobs.list("a"))).toEqual([])
  })

  check("an empty blob is a blob", async (storage) => {
    await storage.blobs.put("a", digestOf(""), new Uint8Array())
    expect(await storage.blobs.stat("a", digestOf(""))).toMatchObject({ size: 0 })
    expect(await read(storage, "a", digestOf(""))).toHaveLength(0)
  })

  check("a file of the spool becomes a blob, also a large one and a second time", async (storage) => {
    const bytes = randomBytes((33 << 20) + 5)
    const digest = digestOf(bytes)
    const file = join(storage.spool, "file")
    writeFileSync(file, bytes)
    await storage.blobs.adopt("a", digest, file)
    await storage.blobs.adopt("b", digest, file)
    for (const repository of ["a", "b"]) expect((await read(storage, repository, digest))!.equals(bytes)).toBe(true)
  })

  check("a blob is linked from a repository that has it, or from any", async (storage) => {
    const bytes = randomBytes(10)
    const digest = digestOf(bytes)
    expect(await storage.blobs.link("b", digest)).toBeUndefined()
    await storage.blobs.put("a", digest, bytes)
    expect(await storage.blobs.link("b", digest, "c")).toBeUndefined()
    expect(await storage.blobs.link("b", digest, "a")).toMatchObject({ digest, size: 10 })
    expect(await storage.blobs.link("d", digest)).toMatchObject({ digest, size: 10 })
    expect(await read(storage, "d", digest)).toEqual(bytes)
  })

  check("bytes are freed when the last repository has given them up", async (storage) => {
    const bytes = randomBytes(10)
    const digest = digestOf(bytes)
    await storage.blobs.put("a", digest, bytes)
    await storage.blobs.link("b", digest, "a")
    expect([await storage.blobs.unlink("a", digest), await storage.blobs.unlink("a", digest)]).toEqual([true, false])
    expect(await storage.blobs.sweep()).toEqual({ blobs: 0, bytes: 0 })
    expect(await read(storage, "b", digest)).toEqual(bytes)
    await storage.blobs.unlink("b", digest)
    expect(await storage.blobs.sweep()).toEqual({ blobs: 1, bytes: 10 })
    expect(await storage.blobs.link("a", digest)).toBeUndefined()
    await storage.blobs.put("a", digest, bytes)
    expect(await read(storage, "a", digest)).toEqual(bytes)
  })

  check("sweeping takes nothing from who links at the same time", async (storage) => {
    const bytes = randomBytes(100)
    const digest = digestOf(bytes)
    for (let round = 0; round < 20; round++) {
      await storage.blobs.put("a", digest, bytes)
      await storage.blobs.unlink("a", digest)
      await Promise.all([storage.blobs.sweep(), storage.blobs.put("b", digest, bytes), storage.blobs.sweep()])
      expect(await read(storage, "b", digest)).toEqual(bytes)
      await storage.blobs.unlink("b", digest)
    }
  })
}
