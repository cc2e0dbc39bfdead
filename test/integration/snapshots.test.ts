import { expect, test } from "bun:test"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { MemoryEventBus } from "../../src/core/events/bus.ts"
import { removeTree } from "../../src/core/layers/trees.ts"
import { MetadataDatabase } from "../../src/core/metadata/database.ts"
import { backgroundScope } from "../../src/core/scope.ts"
import { chooseDriver } from "../../src/core/snapshots/probe.ts"
import { MetadataSnapshotRows } from "../../src/core/snapshots/rows.ts"
import { DirectorySnapshotter } from "../../src/core/snapshots/snapshotter.ts"
import { type SnapshotterUnderTest, snapshotterSuite, withMounted } from "../../src/core/snapshots/suite.ts"
import { AT_FDCWD, closeDescriptor, makeDirectoryAt, openAt, openFlags } from "../../src/linux/files.ts"
import { mount, umount } from "../../src/linux/mount.ts"

async function open(driver: "overlay" | "native", name = "snapshots"): Promise<SnapshotterUnderTest> {
  const scratch = mkdtempSync(join(tmpdir(), "snapshots-test-"))
  const root = join(scratch, name)
  const database = MetadataDatabase.open(join(scratch, "barge.db"))
  const snapshots = new DirectorySnapshotter({
    root,
    mounts: join(scratch, "layers"),
    rows: new MetadataSnapshotRows(database),
    events: new MemoryEventBus(),
    driver,
  })
  expect(snapshots.driver).toBe(driver)
  return {
    snapshots,
    root,
    scratch,
    async [Symbol.asyncDispose]() {
      await snapshots[Symbol.asyncDispose]()
      database[Symbol.dispose]()
      rmSync(scratch, { recursive: true })
    },
  }
}

snapshotterSuite("overlay", () => open("overlay"))
snapshotterSuite("native", () => open("native"))
snapshotterSuite("overlay in a directory with an awkward name", () => open("overlay", "a,b:c\\d"))

test("where an overlay cannot be a layer of another, layers are copied, and the reason is told", () => {
  const scratch = mkdtempSync(join(tmpdir(), "snapshots-test-"))
  try {
    for (const name of ["lower", "upper", "work", "merged"]) mkdirSync(join(scratch, name))
    const target = join(scratch, "merged")
    mount({
      source: "overlay",
      type: "overlay",
      target,
      overlay: { lower: [join(scratch, "lower")], upper: join(scratch, "upper"), work: join(scratch, "work") },
    })
    try {
      const choice = chooseDriver(join(target, "snapshots"))
      expect(choice.driver).toBe("native")
      expect(choice.why).toContain("layers are copied")
    } finally {
      umount(target)
    }
  } finally {
    rmSync(scratch, { recursive: true })
  }
})

test("a tree thousands of levels deep is deleted", () => {
  const scratch = mkdtempSync(join(tmpdir(), "deep-test-"))
  let directory = openAt(AT_FDCWD, scratch, openFlags.directory)
  for (let depth = 0; depth < 3000; depth++) {
    makeDirectoryAt(directory, "d", 0o700)
    const below = openAt(directory, "d", openFlags.directory)
    closeDescriptor(directory)
    directory = below
  }
  closeDescriptor(directory)
  writeFileSync(join(scratch, "top"), "")
  expect(removeTree(scratch)).toBeGreaterThan(0)
  expect(existsSync(scratch)).toBe(false)
})

test("the base layer lies beneath all layers of an active overlay, and is never written to", async () => {
  await using under = await open("overlay")
  const scope = backgroundScope("test", "base layer")
  const baseLayer = join(under.scratch, "base")
  mkdirSync(join(baseLayer, "etc"), { recursive: true })
  for (const name of ["marker", "etc/hosts", "etc/hidden"]) writeFileSync(join(baseLayer, name), "base")
  await under.snapshots.prepare(scope, "making", undefined)
  await withMounted(under, scope, "making", (root) => {
    mkdirSync(join(root, "etc"))
    writeFileSync(join(root, "etc/hosts"), "image")
  })
  await under.snapshots.commit(scope, "image", "making")
  await under.snapshots.prepare(scope, "container", "image")
  const show = (work: (root: string) => void) => withMounted(under, scope, "container", work, { baseLayer })
  await show((root) => {
    expect(readdirSync(root).sort()).toEqual(["etc", "marker"])
    expect(readFileSync(join(root, "etc/hosts"), "utf8")).toBe("image")
    writeFileSync(join(root, "marker"), "container")
    rmSync(join(root, "etc/hidden"))
  })
  await show((root) => {
    expect(readFileSync(join(root, "marker"), "utf8")).toBe("container")
    expect(readdirSync(join(root, "etc"))).toEqual(["hosts"])
  })
  expect(readFileSync(join(baseLayer, "marker"), "utf8")).toBe("base")
  await under.snapshots.view(scope, "view", "image")
  await withMounted(under, scope, "view", (root) => expect(readdirSync(root)).toEqual(["etc"]), { baseLayer })
})
