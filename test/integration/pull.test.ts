import { expect } from "bun:test"
import { randomBytes } from "node:crypto"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { zstdCompressSync } from "node:zlib"
import { mediaTypes } from "../../src/oci/descriptor.ts"
import { type Digest, digestOf } from "../../src/oci/digest.ts"
import { parseReference } from "../../src/oci/reference.ts"
import { collectBytes } from "../core-stores.ts"
import { eventually } from "../fixtures/eventually.ts"
import { failure } from "../fixtures/failure.ts"
import { MemoryRegistry, refuse, sendBytes } from "../fixtures/memory-registry.ts"
import { big, check, expectNothing, file, identity, isBlob, phases } from "../fixtures/pulls.ts"
import { tarOf } from "../tar-archive.ts"

check("an image is pulled, unpacked, and each layer's steps are told", async (bench) => {
  const { registry, pull, stores } = bench
  const { digest } = registry.addImage("app", "1", [file("one"), file("two")])
  const pulled = await pull()
  expect(pulled.digest).toBe(digest)
  const { object } = pulled.steps[0]!
  const ofFirst = pulled.steps.filter((step) => step.object.digest === object.digest).map(({ phase }) => phase)
  expect([...new Set(ofFirst)]).toEqual(["queued", "receiving", "verifying", "received", "unpacking", "unpacked"])
  const found = await stores.images.get(stores.scope, "app:1")
  const resolved = await stores.transfer.resolve(stores.scope, found.target)
  expect(await stores.snapshots.find(stores.scope, resolved.chainID!)).toBeDefined()
})

check(
  "layers are unpacked while they come, the upper before the lower, and committed once they are verified",
  async ({ registry, pull, stores }) => {
    const tars = ["lower", "upper"].map((name) => tarOf([name, {}, "1"], ["big", {}, randomBytes(6 << 20)]))
    registry.addImage("app", "1", tars, { compress: identity })
    // In either form: the file, or the archive that begins with it.
    const unpacked = (name: string) =>
      readdirSync(stores.root).some((id) => {
        const archive = join(stores.root, id, "layer.tar")
        const kept = existsSync(archive) && readFileSync(archive).toString("latin1", 0, name.length) === name
        return kept || existsSync(join(stores.root, id, "fs", name))
      })
    registry.fault = async ({ path, method }, response) => {
      const at = tars.findIndex((tar) => path.endsWith(digestOf(tar)))
      if (method !== "GET" || at < 0) return false
      const tar = tars[at]!
      if (at === 0) await eventually(async () => unpacked("upper"), "the upper layer is unpacked half")
      response.writeHead(200, { "content-length": tar.length })
      response.write(tar.subarray(0, tar.length >> 1))
      await eventually(async () => unpacked("lower") && unpacked("upper"), "both layers are unpacked half")
      expect((await stores.snapshots.list(stores.scope)).map(({ kind }) => kind)).not.toContain("committed")
      response.end(tar.subarray(tar.length >> 1))
      return true
    }
    await pull()
    const kinds = (await stores.snapshots.list(stores.scope)).map(({ kind }) => kind)
    expect(kinds).toEqual(["committed", "committed"])
    await stores.images.remove(stores.scope, "app:1")
    await stores.collector.collect()
    expect(await stores.snapshots.list(stores.scope)).toEqual([])
  },
)

check(
  "what was unpacked of bytes that turn out wrong is dropped, and done anew when the right ones come",
  async (bench) => {
    const { registry, pull, stores } = bench
    const tar = big(6 << 20)
    registry.addImage("app", "1", [tar])
    const blob = registry.blobs.get([...registry.blobs.keys()][0]!)!
    const wrong = Buffer.from(blob)
    wrong.fill(0, blob.length >> 1)
    registry.fault = ({ path, method }, response) => {
      if (method !== "GET" || !path.endsWith(digestOf(blob))) return false
      sendBytes(response, wrong, undefined)
      return true
    }
    expect((await failure(pull())).kind).toBe("dataLoss")
    await expectNothing(bench)
    expect(await stores.snapshots.list(stores.scope)).toEqual([])
    // A cut download that goes on with other bytes than it began with: what is there is given up, all of it comes again.
    registry.fault = ({ path, method, before }, response) => {
      if (method !== "GET" || !path.endsWith(digestOf(blob)) || before !== 1) return false
      response.writeHead(200, { "content-length": blob.length })
      response.write(wrong.subarray(0, blob.length - 1000), () => response.destroy())
      return true
    }
    await pull()
    expect((await stores.snapshots.list(stores.scope)).map(({ kind }) => kind)).toEqual(["committed"])
  },
)

check(
  "layers that need not be kept go once they are unpacked, and come again when they are pushed",
  async ({ registry, pull, stores }) => {
    const { scope, content, collector, leases, remote } = stores
    const [base, one, two] = [file("base"), file("one"), file("two")]
    registry.addImage("app", "1", [base, one], { compress: identity })
    registry.addImage("app", "2", [base, two], { compress: identity })
    const layersHere = async () => {
      await collector.collect()
      const digests = (await Array.fromAsync(content.list(scope))).map(({ digest }) => digest)
      return [base, one, two].map((tar) => digests.includes(digestOf(tar)))
    }
    const first = await pull()
    expect(await layersHere()).toEqual([false, false, false])
    expect((await stores.snapshots.list(scope)).length).toBe(2)
    // What is unpacked is there: nothing of it is fetched again.
    const before = registry.count(isBlob)
    await pull()
    expect(registry.count(isBlob)).toBe(before)
    expect(phases(await pull("app:2"))).toContain("present")
    expect(registry.count(isBlob)).toBe(before + 2)
    await using other = await MemoryRegistry.start()
    const { target } = await stores.images.get(scope, "app:1")
    const push = () =>
      leases.within(scope, (held) =>
        remote.push(held, parseReference(`${other.host}/copy:1`), target, { progress: () => {} }),
      )
    expect((await push()).pushed.digest).toBe(first.digest as Digest)
    expect(await layersHere()).toEqual([false, false, false])
    {
      await using _restored = await remote.restore(scope, target)
      const saved = await collectBytes(stores.transfer.save(scope, [{ target, names: [] }]))
      expect(saved.includes(base)).toBe(true)
      expect(await layersHere()).toEqual([true, true, false])
    }
    expect(await layersHere()).toEqual([false, false, false])
    registry.fault = (_asked, response) => {
      refuse(response, 404, "NAME_UNKNOWN")
      return true
    }
    other.manifests.clear()
    other.blobs = new Map()
    const { kind, message } = await failure(push())
    expect([kind, message]).toEqual(["notFound", expect.stringContaining("pull or load the image again")])
  },
  { keepLayers: false },
)

check("what is there is not fetched: the same image again, and the layers of another", async (bench) => {
  const { registry, pull } = bench
  const base = file("base")
  registry.addImage("app", "1", [base])
  registry.addImage("app", "2", [base, file("more")])
  await pull()
  const before = registry.count(isBlob)
  expect((await pull()).steps).toEqual([])
  expect(registry.count(isBlob)).toBe(before)
  expect(phases(await pull("app:2"))).toContain("present")
  expect(registry.count(isBlob)).toBe(before + 2)
})

check("a layer is fetched once however many pull it at the same time", async ({ registry, pull }) => {
  registry.addImage("app", "1", [big(200_000)])
  registry.addImage("app", "2", [big(200_000)])
  const { layers } = JSON.parse(registry.manifests.get("app")!.get("1")!.bytes.toString()) as {
    layers: { digest: string }[]
  }
  const pulled = await Promise.all([pull(), pull(), pull(), pull("app:2")])
  expect(registry.count(new RegExp(`GET .*${layers[0]!.digest}`))).toBe(1)
  expect(pulled.slice(0, 3).every(({ id }) => id === pulled[0]!.id)).toBe(true)
})

check("of an index the host's image is taken, nearest variant first", async ({ registry, pull }) => {
  const other = registry.addImage("app", undefined, [file("arm")], { architecture: "arm64" })
  const own = registry.addImage("app", undefined, [file("own")], {
    architecture: process.arch === "x64" ? "amd64" : "arm64",
  })
  const platform = (architecture: string) => ({ platform: { os: "linux", architecture } })
  const index = registry.addManifest("app", "1", {
    mediaType: mediaTypes.ociIndex,
    schemaVersion: 2,
    manifests: [
      { ...other, ...platform("riscv64") },
      { ...own, ...platform(process.arch === "x64" ? "amd64" : "arm64") },
    ],
  } as { mediaType: string })
  const pulled = await pull()
  expect(pulled.digest).toBe(index.digest)
  expect(registry.count(new RegExp(`GET .*/manifests/${other.digest}`))).toBe(0)
})

check(
  "an index without the host's platform, and images of the first form, are refused in Docker's words",
  async (bench) => {
    const { registry, pull } = bench
    const other = registry.addImage("app", undefined, [file("arm")], { architecture: "riscv64" })
    registry.addManifest("app", "1", {
      mediaType: mediaTypes.ociIndex,
      schemaVersion: 2,
      manifests: [{ ...other, platform: { os: "linux", architecture: "riscv64" } }],
    } as { mediaType: string })
    expect((await failure(pull())).message).toMatch(
      /^no matching manifest for linux\/\w+ in the manifest list entries$/,
    )
    registry.addManifest("app", "old", {
      mediaType: "application/vnd.docker.distribution.manifest.v1+prettyjws",
      schemaVersion: 1,
    } as { mediaType: string })
    expect((await failure(pull("app:old"))).message).toContain("schema 1 support has been removed")
    await expectNothing(bench)
  },
)

check("layers compressed with zstd, and not at all, are taken", async ({ registry, pull }) => {
  registry.addImage("app", "1", [file("one")], {
    compress: (tar) => zstdCompressSync(tar),
    type: mediaTypes.ociLayerZstd,
  })
  registry.addImage("app", "2", [file("two")], { compress: identity, type: mediaTypes.ociLayer })
  await pull()
  await pull("app:2")
})

check("a layer that registries may not keep comes from where its descriptor says", async ({ registry, pull }) => {
  const tar = file("foreign")
  const image = registry.addImage("app", undefined, [tar], { compress: identity })
  const bytes = registry.manifests.get("app")!.get(image.digest)!.bytes
  const document = JSON.parse(bytes.toString()) as { mediaType: string; layers: object[] }
  const urls = [`http://${registry.host}/elsewhere`]
  const layer = { ...document.layers[0], mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", urls }
  registry.addManifest("app", "1", { ...document, layers: [layer] } as { mediaType: string })
  registry.fault = ({ path }, response) => {
    if (isBlob.test(path) && path.endsWith(digestOf(tar))) refuse(response, 404, "BLOB_UNKNOWN")
    else if (path === "/elsewhere") response.end(tar)
    else return false
    return true
  }
  await pull()
  expect(registry.count(/GET \/elsewhere/)).toBe(1)
})
