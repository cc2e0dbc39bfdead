import { expect, test } from "bun:test"
import { gzipSync, zstdCompressSync } from "node:zlib"
import type { Differ } from "../../src/core/diff/contract.ts"
import { ImageTransfer } from "../../src/core/transfer/transfer.ts"
import { hostPlatform, parsePlatform } from "../../src/oci/platform.ts"
import { collectBytes, inPieces, openStores } from "../core-stores.ts"
import { digestOf, dockerArchive, filesOf, layerOne, makeImage, name } from "../fixtures/two-layer-image.ts"

const invalid = expect.objectContaining({ kind: "invalidArgument" })

for (const driver of ["overlay", "unpacked", "native"] as const) {
  test(`${driver}: what was saved can be loaded elsewhere as the same image, and saved again as the same bytes`, async () => {
    await using stores = await openStores(driver)
    const target = await makeImage(stores)
    const saved = await collectBytes(stores.transfer.save(stores.scope, [{ target, names: [name] }]))
    expect((await collectBytes(stores.transfer.save(stores.scope, [{ target, names: [name] }]))).equals(saved)).toBe(
      true,
    )
    await using other = await openStores(driver)
    for (const bytes of [saved, gzipSync(saved), zstdCompressSync(saved)]) {
      const loaded = await other.transfer.load(other.scope, inPieces(bytes))
      const { id } = await stores.transfer.resolve(stores.scope, target)
      expect(loaded).toEqual([{ name, id }])
    }
    expect((await other.images.get(other.scope, name)).target.digest).toBe(target.digest)
    expect(await filesOf(other, other.scope, target)).toEqual({ both: "one", "etc/one": "1", "etc/two": "2" })
    const again = await collectBytes(other.transfer.save(other.scope, [{ target, names: [name] }]))
    expect(again.equals(saved)).toBe(true)
    await other.collector.collect()
    expect((await other.snapshots.list(other.scope)).length).toBe(2)
  })
}

test("a name that moves to a newly loaded image leaves the old one without a name", async () => {
  await using stores = await openStores()
  const old = await makeImage(stores)
  await stores.transfer.load(stores.scope, inPieces(dockerArchive()))
  const names = (await stores.images.list(stores.scope)).map((image) => [image.name, image.target.digest])
  expect(names).toContainEqual([old.digest, old.digest])
  expect(names.length).toBe(2)
})

test("an image is unpacked once however many ask for it at the same time", async () => {
  await using stores = await openStores()
  let applied = 0
  const counting: Differ = {
    apply: (...call) => {
      applied++
      return stores.differ.apply(...call)
    },
    inherit: (...call) => stores.differ.inherit(...call),
    compare: (...call) => stores.differ.compare(...call),
    changes: (...call) => stores.differ.changes(...call),
    tree: (...call) => stores.differ.tree(...call),
  }
  const transfer = new ImageTransfer({ ...stores, differ: counting })
  await stores.leases.within(stores.scope, async (scope) => {
    const loads = Array.from({ length: 5 }, () => transfer.load(scope, inPieces(dockerArchive())))
    await Promise.all(loads)
  })
  expect(applied).toBe(2)
})

test("of an index the host's image is picked, the one asked for, or none by name", async () => {
  await using stores = await openStores()
  const { scope } = stores
  const target = await makeImage(stores)
  const index = JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [
      { ...target, platform: { os: "unknown", architecture: "unknown" } },
      { ...target, digest: digestOf("elsewhere"), platform: { os: "linux", architecture: "s390x" } },
      { ...target, platform: hostPlatform() },
    ],
  })
  await stores.leases.within(scope, async (held) => {
    const { digest, size } = await stores.content.put(held, Buffer.from(index))
    const multi = { mediaType: "application/vnd.oci.image.index.v1+json", digest, size }
    expect((await stores.transfer.resolve(held, multi)).manifest.digest).toBe(target.digest)
    await expect(stores.transfer.resolve(held, multi, parsePlatform("linux/s390x"))).rejects.toThrow("not in the store")
    await expect(stores.transfer.resolve(held, multi, parsePlatform("linux/riscv64"))).rejects.toThrow(
      "nothing for platform linux/riscv64",
    )
    // Only one of its images is here: that one is saved.
    const saved = await collectBytes(stores.transfer.save(held, [{ target: multi, names: [name] }]))
    await using other = await openStores()
    expect(await other.transfer.load(other.scope, inPieces(saved))).toMatchObject([{ name }])
    expect((await other.images.get(other.scope, name)).target.digest).toBe(target.digest)
  })
})

test("saving what is not complete fails before the first byte", async () => {
  await using stores = await openStores()
  const target = await makeImage(stores)
  const { content } = await stores.transfer.resolve(stores.scope, target)
  await stores.content.remove(stores.scope, content.layers[0]!.digest)
  const stream = stores.transfer.save(stores.scope, [{ target, names: [name] }])[Symbol.asyncIterator]()
  await expect(stream.next()).rejects.toThrow(expect.objectContaining({ kind: "notFound" }))
})

test("an imported tree may be compressed, and must be one", async () => {
  await using stores = await openStores()
  const options = { config: hostPlatform(), comment: "imported" }
  await stores.leases.within(stores.scope, async (scope) => {
    const { target } = await stores.transfer.importTree(scope, inPieces(gzipSync(layerOne)), options)
    const { content, config: made } = await stores.transfer.resolve(scope, target)
    expect([content.layers[0]!.digest as string, made.history?.[0]?.comment]).toEqual([digestOf(layerOne), "imported"])
    await expect(stores.transfer.importTree(scope, inPieces(Buffer.alloc(1024, "x")), options)).rejects.toThrow(invalid)
    await stores.transfer.importTree(scope, inPieces(Buffer.alloc(0)), options)
  })
})
