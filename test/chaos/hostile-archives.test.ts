import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { gzipSync, zstdCompressSync } from "node:zlib"
import { TestDaemon } from "../fixtures/daemon.ts"
import { type StoreState, settledState, storeState } from "../fixtures/store-state.ts"
import { type Member, tarOf } from "../tar-archive.ts"

let daemon: TestDaemon
let before: StoreState
let outside: string

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
  outside = `${daemon.root}/outside`
  mkdirSync(outside)
  writeFileSync(`${outside}/victim`, "untouched")
  await daemon.json("POST", "/containers/create?name=target", { Image: "busybox", Cmd: ["true"] })
  await daemon.docker("start", "-a", "target")
  do before = await storeState(daemon)
  while (before.files["run/shim/tasks"]!.length + before.files["run/bundles/moby"]!.length > 0)
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

const untouched = () => {
  expect(readdirSync(outside)).toEqual(["victim"])
  expect(readFileSync(`${outside}/victim`, "utf8")).toBe("untouched")
  expect(existsSync("/tmp/escaped")).toBe(false)
}

/** Trees that reach for what is outside, by every kind of entry. */
const trees = (): Record<string, Member[]> => {
  const up = "../".repeat(30)
  const link = (target: string) => ({ link: target })
  const hard = (link: string) => ({ type: "hardlink", link }) as const
  return {
    "a name that climbs": [[`${up}tmp/escaped`, {}, "x"]],
    "a name that climbs in the middle": [[`a/${up}tmp/escaped`, {}, "x"]],
    "an absolute name": [[`${outside}/escaped`, {}, "x"]],
    "a file through a link to outside": [
      ["out", link(outside)],
      ["out/victim", {}, "overwritten"],
    ],
    "a file through a link that climbs": [
      ["out", link(`${up}${outside}`)],
      ["out/victim", {}, "overwritten"],
    ],
    "a link in place of what is written next": [
      ["victim", link(`${outside}/victim`)],
      ["victim", {}, "overwritten"],
    ],
    "a hard link to outside": [
      ["link", hard(`${outside}/victim`)],
      ["link", {}, "overwritten"],
    ],
    "a hard link that climbs": [["link", hard(`${up}${outside}/victim`)]],
    "a whiteout through a link": [["out", link(outside)], ["out/.wh.victim"]],
    "an opaque mark through a link": [["out", link(outside)], ["out/.wh..wh..opq"]],
    "a whiteout of the parent": [[".wh..."], [".wh.."]],
    "a device of impossible number": [["device", { type: "character", major: 5000, minor: 1 }]],
    "a file of petabytes": [["big", { size: 2 ** 52, sparse: [] }]],
    "a name of 5000 bytes": [["x/".repeat(2500), {}, ""]],
    "the same name a thousand times": Array.from({ length: 1000 }, (_, index): Member => ["again", {}, String(index)]),
  }
}

test("trees that reach outside are imported without it or refused, whatever they are packed with", async () => {
  for (const [what, members] of Object.entries(trees())) {
    for (const [packed, bytes] of [
      ["plain", tarOf(...members)],
      ["gzip", gzipSync(tarOf(...members))],
      ["zstd", zstdCompressSync(tarOf(...members))],
    ] as const) {
      const answer = await daemon.request("POST", "/images/create?fromSrc=-&repo=hostile", bytes)
      expect({ what, packed, status: answer.status < 500, text: answer.text.slice(0, 200) }).toMatchObject({
        what,
        packed,
        status: true,
      })
      untouched()
    }
    const layer = await daemon.request("POST", "/containers/create", JSON.stringify({ Image: "hostile", Cmd: ["x"] }), {
      "content-type": "application/json",
    })
    if (layer.status === 201) await daemon.request("DELETE", `/containers/${JSON.parse(layer.text).Id}`)
    untouched()
    const put = await daemon.request("PUT", "/containers/target/archive?path=/tmp", tarOf(...members), {
      "content-type": "application/x-tar",
    })
    expect({ what, put: put.status, text: put.text.slice(0, 200) }).toMatchObject({
      what,
      put: put.status < 500 ? put.status : 200,
    })
    untouched()
  }
  await forget()
})

const document = (value: unknown): string => JSON.stringify(value)
const config = document({
  architecture: "amd64",
  os: "linux",
  config: {},
  rootfs: { type: "layers", diff_ids: [`sha256:${"0".repeat(64)}`] },
})
const docker = (manifest: unknown, ...members: Member[]) => tarOf(["manifest.json", {}, document(manifest)], ...members)
const oci = (index: unknown, ...members: Member[]) =>
  tarOf(["oci-layout", {}, document({ imageLayoutVersion: "1.0.0" })], ["index.json", {}, document(index)], ...members)
const descriptor = (digest: string, size: number) => ({
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  digest,
  size,
})

const archives = (): Record<string, Buffer> => ({
  nothing: Buffer.alloc(0),
  "an empty archive": tarOf(),
  zeros: Buffer.alloc(1 << 20),
  "random bytes": Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7919) % 251)),
  "gzip of nothing": gzipSync(Buffer.alloc(0)),
  "gzip in gzip": gzipSync(gzipSync(tarOf(["manifest.json", {}, "[]"]))),
  "a manifest that is not JSON": tarOf(["manifest.json", {}, "{nope"]),
  "a manifest that is a number": tarOf(["manifest.json", {}, "7"]),
  "a manifest of nulls": docker([null, null]),
  "a manifest with wrong types": docker([{ Config: 1, RepoTags: "x", Layers: { a: 1 } }]),
  "a configuration outside": docker([{ Config: "../../../../../../etc/passwd", RepoTags: ["evil:1"], Layers: [] }]),
  "layers outside": docker(
    [{ Config: "c.json", RepoTags: ["evil:1"], Layers: ["../../../../etc/passwd", "/etc/shadow"] }],
    ["c.json", {}, config],
  ),
  "layers behind a link outside": docker(
    [{ Config: "c.json", RepoTags: ["evil:1"], Layers: ["l/layer.tar"] }],
    ["c.json", {}, config],
    ["l", { link: "/etc" }],
    ["l/layer.tar", { link: "/etc/passwd" }],
  ),
  "a layer of another digest": docker(
    [{ Config: "c.json", RepoTags: ["evil:1"], Layers: ["l.tar"] }],
    ["c.json", {}, config],
    ["l.tar", {}, tarOf(["a", {}, "b"])],
  ),
  "fewer layers than the configuration": docker(
    [{ Config: "c.json", RepoTags: ["evil:1"], Layers: [] }],
    ["c.json", {}, config],
  ),
  "a hundred thousand layers": docker(
    [{ Config: "c.json", RepoTags: ["evil:1"], Layers: Array.from({ length: 100_000 }, () => "l.tar") }],
    ["c.json", {}, config],
    ["l.tar", {}, ""],
  ),
  "names that are none": docker(
    [{ Config: "c.json", RepoTags: ["../../evil", "UPPER", "a b", ":", "x:y:z"], Layers: [] }],
    ["c.json", {}, config],
  ),
  "an index that is not one": oci("x"),
  "an index of a blob that is not there": oci({
    schemaVersion: 2,
    manifests: [descriptor(`sha256:${"1".repeat(64)}`, 10)],
  }),
  "an index with a digest that climbs": oci({
    schemaVersion: 2,
    manifests: [descriptor("sha256:../../../../etc/passwd", 10)],
  }),
  "a blob of another digest": oci({ schemaVersion: 2, manifests: [descriptor(`sha256:${"2".repeat(64)}`, 2)] }, [
    `blobs/sha256/${"2".repeat(64)}`,
    {},
    "{}",
  ]),
  "a blob of petabytes": oci({ schemaVersion: 2, manifests: [descriptor(`sha256:${"2".repeat(64)}`, 2 ** 53)] }),
  "an index in an index in itself": oci({
    schemaVersion: 2,
    manifests: [{ ...descriptor(`sha256:${"3".repeat(64)}`, 2), mediaType: "application/vnd.oci.image.index.v1+json" }],
  }),
  "a manifest of 100 MB of blanks in 100 kB": gzipSync(tarOf(["manifest.json", {}, Buffer.alloc(100 << 20, " ")])),
})

test("archives that are no images are refused with a reason, and nothing of them stays", async () => {
  for (const [what, bytes] of Object.entries(archives())) {
    const { status, text } = await daemon.request("POST", "/images/load?quiet=1", bytes)
    const refused = (status >= 400 && status < 500) || (status === 200 && text.includes("errorDetail"))
    // Docker takes an archive without anything in it for an image archive without images.
    const empty = status === 200 && ["nothing", "an empty archive", "zeros", "gzip of nothing"].includes(what)
    expect({ what, refused: refused || empty, status, text: text.slice(0, 200) }).toMatchObject({ what, refused: true })
    untouched()
  }
  await forget()
})

test("an archive that is cut off anywhere is refused, and nothing of it stays", async () => {
  const whole = (await daemon.get("/images/busybox/get")).bytes
  await daemon.docker("tag", "busybox", "kept")
  for (const [packed, bytes] of [
    ["plain", whole],
    ["gzip", gzipSync(whole)],
    ["zstd", zstdCompressSync(whole)],
  ] as const) {
    for (const part of [0.01, 0.3, 0.7, 0.95]) {
      const { status, text } = await daemon.request(
        "POST",
        "/images/load?quiet=1",
        bytes.subarray(0, Math.floor(bytes.length * part)),
      )
      // What was complete before the cut may be a whole image already: it is then loaded, as it is with Docker.
      expect({ packed, part, fault: status >= 500, text }).toMatchObject({ packed, part, fault: false })
    }
    const spoiled = Buffer.from(bytes)
    spoiled.fill(0xa5, Math.floor(bytes.length / 2), Math.floor(bytes.length / 2) + 64)
    const { status } = await daemon.request("POST", "/images/load?quiet=1", spoiled)
    expect(status).toBeLessThan(500)
  }
  await daemon.docker("rmi", "kept")
  expect(await daemon.docker("run", "--rm", "busybox", "echo", "whole")).toMatchObject({ stdout: "whole\n" })
  await forget()
})

/** Removes the images that came of harmless parts and waits until nothing else has stayed. */
async function forget(): Promise<void> {
  for (const line of (await storeState(daemon)).images)
    if (!before.images.includes(line)) await daemon.request("DELETE", `/images/${line.split(" ")[0]}?force=1`)
  expect(await settledState(daemon, before)).toEqual(before)
  expect((await daemon.get("/_ping")).status).toBe(200)
  const resident = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))![1])
  expect(resident).toBeLessThan(800_000)
}
