import { expect, test } from "bun:test"
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { mount, umount } from "../../linux/mount.ts"
import { backgroundScope, type Scope } from "../scope.ts"
import type { MountOptions, Snapshotter } from "./contract.ts"

export interface SnapshotterUnderTest extends AsyncDisposable {
  readonly snapshots: Snapshotter
  /** Where it keeps its directories. */
  readonly root: string
  /** A directory to mount in. */
  readonly scratch: string
}

/** Shows `key` mounted for the time of `work`. */
export async function withMounted<T>(
  { snapshots, scratch }: SnapshotterUnderTest,
  scope: Scope,
  key: string,
  work: (root: string) => Promise<T> | T,
  options: MountOptions = {},
): Promise<T> {
  const target = mkdtempSync(join(scratch, "mounted-"))
  const mounts = await snapshots.mounts(scope, key, options)
  try {
    for (const each of mounts) mount({ ...each, target })
    return await work(target)
  } finally {
    // A read-only bind is one mount changed twice.
    umount(target)
    rmSync(target, { recursive: true })
  }
}

/** What every implementation of {@link Snapshotter} must do. `open` gives an empty one; needs root. */
export function snapshotterSuite(name: string, open: () => Promise<SnapshotterUnderTest>): void {
  const scope = backgroundScope("test", "suite")
  const failing = (kind: string) => expect.objectContaining({ kind })
  const behaves = (what: string, body: (under: SnapshotterUnderTest) => Promise<void>) =>
    test(`${name}: ${what}`, async () => {
      await using under = await open()
      await body(under)
    })
  /** Commits a layer `chain` on `parent` holding what `fill` writes. */
  const layer = async (
    under: SnapshotterUnderTest,
    chain: string,
    parent: string | undefined,
    fill: (root: string) => void,
  ) => {
    await under.snapshots.prepare(scope, `making-${chain}`, parent)
    await withMounted(under, scope, `making-${chain}`, fill)
    await under.snapshots.commit(scope, chain, `making-${chain}`)
  }

  behaves("what is written to an active snapshot is seen by the children of the committed one", async (under) => {
    await layer(under, "a", undefined, (root) => writeFileSync(join(root, "file"), "one"))
    await layer(under, "b", "a", (root) => writeFileSync(join(root, "other"), "two"))
    await under.snapshots.prepare(scope, "c", "b")
    await withMounted(under, scope, "c", (root) => {
      expect(readFileSync(join(root, "file"), "utf8")).toBe("one")
      expect(readFileSync(join(root, "other"), "utf8")).toBe("two")
    })
  })

  behaves("labels are changed as a mask says, and filters choose by them", async ({ snapshots }) => {
    await snapshots.prepare(scope, "a", undefined, { x: "1", y: "2" })
    const { labels } = await snapshots.updateLabels(scope, "a", { x: "3" }, ["labels.x", "labels.y"])
    expect(labels).toEqual({ x: "3" })
    await snapshots.commit(scope, "b", "a")
    await snapshots.view(scope, "c", "b", { z: "4" })
    const chosen = async (...filters: readonly string[]) =>
      (await snapshots.list(scope, filters)).map(({ name }) => name)
    expect(await chosen("kind==committed", "labels.z==4")).toEqual(["b", "c"])
    expect(await chosen("parent==b")).toEqual(["c"])
    expect(await snapshots.updateLabels(scope, "d", {}).catch((error) => error)).toMatchObject({ kind: "notFound" })
    expect(await snapshots.updateLabels(scope, "c", {}, ["parent"]).catch((error) => error)).toMatchObject({
      kind: "invalidArgument",
    })
  })

  behaves("siblings do not see each other's changes, nor does the parent", async (under) => {
    await layer(under, "base", undefined, (root) => writeFileSync(join(root, "file"), "base"))
    await under.snapshots.prepare(scope, "one", "base")
    await under.snapshots.prepare(scope, "two", "base")
    await withMounted(under, scope, "one", (root) => {
      rmSync(join(root, "file"))
      mkdirSync(join(root, "new"))
    })
    await withMounted(under, scope, "two", (root) => expect(readdirSync(root)).toEqual(["file"]))
    await under.snapshots.view(scope, "view", "base")
    await withMounted(under, scope, "view", (root) => expect(readdirSync(root)).toEqual(["file"]))
  })

  behaves("deletions and replaced directories carry over to committed layers", async (under) => {
    await layer(under, "base", undefined, (root) => {
      mkdirSync(join(root, "dir"))
      writeFileSync(join(root, "dir/old"), "")
      writeFileSync(join(root, "gone"), "")
    })
    await layer(under, "top", "base", (root) => {
      rmSync(join(root, "dir"), { recursive: true })
      mkdirSync(join(root, "dir"))
      writeFileSync(join(root, "dir/new"), "")
      rmSync(join(root, "gone"))
    })
    await under.snapshots.prepare(scope, "active", "top")
    await withMounted(under, scope, "active", (root) => {
      expect(readdirSync(root)).toEqual(["dir"])
      expect(readdirSync(join(root, "dir"))).toEqual(["new"])
    })
  })

  behaves("a view cannot be written to, with one layer and with several", async (under) => {
    await layer(under, "a", undefined, (root) => writeFileSync(join(root, "file"), ""))
    await layer(under, "b", "a", (root) => writeFileSync(join(root, "file2"), ""))
    for (const parent of ["a", "b"]) {
      await under.snapshots.view(scope, `view-${parent}`, parent)
      await withMounted(under, scope, `view-${parent}`, (root) => {
        expect(() => writeFileSync(join(root, "new"), "")).toThrow(expect.objectContaining({ code: "EROFS" }))
      })
    }
  })

  behaves("the root directory keeps its owner and mode through layers", async (under) => {
    await layer(under, "a", undefined, (root) => chmodSync(root, 0o1770))
    await layer(under, "b", "a", () => {})
    await under.snapshots.prepare(scope, "c", "b")
    await withMounted(under, scope, "c", (root) => expect(statSync(root).mode & 0o7777).toBe(0o1770))
  })

  behaves("a stack of 120 layers can be mounted and shows every layer", async (under) => {
    let parent: string | undefined
    for (let at = 0; at < 120; at++) {
      const key = `making-${at}`
      await under.snapshots.prepare(scope, key, parent)
      writeFileSync(join((await under.snapshots.layerTarget(scope, key)).directory, `file-${at}`), "")
      await under.snapshots.commit(scope, `layer-${at}`, key)
      parent = `layer-${at}`
    }
    await under.snapshots.prepare(scope, "top", parent)
    await under.snapshots.view(scope, "look", parent)
    for (const key of ["top", "look"]) {
      await withMounted(under, scope, key, (root) => expect(readdirSync(root).length).toBe(120))
    }
  })

  behaves(
    "an active snapshot that was mounted without syncs can be mounted again each time it is settled",
    async (under) => {
      await layer(under, "a", undefined, (root) => writeFileSync(join(root, "file"), ""))
      await under.snapshots.prepare(scope, "b", "a")
      const options = { volatile: true }
      await withMounted(under, scope, "b", (root) => writeFileSync(join(root, "one"), "1"), options)
      expect(await under.snapshots.settle(scope, "b")).toBe(true)
      await withMounted(under, scope, "b", (root) => writeFileSync(join(root, "two"), "2"), options)
      expect(await under.snapshots.settle(scope, "b")).toBe(true)
      await withMounted(under, scope, "b", (root) => expect(readdirSync(root).sort()).toEqual(["file", "one", "two"]))
    },
  )

  behaves("a snapshot without a parent gets it at the commit, where layers are independent", async (under) => {
    const { snapshots } = under
    if (!snapshots.independent) return
    await snapshots.prepare(scope, "key", undefined)
    await withMounted(under, scope, "key", (root) => writeFileSync(join(root, "other"), "two"))
    await layer(under, "a", undefined, (root) => writeFileSync(join(root, "file"), "one"))
    await expect(snapshots.commit(scope, "b", "key", { parent: "nothing" })).rejects.toThrow(failing("notFound"))
    await snapshots.commit(scope, "b", "key", { parent: "a" })
    expect(await snapshots.stat(scope, "b")).toMatchObject({ kind: "committed", parent: "a" })
    expect((await snapshots.list(scope)).map(({ name }) => name)).toEqual(["a", "b"])
    await expect(snapshots.remove(scope, "a")).rejects.toThrow(failing("conflict"))
    await snapshots.view(scope, "seen", "b")
    await withMounted(under, scope, "seen", (root) => expect(readdirSync(root).sort()).toEqual(["file", "other"]))
    await snapshots.prepare(scope, "third", "a")
    await expect(snapshots.commit(scope, "c", "third", { parent: "b" })).rejects.toThrow(failing("invalidArgument"))
  })

  behaves("keys are taken once, parents must be committed and exist", async ({ snapshots }) => {
    await snapshots.prepare(scope, "key", undefined)
    await expect(snapshots.prepare(scope, "key", undefined)).rejects.toThrow(failing("alreadyExists"))
    await expect(snapshots.prepare(scope, "child", "key")).rejects.toThrow(failing("invalidArgument"))
    await expect(snapshots.prepare(scope, "child", "nothing")).rejects.toThrow(failing("notFound"))
    await snapshots.prepare(scope, "other", undefined)
    await snapshots.commit(scope, "name", "key")
    await expect(snapshots.commit(scope, "name", "other")).rejects.toThrow(failing("alreadyExists"))
    await expect(snapshots.commit(scope, "again", "name")).rejects.toThrow(failing("invalidArgument"))
    for (const call of [() => snapshots.stat(scope, "key"), () => snapshots.mounts(scope, "key")]) {
      await expect(call()).rejects.toThrow(failing("notFound"))
    }
    expect(await snapshots.find(scope, "key")).toBeUndefined()
  })

  behaves("namespaces have their own keys", async ({ snapshots }) => {
    await snapshots.prepare(scope, "key", undefined)
    await snapshots.prepare(backgroundScope("elsewhere", "suite"), "key", undefined)
    expect((await snapshots.list(scope)).length).toBe(1)
  })

  behaves("a parent cannot be removed before its children", async ({ snapshots }) => {
    await snapshots.prepare(scope, "key", undefined)
    await snapshots.commit(scope, "parent", "key", { labels: { colour: "red" } })
    await snapshots.prepare(scope, "child", "parent")
    await expect(snapshots.remove(scope, "parent")).rejects.toThrow(failing("conflict"))
    expect(await snapshots.stat(scope, "child")).toMatchObject({ kind: "active", parent: "parent" })
    expect(await snapshots.stat(scope, "parent")).toMatchObject({ kind: "committed", labels: { colour: "red" } })
    await snapshots.remove(scope, "child")
    await snapshots.remove(scope, "parent")
    expect(await snapshots.list(scope)).toEqual([])
  })

  behaves("the files of removed snapshots go, and so do directories that no row names", async (under) => {
    const { snapshots, root } = under
    await layer(under, "a", undefined, (files) => writeFileSync(join(files, "file"), "x".repeat(10_000)))
    await snapshots.remove(scope, "a")
    mkdirSync(join(root, "4711/fs"), { recursive: true })
    writeFileSync(join(root, "4711/fs/file"), "y".repeat(10_000))
    await snapshots.prepare(scope, "kept", undefined)
    expect(await snapshots.sweep()).toBeGreaterThan(10_000)
    expect(readdirSync(root).length).toBe(1)
    expect(existsSync((await snapshots.layerTarget(scope, "kept")).directory)).toBe(true)
  })

  behaves("usage counts a file with several names once and does not follow links", async (under) => {
    await layer(under, "a", undefined, (root) => {
      writeFileSync(join(root, "file"), "x".repeat(1 << 20))
      linkSync(join(root, "file"), join(root, "again"))
      symlinkSync("/", join(root, "out"))
    })
    const usage = await under.snapshots.usage(scope, "a")
    expect(usage.size).toBe((1 << 20) + "/".length)
    expect(usage.inodes).toBe(3)
    expect(await under.snapshots.usage(scope, "a")).toEqual(usage)
  })
}
