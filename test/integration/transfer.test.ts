import { expect, test } from "bun:test"
import { execFileSync, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync, zstdCompressSync } from "node:zlib"
import type { Differ } from "../../src/core/diff/contract.ts"
import type { Scope } from "../../src/core/scope.ts"
import { withMounted } from "../../src/core/snapshots/suite.ts"
import { ImageTransfer } from "../../src/core/transfer/transfer.ts"
import type { Descriptor } from "../../src/oci/descriptor.ts"
import { hostPlatform, parsePlatform } from "../../src/oci/platform.ts"
import { collectBytes, inPieces, openStores, type Stores } from "../core-stores.ts"
import { type Member, tarOf } from "../tar-archive.ts"

const name = "docker.io/library/app:latest"
const digestOf = (bytes: string | Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`
const invalid = expect.objectContaining({ kind: "invalidArgument" })
const layerOne = tarOf(["etc/", { type: "directory" }], ["etc/one", {}, "1"], ["both", {}, "one"])
const layerTwo = tarOf(["etc/two", {}, "2"], [".wh.both"])
const config = (...layers: Buffer[]) =>
  JSON.stringify({
    ...hostPlatform(),
    config: { Cmd: ["sh"], Env: ["A=b"] },
    rootfs: { type: "layers", diff_ids: layers.map(digestOf) },
  })

/** Makes and names a two-layer image: an import and a commit on top. */
async function makeImage(stores: Stores): Promise<Descriptor> {
  return await stores.leases.within(stores.scope, async (scope) => {
    const created = "2020-01-01T00:00:00Z"
    const platform = hostPlatform()
    const base = await stores.transfer.importTree(scope, inPieces(layerOne), { config: { ...platform, created } })
    const image = await stores.transfer.resolve(scope, base.target)
    await stores.snapshots.prepare(scope, "work", image.chainID)
    await withMounted(stores, scope, "work", (root) => writeFileSync(join(root, "etc/two"), "2"))
    const { target } = await stores.transfer.commit(scope, "work", image, { config: { ...image.config, created } })
    await stores.images.set(scope, name, target)
    await stores.snapshots.remove(scope, "work")
    return target
  })
}

const filesOf = async (stores: Stores, scope: Scope, target: Descriptor): Promise<Record<string, string>> => {
  const image = await stores.transfer.resolve(scope, target)
  await stores.snapshots.view(scope, "look", image.chainID)
  const files = await withMounted(stores, scope, "look", (root) =>
    Object.fromEntries(
      execFileSync("find", [".", "-type", "f", "-printf", "%P\\n"], { cwd: root })
        .toString()
        .trim()
        .split("\n")
        .map((path) => [path, readFileSync(join(root, path), "utf8")]),
    ),
  )
  await stores.snapshots.remove(scope, "look")
  return files
}

const dockerArchive = (more: Member[] = [], images?: object[]): Buffer => {
  const text = config(layerOne, layerTwo)
  return tarOf(
    [`${digestOf(text).slice(7)}.json`, {}, text],
    ["one/", { type: "directory" }],
    ["one/VERSION", {}, "1.0"],
    ["one/layer.tar", {}, layerOne],
    ["two/layer.tar", {}, layerTwo],
    ...more,
    [
      "manifest.json",
      {},
      JSON.stringify(
        images ?? [
          {
            Config: `${digestOf(text).slice(7)}.json`,
            RepoTags: ["app:latest"],
            Layers: ["one/layer.tar", "two/layer.tar"],
          },
        ],
      ),
    ],
  )
}

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

test("Docker's older archives are loaded, links to shared layers included", async () => {
  await using stores = await openStores()
  const text = config(layerOne, layerTwo)
  const single = config(layerOne)
  const archive = dockerArchive(
    [
      ["three/layer.tar", { link: "../one/layer.tar" }],
      ["single.json", {}, single],
    ],
    [
      {
        Config: `${digestOf(text).slice(7)}.json`,
        RepoTags: ["app:latest", "other:1"],
        Layers: ["one/layer.tar", "two/layer.tar"],
      },
      { Config: "single.json", RepoTags: null, Layers: ["three/layer.tar"] },
    ],
  )
  const loaded = await stores.transfer.load(stores.scope, inPieces(archive))
  expect(loaded).toEqual([
    { name, id: digestOf(text) as never },
    { name: "docker.io/library/other:1", id: digestOf(text) as never },
    { id: digestOf(single) as never },
  ])
  const { target } = await stores.images.get(stores.scope, name)
  expect(await filesOf(stores, stores.scope, target)).toEqual({ "etc/one": "1", "etc/two": "2" })
  await stores.collector.collect()
  expect((await stores.images.list(stores.scope)).length).toBe(3)
  expect((await stores.snapshots.list(stores.scope)).length).toBe(2)
})

test("archives of before Docker 1.10 are loaded: a directory for each layer, named by repositories", async () => {
  await using stores = await openStores()
  const [one, two] = ["1".repeat(64), "2".repeat(64)] as const
  const created = "2014-01-01T00:00:00Z"
  const document = (id: string, parent?: string, more: object = {}) =>
    JSON.stringify({ id, ...(parent ? { parent } : {}), created, architecture: "amd64", os: "linux", ...more })
  const top = {
    config: { Cmd: ["/bin/sh"], Env: ["A=1"] },
    container_config: { Cmd: ["/bin/sh", "-c", "make two"] },
    Size: 5,
  }
  const archive = (repositories: object, second = document(two, one, top)) =>
    tarOf(
      [`${two}/`, { type: "directory" }],
      [`${two}/VERSION`, {}, "1.0"],
      [`${two}/json`, {}, second],
      [`${two}/layer.tar`, {}, layerTwo],
      [`${one}/json`, {}, document(one)],
      [`${one}/layer.tar`, {}, layerOne],
      ["repositories", {}, JSON.stringify(repositories)],
    )
  const loaded = await stores.transfer.load(stores.scope, inPieces(archive({ app: { latest: two, old: one } })))
  expect(loaded.map((each) => each.name)).toEqual([name, "docker.io/library/app:old"])
  const { target } = await stores.images.get(stores.scope, name)
  expect(await filesOf(stores, stores.scope, target)).toEqual({ "etc/one": "1", "etc/two": "2" })
  const { config } = await stores.transfer.resolve(stores.scope, target)
  expect(config.config).toMatchObject({ Cmd: ["/bin/sh"], Env: ["A=1"] })
  expect(config.history).toEqual([{ created }, { created, created_by: "/bin/sh -c make two" }])
  expect(Object.keys(config)).not.toContain("id")
  for (const [repositories, second, why] of [
    [{ app: { latest: "3".repeat(64) } }, undefined, "is not there"],
    [{ app: { latest: "x" } }, undefined, "app:latest is no image"],
    [{ app: { latest: two } }, document(two, two), "have no end"],
  ] as const) {
    const work = stores.transfer.load(stores.scope, inPieces(archive(repositories, second)))
    await expect(work).rejects.toThrow(why)
  }
})

test("compressed layers of an archive are loaded", async () => {
  await using stores = await openStores()
  const text = config(layerOne, layerTwo)
  const archive = tarOf(
    ["config.json", {}, text],
    ["1.tar.gz", {}, gzipSync(layerOne)],
    ["2.tar.zst", {}, zstdCompressSync(layerTwo)],
    [
      "manifest.json",
      {},
      JSON.stringify([{ Config: "config.json", RepoTags: ["app"], Layers: ["1.tar.gz", "2.tar.zst"] }]),
    ],
  )
  await stores.transfer.load(stores.scope, inPieces(archive))
  const { target } = await stores.images.get(stores.scope, name)
  expect(await filesOf(stores, stores.scope, target)).toEqual({ "etc/one": "1", "etc/two": "2" })
})

test("a name that moves to a newly loaded image leaves the old one without a name", async () => {
  await using stores = await openStores()
  const old = await makeImage(stores)
  await stores.transfer.load(stores.scope, inPieces(dockerArchive()))
  const names = (await stores.images.list(stores.scope)).map((image) => [image.name, image.target.digest])
  expect(names).toContainEqual([old.digest, old.digest])
  expect(names.length).toBe(2)
})

const image = (fields: object) => ({ Config: "c.json", RepoTags: ["app"], Layers: ["l.tar"], ...fields })
const hostile: Record<string, Buffer> = {
  "not an archive": Buffer.from("hello".repeat(1000)),
  "an empty archive": tarOf(),
  "a truncated archive": dockerArchive().subarray(0, 3000),
  "a truncated gzip stream": gzipSync(dockerArchive()).subarray(0, 300),
  "a manifest that is not JSON": tarOf(["manifest.json", {}, "{"]),
  "a manifest that is no list": tarOf(["manifest.json", {}, "{}"]),
  "a configuration outside": tarOf(["manifest.json", {}, JSON.stringify([image({ Config: "../../etc/passwd" })])]),
  "a configuration at an absolute path": tarOf([
    "manifest.json",
    {},
    JSON.stringify([image({ Config: "/etc/passwd" })]),
  ]),
  "a layer that is a link out of the archive": tarOf(
    ["c.json", {}, config(layerOne)],
    ["l.tar", { link: "../../../../etc/passwd" }],
    ["manifest.json", {}, JSON.stringify([image({})])],
  ),
  "a layer that is a link to itself": tarOf(
    ["c.json", {}, config(layerOne)],
    ["l.tar", { link: "l.tar" }],
    ["manifest.json", {}, JSON.stringify([image({})])],
  ),
  "a layer that is another than the configuration says": tarOf(
    ["c.json", {}, config(layerOne)],
    ["l.tar", {}, layerTwo],
    ["manifest.json", {}, JSON.stringify([image({})])],
  ),
  "a compressed layer that is another than the configuration says": tarOf(
    ["c.json", {}, config(layerOne)],
    ["l.tar", {}, gzipSync(layerTwo)],
    ["manifest.json", {}, JSON.stringify([image({})])],
  ),
  "more layers than the configuration names": dockerArchive(
    [["c.json", {}, config(layerOne)]],
    [image({ Layers: ["one/layer.tar", "two/layer.tar"] })],
  ),
  "a layer with an entry that leads out": (() => {
    const evil = tarOf(["../../evil", {}, "x"])
    return tarOf(["c.json", {}, config(evil)], ["l.tar", {}, evil], ["manifest.json", {}, JSON.stringify([image({})])])
  })(),
  "a layer that is not an archive": (() => {
    const evil = Buffer.alloc(2048, "x")
    return tarOf(["c.json", {}, config(evil)], ["l.tar", {}, evil], ["manifest.json", {}, JSON.stringify([image({})])])
  })(),
  "a second layer that is bad after a good one": (() => {
    const evil = tarOf(["file/below", {}, "x"], ["file/below/file", {}, "x"])
    return tarOf(
      ["c.json", {}, config(layerOne, evil)],
      ["l.tar", {}, layerOne],
      ["e.tar", {}, evil],
      ["manifest.json", {}, JSON.stringify([image({ Layers: ["l.tar", "e.tar"] })])],
    )
  })(),
  "an impossible name": dockerArchive([["c.json", {}, config()]], [image({ RepoTags: ["App:/x"], Layers: [] })]),
  "two files of one name": tarOf(["c.json", {}, "{}"], ["c.json", {}, "[]"], ["manifest.json", {}, "[]"]),
  "a device": tarOf(["x", { type: "character", major: 1, minor: 3 }]),
  "an entry that climbs out": tarOf(["../x", {}, "x"]),
  "a configuration with words where lists belong": tarOf(
    ["c.json", {}, JSON.stringify({ ...JSON.parse(config(layerOne)), config: { Env: "A=b" } })],
    ["l.tar", {}, layerOne],
    ["manifest.json", {}, JSON.stringify([image({})])],
  ),
  "a blob that is not what its name says": tarOf([`blobs/sha256/${"0".repeat(64)}`, {}, "x"]),
  "a blob whose name is no digest": tarOf(["blobs/sha256/../../x", {}, "x"], ["blobs/sha256/xyz", {}, "x"]),
  "a layout whose blobs are missing": tarOf(
    ["oci-layout", {}, "{}"],
    [
      "index.json",
      {},
      JSON.stringify({
        schemaVersion: 2,
        manifests: [{ mediaType: "application/vnd.oci.image.manifest.v1+json", digest: digestOf("x"), size: 1 }],
      }),
    ],
  ),
  "a layout with a wrong size": (() => {
    const manifest = "{}"
    return tarOf(
      [`blobs/sha256/${digestOf(manifest).slice(7)}`, {}, manifest],
      ["oci-layout", {}, "{}"],
      [
        "index.json",
        {},
        JSON.stringify({
          schemaVersion: 2,
          manifests: [
            { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: digestOf(manifest), size: 999 },
          ],
        }),
      ],
    )
  })(),
  "a layout that refers to itself by a false digest": tarOf(
    ["oci-layout", {}, "{}"],
    [
      "index.json",
      {},
      JSON.stringify({
        schemaVersion: 2,
        manifests: [{ mediaType: "application/vnd.oci.image.index.v1+json", digest: "sha256:../../etc", size: 1 }],
      }),
    ],
  ),
}
for (const [what, bytes] of Object.entries(hostile)) {
  test(`an archive with ${what} is refused, and nothing of it stays`, async () => {
    await using stores = await openStores()
    const before = execFileSync("find", [stores.scratch, "-maxdepth", "1"]).toString()
    await expect(stores.transfer.load(stores.scope, inPieces(bytes, 1000))).rejects.toThrow(invalid)
    await stores.collector.collect()
    expect(await Array.fromAsync(stores.content.list(stores.scope))).toEqual([])
    expect(await Array.fromAsync(stores.content.ingests(stores.scope))).toEqual([])
    expect(await stores.snapshots.list(stores.scope)).toEqual([])
    expect(await stores.images.list(stores.scope)).toEqual([])
    expect(await stores.leases.list(stores.scope)).toEqual([])
    await stores.snapshots.sweep()
    expect(readdirSync(stores.root)).toEqual([])
    expect(execFileSync("find", [stores.scratch, "-maxdepth", "1"]).toString()).toBe(before)
  })
}

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

test.skipIf(spawnSync("skopeo", ["--version"]).status !== 0)(
  "archives of skopeo are loaded, and it reads ours",
  async () => {
    await using stores = await openStores()
    const target = await makeImage(stores)
    const { id } = await stores.transfer.resolve(stores.scope, target)
    const file = (path: string) => join(stores.scratch, path)
    writeFileSync(file("ours.tar"), await collectBytes(stores.transfer.save(stores.scope, [{ target, names: [name] }])))
    const skopeo = (...args: string[]) =>
      execFileSync("skopeo", ["--insecure-policy", "--tmpdir", stores.scratch, "copy", "-q", ...args])
    skopeo(`docker-archive:${file("ours.tar")}`, `oci-archive:${file("oci.tar")}:example.org/app:v1`)
    skopeo(`oci-archive:${file("ours.tar")}`, `docker-archive:${file("docker.tar")}:app:v2`)
    await using other = await openStores()
    expect(await other.transfer.load(other.scope, inPieces(readFileSync(file("oci.tar"))))).toMatchObject([
      { name: "example.org/app:v1" },
    ])
    expect(await other.transfer.load(other.scope, inPieces(readFileSync(file("docker.tar"))))).toMatchObject([
      { name: "docker.io/library/app:v2", id },
    ])
    const loaded = await other.images.get(other.scope, "example.org/app:v1")
    expect(await filesOf(other, other.scope, loaded.target)).toEqual({ both: "one", "etc/one": "1", "etc/two": "2" })
  },
)

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
