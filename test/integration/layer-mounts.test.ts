import { expect, test } from "bun:test"
import { createHash } from "node:crypto"
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { DiskContentStore } from "../../src/core/content/store.ts"
import { ThreadedDiffer } from "../../src/core/diff/differ.ts"
import { MemoryEventBus } from "../../src/core/events/bus.ts"
import { MetadataDatabase } from "../../src/core/metadata/database.ts"
import { backgroundScope } from "../../src/core/scope.ts"
import type { IdleRule } from "../../src/core/snapshots/layer-mounts.ts"
import { MetadataSnapshotRows } from "../../src/core/snapshots/rows.ts"
import { DirectorySnapshotter } from "../../src/core/snapshots/snapshotter.ts"
import { withMounted } from "../../src/core/snapshots/suite.ts"
import { mount, umount } from "../../src/linux/mount.ts"
import { mountTable } from "../../src/linux/mount-table.ts"
import type { Digest } from "../../src/oci/digest.ts"
import { collectBytes } from "../core-stores.ts"
import { note } from "../fixtures/docker-cli.ts"
import { type Member, tarOf } from "../tar-archive.ts"

const scope = backgroundScope("test", "layers")

interface Options {
  readonly unpack?: boolean
  readonly idle?: IdleRule
}

/** A data root that several snapshotters may come to, one after the other. */
async function openRoot(copyOf?: string) {
  await using stack = new AsyncDisposableStack()
  const scratch = mkdtempSync(join(copyOf ? "/dev/shm" : tmpdir(), "layers-test-"))
  stack.defer(() => rmSync(scratch, { recursive: true }))
  if (copyOf) cpSync(copyOf, scratch, { recursive: true })
  const root = join(scratch, "snapshots")
  const mounts = join(scratch, "mounts")
  const database = stack.use(MetadataDatabase.open(join(scratch, "barge.db")))
  const content = await DiskContentStore.open(database, new MemoryEventBus(), join(scratch, "content"))
  const open = (options: Options = {}) =>
    new DirectorySnapshotter({
      root,
      mounts,
      rows: new MetadataSnapshotRows(database),
      events: new MemoryEventBus(),
      driver: "overlay",
      ...options,
    })
  const owned = stack.move()
  return {
    scratch,
    root,
    content,
    open,
    /** Where layers are mounted now. */
    mounted: () =>
      mountTable()
        .map(({ mountPoint }) => mountPoint)
        .filter((path) => path.startsWith(`${mounts}/`)),
    /** Everything that is mounted below. */
    all: () => mountTable().filter(({ mountPoint }) => mountPoint.startsWith(`${scratch}/`)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

type Root = Awaited<ReturnType<typeof openRoot>>

/** Applies `members` as the layer `name` on `parent`. @returns the digest of its blob */
async function applied(
  { content }: Root,
  snapshots: DirectorySnapshotter,
  name: string,
  parent: string | undefined,
  members: readonly Member[],
  packed = false,
): Promise<Digest> {
  using differ = new ThreadedDiffer({ content, snapshots })
  const tar = tarOf(...members)
  const blob = packed ? gzipSync(tar) : tar
  const { digest } = await content.put(scope, blob)
  await snapshots.prepare(scope, `making-${name}`, undefined)
  const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest, size: blob.length }
  const { implied, usage } = await differ.apply(scope, layer, `making-${name}`, { sealed: true })
  if (parent) await differ.inherit(scope, `making-${name}`, parent, implied)
  await snapshots.commit(scope, name, `making-${name}`, { ...(parent ? { parent } : {}), ...(usage ? { usage } : {}) })
  return digest
}

const read = (root: Root, snapshots: DirectorySnapshotter, key: string, file: string) =>
  withMounted({ snapshots, ...root }, scope, key, (at) => readFileSync(join(at, file), "utf8"))

test("a layer is mounted when it is first used, once for all, and until it is removed", async () => {
  await using root = await openRoot()
  await using snapshots = root.open()
  expect(snapshots.layers).toStartWith("mounted")
  await applied(root, snapshots, "a", undefined, [["file", {}, "one"]])
  expect(readdirSync(join(root.root, "1")).sort()).toEqual(["fs", "layer.erofs", "layer.tar", "work"])
  expect(await snapshots.usage(scope, "a")).toEqual({ size: 3, inodes: 2 })
  expect(root.mounted()).toEqual([])
  for (const key of ["x", "y"]) {
    await snapshots.prepare(scope, key, "a")
    expect(await read(root, snapshots, key, "file")).toBe("one")
  }
  expect(root.mounted().length).toBe(1)
  expect(root.all().map(({ shared, slave }) => shared || slave)).toEqual([false, false])
  for (const key of ["x", "y", "a"]) await snapshots.remove(scope, key)
  await snapshots.sweep()
  expect(root.mounted()).toEqual([])
  expect(readdirSync(root.root)).toEqual([])
})

test("nothing stays mounted when the snapshotter ends, and who uses a layer goes on", async () => {
  await using root = await openRoot()
  const target = join(root.scratch, "target")
  mkdirSync(target)
  {
    await using snapshots = root.open()
    await applied(root, snapshots, "a", undefined, [["file", {}, "one"]])
    await snapshots.prepare(scope, "x", "a")
    for (const each of await snapshots.mounts(scope, "x")) mount({ ...each, target })
  }
  expect(root.mounted()).toEqual([])
  expect(readFileSync(join(target, "file"), "utf8")).toBe("one")
  umount(target)
  expect(root.all()).toEqual([])
})

test("mounts that a killed daemon left are taken away, and layers are mounted anew", async () => {
  await using root = await openRoot()
  const killed = root.open()
  await applied(root, killed, "a", undefined, [["file", {}, "one"]])
  await killed.prepare(scope, "x", "a")
  expect(await read(root, killed, "x", "file")).toBe("one")
  expect(root.mounted().length).toBe(1)
  await using snapshots = root.open()
  expect(root.mounted()).toEqual([])
  expect(await read(root, snapshots, "x", "file")).toBe("one")
  await snapshots.remove(scope, "x")
  await killed[Symbol.asyncDispose]()
})

test("a layer that somebody unmounted is mounted again", async () => {
  await using root = await openRoot()
  await using snapshots = root.open()
  await applied(root, snapshots, "a", undefined, [["file", {}, "one"]])
  await snapshots.prepare(scope, "x", "a")
  await read(root, snapshots, "x", "file")
  umount(root.mounted()[0]!)
  expect(await read(root, snapshots, "x", "file")).toBe("one")
})

test("images and directories lie on each other, whichever way they came", async () => {
  await using root = await openRoot()
  {
    await using older = root.open({ unpack: true })
    expect(older.layers).toBe("unpacked: the configuration says so")
    await applied(root, older, "one", undefined, [
      ["dir", { type: "directory", mode: 0o1777 }],
      ["dir/one", {}, "1"],
      ["dir/gone", {}, "x"],
      ["file", {}, "old"],
    ])
  }
  await using snapshots = root.open()
  await applied(root, snapshots, "two", "one", [["dir/.wh.gone"], ["dir/two", {}, "2"], ["file", {}, "new"]], true)
  await snapshots.prepare(scope, "making", "two")
  await withMounted({ snapshots, ...root }, scope, "making", (at) => writeFileSync(join(at, "dir/three"), "3"))
  await snapshots.commit(scope, "three", "making")
  await applied(root, snapshots, "four", "three", [["dir/four", {}, "4"], ["other/.wh..wh..opq"]])
  expect(readdirSync(join(root.root, "1")).includes("layer.erofs")).toBe(false)
  expect(["2", "4"].every((id) => existsSync(join(root.root, id, "layer.erofs")))).toBe(true)
  await snapshots.prepare(scope, "x", "four")
  await withMounted({ snapshots, ...root }, scope, "x", (at) => {
    expect(readdirSync(join(at, "dir")).sort()).toEqual(["four", "one", "three", "two"])
    expect(statSync(join(at, "dir")).mode & 0o7777).toBe(0o1777)
    expect(readFileSync(join(at, "file"), "utf8")).toBe("new")
    renameSync(join(at, "file"), join(at, "dir/moved"))
    rmSync(join(at, "dir/one"))
  })
  using differ = new ThreadedDiffer({ content: root.content, snapshots })
  expect((await differ.changes(scope, "x")).map(({ kind, path }) => `${kind} ${path}`)).toEqual([
    "modified /dir",
    "added /dir/moved",
    "deleted /dir/one",
    "deleted /file",
  ])
  expect((await collectBytes(differ.tree(scope, "x"))).includes("dir/four")).toBe(true)
})

test("a plain layer is on the disk once, and neither of its names can harm the other", async () => {
  await using root = await openRoot()
  await using snapshots = root.open()
  const members: Member[] = [["file", {}, "x".repeat(100_000)]]
  const digest = await applied(root, snapshots, "a", undefined, members)
  const blob = await root.content.path(scope, digest)
  expect(statSync(blob).ino).toBe(statSync(join(root.root, "1/layer.tar")).ino)
  using differ = new ThreadedDiffer({ content: root.content, snapshots })
  // The same key again, once plain, once compressed: what is there already makes way, and is not written to.
  await snapshots.prepare(scope, "again", undefined)
  const layer = { mediaType: "", digest, size: 0 }
  await differ.apply(scope, layer, "again", { sealed: true })
  const packed = await root.content.put(scope, gzipSync(tarOf(["other", {}, "y"])))
  await differ.apply(scope, { mediaType: "", ...packed }, "again", { sealed: true })
  expect(`sha256:${createHash("sha256").update(readFileSync(blob)).digest("hex")}`).toBe(digest)
  await snapshots.commit(scope, "b", "again")
  await snapshots.prepare(scope, "y", "b")
  expect(await read(root, snapshots, "y", "other")).toBe("y")
  await root.content.remove(scope, digest)
  await snapshots.prepare(scope, "x", "a")
  expect((await read(root, snapshots, "x", "file")).length).toBe(100_000)
})

test("an image that was written to a snapshot is not written over by mounting the snapshot", async () => {
  await using root = await openRoot()
  await using snapshots = root.open()
  using differ = new ThreadedDiffer({ content: root.content, snapshots })
  const { digest, size } = await root.content.put(scope, tarOf(["file", {}, "x"]))
  await snapshots.prepare(scope, "key", undefined)
  await differ.apply(scope, { mediaType: "", digest, size }, "key", { sealed: true })
  await expect(snapshots.mounts(scope, "key")).rejects.toThrow(expect.objectContaining({ kind: "invalidArgument" }))
})

test("of many layers only those stay mounted that were asked for last", async () => {
  await using root = await openRoot()
  await using snapshots = root.open({ idle: { most: 3, after: Number.NEGATIVE_INFINITY } })
  for (let at = 0; at < 6; at++) {
    await applied(root, snapshots, `layer-${at}`, undefined, [["file", {}, `${at}`]])
    await snapshots.prepare(scope, `x-${at}`, `layer-${at}`)
  }
  for (const at of [0, 1, 2, 3, 4, 5, 0]) expect(await read(root, snapshots, `x-${at}`, "file")).toBe(`${at}`)
  // Done after what was to be unmounted is.
  await snapshots.usage(scope, "x-0")
  expect(root.mounted().length).toBe(3)
  expect(root.mounted().some((path) => path.includes("/1-"))).toBe(true)
})

test("a layer of which a loss of power has cut something off is not shown", async () => {
  for (const [file, by] of [
    ["layer.tar", 4096],
    ["layer.tar", 1_000_000],
    ["layer.erofs", 1],
    ["layer.erofs", 1000],
  ] as const) {
    await using root = await openRoot()
    await using snapshots = root.open()
    await applied(root, snapshots, "a", undefined, [["file", {}, "x".repeat(10_000)]], true)
    const path = join(root.root, "1", file)
    if (by < statSync(path).size) truncateSync(path, statSync(path).size - by)
    else rmSync(path)
    await expect(snapshots.prepare(scope, "x", "a")).rejects.toThrow(expect.objectContaining({ kind: "dataLoss" }))
    expect(await snapshots.find(scope, "x")).toBeUndefined()
  }
})

// A tmpfs holds no images that can be mounted, as the kernel has it today.
const noTmpfs = existsSync("/dev/shm") ? undefined : "there is no /dev/shm"
test.skipIf(noTmpfs !== undefined)(
  `where images cannot be mounted, those that are there are unpacked${note(noTmpfs)}`,
  async () => {
    await using root = await openRoot()
    {
      await using snapshots = root.open()
      await applied(root, snapshots, "one", undefined, [
        ["dir", { type: "directory", mode: 0o1777, uid: 7 }],
        ["dir/gone", {}, "x"],
      ])
      await applied(root, snapshots, "two", "one", [["dir/.wh.gone"], ["dir/two", {}, "2"]])
    }
    await using copy = await openRoot(root.scratch)
    await using snapshots = copy.open()
    if (snapshots.layers.startsWith("mounted")) return
    expect(snapshots.layers).toMatch(/^unpacked: .* Linux 6\.12/)
    await snapshots.prepare(scope, "x", "two")
    await withMounted({ snapshots, ...copy }, scope, "x", (at) => {
      expect(readdirSync(join(at, "dir"))).toEqual(["two"])
      expect(statSync(join(at, "dir"))).toMatchObject({ uid: 7, mode: 0o41777 })
    })
    expect(readdirSync(join(copy.root, "1")).sort()).toEqual(["fs", "work"])
    await applied(copy, snapshots, "three", "two", [["file", {}, "3"]])
    expect(existsSync(join(copy.root, "4/fs/file"))).toBe(true)
  },
)
