import { expect, test } from "bun:test"
import { execFileSync } from "node:child_process"
import { readdirSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { inPieces, openStores } from "../core-stores.ts"
import { config, digestOf, dockerArchive, layerOne, layerTwo } from "../fixtures/two-layer-image.ts"
import { tarOf } from "../tar-archive.ts"

const invalid = expect.objectContaining({ kind: "invalidArgument" })

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
