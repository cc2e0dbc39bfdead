import { expect, test } from "bun:test"
import { execFileSync, spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync, zstdCompressSync } from "node:zlib"
import { collectBytes, inPieces, openStores } from "../core-stores.ts"
import { note } from "../fixtures/docker-cli.ts"
import {
  config,
  digestOf,
  dockerArchive,
  filesOf,
  layerOne,
  layerTwo,
  makeImage,
  name,
} from "../fixtures/two-layer-image.ts"
import { tarOf } from "../tar-archive.ts"

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

const noSkopeo = spawnSync("skopeo", ["--version"]).status === 0 ? undefined : "skopeo is not installed"
test.skipIf(noSkopeo !== undefined)(`archives of skopeo are loaded, and it reads ours${note(noSkopeo)}`, async () => {
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
})
