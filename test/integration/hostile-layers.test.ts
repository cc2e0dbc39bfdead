import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { execFileSync } from "node:child_process"
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inheritAttributes } from "../../src/core/layers/inherit.ts"
import { DirectorySink, ImageSink } from "../../src/core/layers/layer-sink.ts"
import { mountErofs } from "../../src/linux/erofs.ts"
import { umount } from "../../src/linux/mount.ts"
import { getXattr } from "../../src/linux/xattr.ts"
import { type Member, tarOf } from "../tar-archive.ts"

type Form = "overlay" | "image" | "native"

let scratch: string
let layer: string
/** Where an image of the layer and its archive lie. */
let images: string
const mounted: string[] = []
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "hostile-test-"))
  images = mkdtempSync(join(tmpdir(), "hostile-images-"))
  layer = join(scratch, "layer")
  mkdirSync(layer)
  mkdirSync(join(scratch, "outside"))
  writeFileSync(join(scratch, "outside/victim"), "untouched")
})
afterEach(() => {
  for (const path of mounted.splice(0)) umount(path)
  rmSync(scratch, { recursive: true })
  rmSync(images, { recursive: true })
})

/** Brings a layer to its directory in one of the forms; an image is mounted there. */
async function unpack(archive: Buffer, form: Form = "overlay", lowerDirs: string[] = []): Promise<void> {
  const image = { archive: join(images, "layer.tar"), index: join(images, "layer.erofs") }
  const directory = { directory: layer, overlayForm: form !== "native" }
  const target = form === "image" ? { ...directory, image } : directory
  using sink = form === "image" ? new ImageSink(target, image) : new DirectorySink(target)
  for (let at = 0; at < archive.length; at += 700) sink.push(archive.subarray(at, at + 700))
  const { implied } = await sink.finish(async () => {})
  inheritAttributes(target, implied, lowerDirs)
  if (!existsSync(image.index)) return
  mountErofs({ image: image.index, device: image.archive, target: layer })
  mounted.push(layer)
}

/** Everything outside the layer, to be the same before and after. */
const outside = () =>
  execFileSync("find", [scratch, "-path", layer, "-prune", "-o", "-printf", "%p %s %m %U %l\\n"]).toString()

const directory = { type: "directory" } as const
const device = (major: number, minor: number) => ({ type: "character", major, minor }) as const
const hard = (link: string) => ({ type: "hardlink", link }) as const

const refused: Record<string, Member[]> = {
  "a name that climbs out": [["../outside/victim", {}, "evil"]],
  "a name that climbs out later": [["a/b/../../../outside/victim", {}, "evil"]],
  "a whiteout that climbs out": [["../outside/.wh.victim"]],
  "a whiteout of nothing": [[".wh."]],
  "a whiteout of the directory itself": [["dir", directory], ["dir/.wh.."]],
  "a whiteout of the parent directory": [["dir", directory], ["dir/.wh..."]],
  "a file below a whiteout": [["dir/.wh.x/file", {}, "evil"]],
  "a hard link that climbs out": [["link", hard("../outside/victim")]],
  "a hard link to an absolute path outside": [["link", hard("/etc/passwd")]],
  "a hard link through a symbolic link out": [
    ["out", { link: "../outside" }],
    ["link", hard("out/victim")],
  ],
  "a hard link to a directory": [
    ["dir", directory],
    ["link", hard("dir")],
  ],
  "a hard link to itself": [["link", hard("link")]],
  "a hard link to a whiteout": [[".wh.gone"], ["link", hard("gone")]],
  "a hard link to the root": [["link", hard("/")]],
  "a file as the root": [["./", {}, "evil"]],
  "a symbolic link as the root": [["/", { link: "/" }]],
  "an entry below a file": [
    ["file", {}, "x"],
    ["file/below", {}, "evil"],
  ],
  "an entry below a device": [
    ["null", device(1, 3)],
    ["null/below", {}, "evil"],
  ],
  "an entry below a dangling link": [
    ["link", { link: "nowhere" }],
    ["link/below", {}, "evil"],
  ],
  "an entry below a loop of links": [
    ["a", { link: "b" }],
    ["b", { link: "a" }],
    ["a/below", {}, "evil"],
  ],
  "a name of 256 bytes": [["x".repeat(256)]],
  "a path of 5000 bytes": [["x/".repeat(2500)]],
  "an empty link": [["link", { link: "" }]],
  "a link of 5000 bytes": [["link", { link: "x".repeat(5000) }]],
  "an impossible device": [["device", device(5000, 1)]],
  "a sparse file of petabytes": [["big", { size: 2 ** 52, sparse: [] }]],
}

for (const form of ["overlay", "image", "native"] as const) {
  describe(`in ${form} form`, () => {
    for (const [what, members] of Object.entries(refused)) {
      // There are no whiteouts to link to in the native form; a missing target is refused just the same.
      test(`${what} is refused and touches nothing outside`, async () => {
        const before = outside()
        await expect(unpack(tarOf(...members), form)).rejects.toThrow(
          expect.objectContaining({ kind: "invalidArgument" }),
        )
        expect(outside()).toBe(before)
      })
    }

    const harmless: Record<string, Member[]> = {
      "a file through a symbolic link to an absolute path": [
        ["out", { link: "/outside" }],
        ["outside", directory],
        ["out/victim", {}, "inside"],
      ],
      "a file through a symbolic link that climbs": [
        ["outside", directory],
        ["out", { link: "../../../outside" }],
        ["out/victim", {}, "inside"],
      ],
      "a whiteout through a symbolic link": [
        ["outside", directory],
        ["out", { link: `${"../".repeat(20)}outside` }],
        ["out/.wh.victim"],
        ["out/.wh..wh..opq"],
      ],
      "a file in place of a symbolic link out": [
        ["link", { link: "../outside/victim" }],
        ["link", {}, "mine"],
      ],
      "a directory in place of a symbolic link out": [
        ["link", { link: "../outside" }],
        ["link", { ...directory, mode: 0o777 }],
        ["link/new", {}, "mine"],
      ],
      "a symbolic link in place of a directory with files": [
        ["dir", directory],
        ["dir/file", {}, "x"],
        ["dir", { link: "../outside" }],
        [".wh.dir"],
      ],
      "an absolute name": [["/absolute/file", {}, "inside"]],
      "inner dots": [["a/./b/../c", {}, "inside"]],
      "files of AUFS": [[".wh..wh.plnk/1.2", {}, "x"], [".wh..wh.aufs"]],
    }
    for (const [what, members] of Object.entries(harmless)) {
      test(`${what} stays inside`, async () => {
        const before = outside()
        await unpack(tarOf(...members), form)
        expect(outside()).toBe(before)
      })
    }

    test("a mode or owner given to a link does not reach what it points to", async () => {
      await unpack(tarOf(["link", { link: "../outside/victim", mode: 0o777, uid: 4711 }]), form)
      expect(lstatSync(join(layer, "link")).uid).toBe(4711)
      expect(statSync(join(scratch, "outside/victim")).uid).toBe(0)
    })

    test("an entry replaces what an earlier one of its name made, and hard links keep the old content", async () => {
      await unpack(tarOf(["a", {}, "one"], ["b", hard("a")], ["a", {}, "two"]), form)
      expect([readFileSync(join(layer, "a"), "utf8"), readFileSync(join(layer, "b"), "utf8")]).toEqual(["two", "one"])
    })

    test("devices, pipes, set-user-ID, capabilities, owners and times are kept", async () => {
      const capability = Buffer.from("0100000200040000000000000000000000000000", "hex")
      await unpack(
        tarOf(
          ["./", { ...directory, mode: 0o711, mtime: 1_500_000_000_000_000_001n }],
          ["dir", { ...directory, mode: 0o1777, mtime: 1_400_000_000_123_456_789n }],
          ["dir/tool", { mode: 0o4755, uid: 12, gid: 34, mtime: 1_300_000_000_000_000_009n }, "x"],
          ["ping", { mode: 0o755, uid: 1, xattrs: new Map([["security.capability", capability]]) }, "x"],
          ["null", { ...device(1, 3), mode: 0o666 }],
          ["pipe", { type: "fifo" }],
          [Buffer.from([0xff, 0xfe]), {}, "bytes"],
        ),
        form,
      )
      const status = (name: string) => lstatSync(join(layer, name), { bigint: true })
      expect([status("").mode & 0o7777n, status("").mtimeNs]).toEqual([0o711n, 1_500_000_000_000_000_001n])
      expect([status("dir").mode & 0o7777n, status("dir").mtimeNs]).toEqual([0o1777n, 1_400_000_000_123_456_789n])
      expect(status("dir/tool")).toMatchObject({ uid: 12n, gid: 34n, mtimeNs: 1_300_000_000_000_000_009n })
      expect(status("dir/tool").mode & 0o7777n).toBe(0o4755n)
      expect(getXattr(join(layer, "ping"), "security.capability")).toEqual(capability)
      expect([status("null").isCharacterDevice(), status("null").rdev, status("null").mode & 0o777n]).toEqual([
        true,
        259n,
        0o666n,
      ])
      expect(status("pipe").isFIFO()).toBe(true)
      expect(
        readdirSync(layer, { encoding: "buffer" }).some((name) => Buffer.from(name).equals(Buffer.from([0xff, 0xfe]))),
      ).toBe(true)
    })

    test("an archive has no say in overlay's own attributes", async () => {
      const xattrs = new Map([
        ["trusted.overlay.redirect", Buffer.from("/etc")],
        ["user.kept", Buffer.from("yes")],
      ])
      await unpack(tarOf(["dir", { ...directory, xattrs }]), form)
      expect(getXattr(join(layer, "dir"), "trusted.overlay.redirect")).toBeUndefined()
      expect(getXattr(join(layer, "dir"), "user.kept")?.toString()).toBe("yes")
    })

    test("a sparse file stays sparse", async () => {
      await unpack(tarOf(["holes", { size: 1 << 30, sparse: [] }]), form)
      expect(statSync(join(layer, "holes"))).toMatchObject({ size: 1 << 30, blocks: 0 })
    })

    test("a truncated archive is refused", async () => {
      const archive = tarOf(["file", {}, "x".repeat(5000)])
      await expect(unpack(archive.subarray(0, 3000), form)).rejects.toThrow(
        expect.objectContaining({ kind: "invalidArgument" }),
      )
    })
  })
}

for (const form of ["overlay", "image"] as const) {
  for (const reversed of [false, true]) {
    const order = reversed ? "last" : "first"
    test(`whiteouts that come ${order} take overlay's form and never hide what their own layer has: ${form}`, async () => {
      const members: Member[] = [
        [".wh.gone"],
        [".wh.file"],
        ["file", {}, "new"],
        [".wh.dir"],
        ["dir", directory],
        ["dir/inside", {}, "new"],
        [".wh.implied"],
        ["implied/inside", {}, "new"],
        ["opaque/.wh..wh..opq"],
        ["opaque/inside", {}, "new"],
      ]
      await unpack(tarOf(...(reversed ? members.reverse() : members)), form)
      expect(lstatSync(join(layer, "gone"))).toMatchObject({ rdev: 0 })
      expect(lstatSync(join(layer, "gone")).isCharacterDevice()).toBe(true)
      expect(readFileSync(join(layer, "file"), "utf8")).toBe("new")
      for (const name of ["dir", "implied", "opaque"]) {
        expect(readdirSync(join(layer, name))).toEqual(["inside"])
        expect(getXattr(join(layer, name), "trusted.overlay.opaque")?.toString()).toBe("y")
      }
    })
  }

  test(`a directory that a layer only implies has the attributes of the layer below: ${form}`, async () => {
    const lower = join(scratch, "lower")
    mkdirSync(join(lower, "tmp"), { recursive: true })
    execFileSync("chmod", ["1777", join(lower, "tmp")])
    execFileSync("chown", ["12:34", lower])
    await unpack(tarOf(["tmp/file", {}, "x"], ["new/file", {}, "x"]), form, [lower])
    expect(statSync(join(layer, "tmp")).mode & 0o7777).toBe(0o1777)
    expect(statSync(join(layer, "tmp")).mtimeMs).toBe(statSync(join(lower, "tmp")).mtimeMs)
    expect(statSync(join(layer, "new")).mode & 0o7777).toBe(0o755)
    expect(statSync(layer)).toMatchObject({ uid: 12, gid: 34 })
  })
}

test("in the native form whiteouts remove what lower layers left, and only that, whatever the order", async () => {
  for (const reversed of [false, true]) {
    rmSync(layer, { recursive: true })
    for (const path of ["dir/sub", "opaque/sub", "replaced"]) mkdirSync(join(layer, path), { recursive: true })
    for (const path of ["gone", "file", "dir/old", "dir/sub/old", "opaque/old", "opaque/sub/old", "replaced/old"]) {
      writeFileSync(join(layer, path), "old")
    }
    symlinkSync("../outside", join(layer, "link"))
    const members: Member[] = [
      [".wh.gone"],
      [".wh.file"],
      [".wh.link"],
      ["file", {}, "new"],
      [".wh.replaced"],
      ["replaced", directory],
      ["replaced/new", {}, "new"],
      ["opaque/.wh..wh..opq"],
      ["opaque/sub/new", {}, "new"],
      ["dir/new", {}, "new"],
    ]
    await unpack(tarOf(...(reversed ? members.reverse() : members)), "native")
    expect(
      execFileSync("find", [".", "-type", "f", "-o", "-type", "l"], { cwd: layer })
        .toString()
        .trim()
        .split("\n")
        .sort(),
    ).toEqual(["./dir/new", "./dir/old", "./dir/sub/old", "./file", "./opaque/sub/new", "./replaced/new"])
    expect(readFileSync(join(layer, "file"), "utf8")).toBe("new")
    expect(existsSync(join(scratch, "outside/victim"))).toBe(true)
  }
})

test("a device with the number of a whiteout is one, in both forms", async () => {
  await unpack(tarOf(["x", { ...device(0, 0), mode: 0o666 }]))
  expect(lstatSync(join(layer, "x")).rdev).toBe(0)
  await unpack(tarOf([".wh.x"], ["dir/file", {}, "1"]))
  rmSync(join(layer, "x"))
  await unpack(tarOf(["dir/file", { ...device(0, 0) }]), "native")
  expect(readdirSync(join(layer, "dir"))).toEqual([])
})

test("thousands of directories can be open one after the other", async () => {
  const before = readdirSync("/proc/self/fd").length
  const members: Member[] = []
  for (let at = 0; at < 3000; at++)
    members.push([`d${at % 500}/e${at}/f`, {}, String(at)], [`h${at}`, hard(`d${at % 500}/e${at}/f`)])
  await unpack(tarOf(...members))
  expect(readFileSync(join(layer, "h2999"), "utf8")).toBe("2999")
  expect(readdirSync("/proc/self/fd").length).toBeLessThan(before + 50)
})
