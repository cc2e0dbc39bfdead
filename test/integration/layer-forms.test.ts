import { expect, test } from "bun:test"
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inheritAttributes } from "../../src/core/layers/inherit.ts"
import { DirectorySink, ImageSink } from "../../src/core/layers/layer-sink.ts"
import { treeUsage } from "../../src/core/layers/trees.ts"
import { mountErofs } from "../../src/linux/erofs.ts"
import { umount } from "../../src/linux/mount.ts"
import { getXattr, listXattrs } from "../../src/linux/xattr.ts"
import { type Member, tarOf } from "../tar-archive.ts"

const started = BigInt(Date.now() - 60_000) * 1_000_000n
const directory = { type: "directory" } as const

interface Told {
  readonly tree: readonly string[]
  readonly usage: { readonly size: number; readonly inodes: number }
  readonly image: boolean
}

/** Brings an archive to a directory in one of both forms. @returns what is there then, or how it was refused */
async function bring(
  archive: Buffer,
  form: "directory" | "image",
  lower: readonly string[] = [],
): Promise<Told | string> {
  const scratch = mkdtempSync(join(tmpdir(), "forms-test-"))
  const layer = join(scratch, "fs")
  mkdirSync(layer)
  const image = { archive: join(scratch, "layer.tar"), index: join(scratch, "layer.erofs") }
  const target = { directory: layer, overlayForm: true, ...(form === "image" ? { image } : {}) }
  let mounted = false
  try {
    using sink = form === "image" ? new ImageSink(target, image) : new DirectorySink(target)
    for (let at = 0; at < archive.length; at += 10_000) sink.push(archive.subarray(at, at + 10_000))
    const { implied, usage } = await sink.finish(async () => {})
    inheritAttributes(target, implied, lower)
    if (existsSync(image.index)) {
      mountErofs({ image: image.index, device: image.archive, target: layer })
      mounted = true
      expect(usage).toEqual(treeUsage(layer))
    } else expect(existsSync(image.archive)).toBe(false)
    return { tree: [...listing(layer)], usage: treeUsage(layer), image: mounted }
  } catch (error) {
    if (!(error instanceof Error && "kind" in error)) throw error
    return `${error.kind}`
  } finally {
    if (mounted) umount(layer)
    rmSync(scratch, { recursive: true })
  }
}

/** All that can be seen of a tree. Files with several names are told by the first. */
function* listing(root: string): Generator<string> {
  const first = new Map<bigint, string>()
  const bytes = (path: string) => Buffer.from(path, "latin1")
  function* told(path: string): Generator<string> {
    const whole = bytes(join(root, path))
    const status = lstatSync(whole, { bigint: true })
    const known = status.isDirectory() ? undefined : first.get(status.ino)
    if (!status.isDirectory() && !known) first.set(status.ino, path)
    const xattrs = listXattrs(whole).map((key) => `${key}=${getXattr(whole, key)?.toString("hex")}`)
    // What no entry describes has the time at which it was made.
    const time = status.mtimeNs > started ? "now" : status.mtimeNs
    const content = known
      ? `= ${known}`
      : status.isFile()
        ? readFileSync(whole).toString("latin1")
        : status.isSymbolicLink()
          ? readlinkSync(whole, "latin1")
          : `${status.rdev}`
    const size = status.isDirectory() ? "" : status.size
    yield [path, status.mode.toString(8), status.uid, status.gid, size, time, status.nlink, xattrs.sort(), content]
      .map(String)
      .join(" | ")
    if (!status.isDirectory()) return
    const names = readdirSync(whole, { encoding: "buffer" }).map((name) => Buffer.from(name).toString("latin1"))
    for (const name of names.sort()) yield* told(`${path}/${name}`)
  }
  yield* told("")
}

async function alike(archive: Buffer, lower: readonly string[] = []): Promise<boolean> {
  const one = await bring(archive, "directory", lower)
  const other = await bring(archive, "image", lower)
  if (typeof one === "string" || typeof other === "string") {
    expect(other).toEqual(one)
    return false
  }
  // Unpacking sets the times of directories at the end, by their paths: a link that was replaced meanwhile leads elsewhere.
  const lost = (line: string) => /^[^|]*\| 4\d+ \|.*\| now \|/.test(line)
  const timeless = (line: string) => line.replace(/^([^|]*\| 4\d+ \| \d+ \| \d+ \| +\|) -?\w+ /, "$1 now ")
  const compared = (lines: readonly string[], others: readonly string[]) =>
    lines.map((line, at) => (lost(line) || lost(others[at] ?? "") ? timeless(line) : line))
  expect(compared(other.tree, one.tree)).toEqual(compared(one.tree, other.tree))
  expect(other.usage).toEqual(one.usage)
  return other.image
}

/** Random numbers that are the same in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** A layer in which few names are used for everything that an archive can say. */
function muddle(seed: number): Member[] {
  const random = numbers(seed)
  const one = <T>(from: readonly T[]): T => from[random(from.length)]!
  const path = () => Array.from({ length: 1 + random(3) }, () => one(["a", "b", "c", "d"])).join("/")
  const attributes = () => ({
    mode: random(0o10000),
    uid: random(3),
    gid: random(70_000),
    mtime: BigInt(random(2 ** 31)) * 1_000_000_000n + BigInt(random(1_000_000_000)),
    ...(random(4) === 0
      ? { xattrs: new Map([[one(["user.x", "user.y", "trusted.z"]), Buffer.from(`${random(9)}`)]]) }
      : {}),
  })
  return Array.from({ length: 1 + random(14) }, (): Member => {
    const kind = random(16)
    if (kind < 5) return [path(), attributes(), "x".repeat(random(3) * 700)]
    if (kind < 9) return [random(12) === 0 ? "./" : path(), { ...attributes(), ...directory }]
    if (kind === 9) return [path(), { ...attributes(), link: one(["a", "b/c", "../a", "/b", "nowhere", ".", ".."]) }]
    if (kind < 12) return [path(), { ...attributes(), type: "hardlink", link: path() }]
    if (kind === 12) return [path().replace(/[^/]*$/, (name) => `.wh.${name}`)]
    if (kind === 13) return [`${path()}/.wh..wh..opq`]
    if (kind === 14) return [path(), { ...attributes(), type: "character", major: random(2), minor: random(2) * 300 }]
    return [path(), { ...attributes(), type: one(["fifo", "block"] as const), major: 8, minor: random(0x10000) }]
  })
}

test("hundreds of layers of all kinds of entries give the same tree in both forms, or are refused in both", async () => {
  let images = 0
  for (let seed = 1; seed <= 300; seed++) {
    if (await alike(tarOf(...muddle(seed)))) images++
  }
  expect(images).toBeGreaterThan(60)
})

const capability = Buffer.from("0100000200040000000000000000000000000000", "hex")
const layers: Record<string, { readonly members: Member[]; readonly image: boolean }> = {
  nothing: { members: [], image: true },
  "names that are not UTF-8, as long as can be, and in the order of their bytes": {
    members: [
      [Buffer.from([0xff, 0xfe]), {}, "bytes"],
      ["n".repeat(255), {}, "long"],
      [`${"d".repeat(200)}/`.repeat(19), directory],
      ["!before", {}, "1"],
      ["-", {}, "2"],
      ["\u00e4", {}, "3"],
    ],
    image: true,
  },
  "a directory of thousands": {
    members: Array.from({ length: 1500 }, (_, at): Member => [`many/${"name".repeat(at % 50)}-${at}`, {}, `${at}`]),
    image: true,
  },
  "files of all sizes": {
    members: Array.from({ length: 60 }, (_, at): Member => [`file-${at}`, {}, Buffer.alloc(at ** 3, `${at} `)]),
    image: true,
  },
  "links with targets of all lengths": {
    members: [1, 59, 255, 256, 257, 500, 1000, 4000].map(
      (length): Member => [`l${length}`, { link: "t".repeat(length) }],
    ),
    image: true,
  },
  "attributes of all sizes, capabilities and set-user-ID": {
    members: [
      [
        "tool",
        { mode: 0o6755, uid: 4_000_000_000, gid: 7, xattrs: new Map([["security.capability", capability]]) },
        "x",
      ],
      ["many", { xattrs: new Map(Array.from({ length: 20 }, (_, at) => [`user.${at}`, Buffer.alloc(at, "v")])) }, "x"],
      ["dir", { ...directory, xattrs: new Map([["user.d", Buffer.alloc(600, "v")]]) }],
      ["link", { link: "dir", xattrs: new Map([["user.l", Buffer.from("no")]]) }],
      ["other", { xattrs: new Map([["com.example.x", Buffer.from("no")]]) }, ""],
    ],
    image: true,
  },
  "times before the epoch and after 2038": {
    members: [-1n, -1_500_000_000_000_000_001n, 4_000_000_000_123_456_789n].map(
      (mtime): Member => [`t${mtime}`, { mtime }],
    ),
    image: true,
  },
  "an entry below a link to another directory, and a hard link through it": {
    members: [
      ["usr/lib", directory],
      ["lib", { link: "usr/lib" }],
      ["lib/libc.so", { mode: 0o755 }, "code"],
      ["again", { type: "hardlink", link: "lib/libc.so" }],
    ],
    image: true,
  },
  "a sparse file": {
    members: [["holes", { size: 10_000_000, sparse: [{ offset: 4096, length: 3 }] }, "abc"]],
    image: false,
  },
  "an access control list": {
    members: [
      [
        "acl",
        {
          xattrs: new Map([
            ["system.posix_acl_access", Buffer.from("0200000001000600ffffffff04000400ffffffff20000400ffffffff", "hex")],
          ]),
        },
        "x",
      ],
    ],
    image: false,
  },
}

for (const [what, { members, image }] of Object.entries(layers)) {
  test(`${what}: the same in both forms, ${image ? "mounted" : "unpacked"}`, async () => {
    const archive = tarOf(...members)
    expect(await alike(archive)).toBe(image)
    const padded = Buffer.concat([archive, Buffer.alloc(100_000, 0x78)])
    expect(await alike(padded)).toBe(image)
  })
}

test("implied directories have the attributes of the layers below in both forms", async () => {
  const lower = mkdtempSync(join(tmpdir(), "forms-lower-"))
  try {
    mkdirSync(join(lower, "a/b"), { recursive: true, mode: 0o710 })
    expect(await alike(tarOf(["a/b/c/file", {}, "x"]), [lower])).toBe(true)
  } finally {
    rmSync(lower, { recursive: true })
  }
})
