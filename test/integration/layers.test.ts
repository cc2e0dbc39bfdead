import { describe, expect, test } from "bun:test"
import { execFileSync } from "node:child_process"
import {
  appendFileSync,
  chmodSync,
  lchownSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import type { Scope } from "../../src/core/scope.ts"
import { withMounted } from "../../src/core/snapshots/suite.ts"
import { getXattr, setXattr } from "../../src/linux/xattr.ts"
import { hostPlatform } from "../../src/oci/platform.ts"
import { TarParser } from "../../src/std/tar/parser.ts"
import { collectBytes, inPieces, openStores, type Stores } from "../core-stores.ts"
import { type Member, tarOf } from "../tar-archive.ts"

const directory = { type: "directory" } as const
const base: Member[] = [
  ["bin/", directory],
  ["bin/tool", { mode: 0o755, xattrs: new Map([["user.kept", Buffer.from("yes")]]) }, "tool"],
  ["bin/link", { link: "tool" }],
  ["etc/", directory],
  ["etc/conf", {}, "one"],
  ["etc/untouched", {}, "same"],
  ["etc/sub/", directory],
  ["etc/sub/deep", {}, "deep"],
  ["gone/", directory],
  ["gone/file", {}, "x"],
  ["replaced/", directory],
  ["replaced/old", {}, "x"],
  ["replaced/both", {}, "x"],
  ["turned/", directory],
  ["turned/file", {}, "x"],
  ["was-file", {}, "x"],
]

const makeBase = (stores: Stores, scope: Scope, ...members: Member[]) =>
  stores.transfer.importTree(scope, inPieces(tarOf(...members)), {
    config: { ...hostPlatform(), created: "2020-01-01T00:00:00Z" },
  })

/** What a container could do to the tree at `root`. */
function change(root: string): void {
  const at = (path: string) => join(root, path)
  writeFileSync(at("etc/conf"), "two")
  chmodSync(at("bin/tool"), 0o4755)
  rmSync(at("gone"), { recursive: true })
  rmSync(at("replaced"), { recursive: true })
  mkdirSync(at("replaced"))
  writeFileSync(at("replaced/both"), "new")
  rmSync(at("turned"), { recursive: true })
  writeFileSync(at("turned"), "a file now")
  rmSync(at("was-file"))
  mkdirSync(at("was-file/sub"), { recursive: true })
  mkdirSync(at("new"), { mode: 0o1777 })
  writeFileSync(at("new/one"), "linked")
  linkSync(at("new/one"), at("new/two"))
  symlinkSync("/nowhere", at("new/symlink"))
  lchownSync(at("new/symlink"), 12, 34)
  setXattr(at("new/one"), "user.colour", Buffer.from("red"))
  writeFileSync(Buffer.concat([Buffer.from(at("new/")), Buffer.from([0xff, 0xfe])]), "bytes")
  execFileSync("mkfifo", [at("new/pipe")])
  execFileSync("mknod", [at("new/null"), "c", "1", "3"])
  utimesSync(at("new/one"), 1_000_000_000, 1_234_567_890.5)
  mkdirSync(at("gone"))
}

for (const driver of ["overlay", "unpacked", "native"] as const) {
  describe(driver, () => {
    const prepared = async (stores: Stores, scope: Scope, key: string, members: Member[] = base) => {
      const { target } = await makeBase(stores, scope, ...members)
      const image = await stores.transfer.resolve(scope, target)
      await stores.snapshots.prepare(scope, key, image.chainID)
      return image
    }

    test("a snapshot's changes as a layer, unpacked on the same parent, give the same tree", async () => {
      await using stores = await openStores(driver)
      await stores.leases.within(stores.scope, async (scope) => {
        const image = await prepared(stores, scope, "changed")
        await withMounted(stores, scope, "changed", change)
        const { descriptor, diffID } = await stores.differ.compare(scope, "changed")
        expect(diffID as string).toBe(descriptor.digest)
        expect((await stores.differ.compare(scope, "changed")).descriptor.digest).toBe(descriptor.digest)
        for (const compression of ["gzip", "zstd"] as const) {
          const packed = await stores.differ.compare(scope, "changed", { compression })
          expect(packed.diffID).toBe(diffID)
          const key = `again-${compression}`
          await stores.snapshots.prepare(scope, key, image.chainID)
          const applied = await stores.differ.apply(scope, packed.descriptor, key)
          expect(applied.diffID).toBe(diffID)
          const [one, other] = [
            await collectBytes(stores.differ.tree(scope, "changed")),
            await collectBytes(stores.differ.tree(scope, key)),
          ]
          expect(listing(other)).toEqual(listing(one))
          expect(one.equals(other)).toBe(true)
          await withMounted(stores, scope, key, (root) => {
            expect(readFileSync(join(root, "etc/untouched"), "utf8")).toBe("same")
            expect(getXattr(join(root, "new/one"), "user.colour")?.toString()).toBe("red")
            expect(execFileSync("find", ["replaced", "gone"], { cwd: root }).toString()).toBe(
              "replaced\nreplaced/both\ngone\n",
            )
          })
        }
      })
    })

    test("a whole tree is told as GNU tar sees it mounted", async () => {
      await using stores = await openStores(driver)
      await stores.leases.within(stores.scope, async (scope) => {
        await prepared(stores, scope, "changed")
        const expected = await withMounted(stores, scope, "changed", (root) => {
          change(root)
          return execFileSync("tar", ["--sort=name", "-C", root, "-cf", "-", "."])
        })
        const names = (bytes: Buffer) =>
          listing(bytes)
            .map((line) => line.replace(/^\.\//, ""))
            .filter((line) => !/^ /.test(line))
            .sort()
        expect(names(await collectBytes(stores.differ.tree(scope, "changed")))).toEqual(names(expected))
      })
    })

    test("changes are told in the kinds of docker diff", async () => {
      await using stores = await openStores(driver)
      await stores.leases.within(stores.scope, async (scope) => {
        await prepared(stores, scope, "changed")
        expect(await stores.differ.changes(scope, "changed")).toEqual([])
        await withMounted(stores, scope, "changed", (root) => {
          appendFileSync(join(root, "etc/sub/deep"), "er")
          writeFileSync(join(root, "bin/added"), "")
          rmSync(join(root, "gone"), { recursive: true })
          renameSync(join(root, "was-file"), join(root, "renamed"))
          chmodSync(join(root, "replaced"), 0o700)
        })
        expect((await stores.differ.changes(scope, "changed")).map(({ path, kind }) => `${kind} ${path}`)).toEqual([
          "modified /bin",
          "added /bin/added",
          "modified /etc",
          "modified /etc/sub",
          "modified /etc/sub/deep",
          "deleted /gone",
          "added /renamed",
          "modified /replaced",
          "deleted /was-file",
        ])
      })
    })

    test("what a runtime made to mount on is no change, but what was put there is", async () => {
      await using stores = await openStores(driver)
      await stores.leases.within(stores.scope, async (scope) => {
        await prepared(stores, scope, "changed")
        await withMounted(stores, scope, "changed", (root) => {
          for (const path of ["proc", "sys"]) mkdirSync(join(root, path))
          for (const path of ["etc/hosts", "etc/hostname"]) writeFileSync(join(root, path), "")
        })
        expect(await stores.differ.changes(scope, "changed")).toEqual([])
        await withMounted(stores, scope, "changed", (root) => writeFileSync(join(root, "etc/hosts"), "mine"))
        expect(await stores.differ.changes(scope, "changed")).toEqual([
          { path: "/etc", kind: "modified" },
          { path: "/etc/hosts", kind: "added" },
        ])
      })
    })

    test("a snapshot without a parent is told whole", async () => {
      await using stores = await openStores(driver)
      const { scope } = stores
      await stores.snapshots.prepare(scope, "scratch", undefined)
      await withMounted(stores, scope, "scratch", (root) => writeFileSync(join(root, "file"), ""))
      expect(await stores.differ.changes(scope, "scratch")).toEqual([{ path: "/file", kind: "added" }])
      await stores.leases.within(scope, async (held) => {
        const { descriptor } = await stores.differ.compare(held, "scratch")
        expect(listing(Buffer.from(await stores.content.readAll(held, descriptor.digest)))).toEqual(["file"])
      })
    })

    test("a file whose name means a deletion cannot become part of a layer", async () => {
      await using stores = await openStores(driver)
      await stores.leases.within(stores.scope, async (scope) => {
        await prepared(stores, scope, "changed")
        await withMounted(stores, scope, "changed", (root) => writeFileSync(join(root, "etc/.wh.conf"), ""))
        await expect(stores.differ.compare(scope, "changed")).rejects.toThrow(".wh.conf cannot be stored")
      })
      await stores.collector.collect()
      expect(await Array.fromAsync(stores.content.ingests(stores.scope))).toEqual([])
    })

    test("unpacking stops when it is cancelled", async () => {
      await using stores = await openStores(driver)
      await stores.leases.within(stores.scope, async (scope) => {
        const bytes = tarOf(["big", {}, Buffer.alloc(64 << 20)])
        const { digest, size } = await stores.content.put(scope, bytes)
        await stores.snapshots.prepare(scope, "key", undefined)
        const controller = new AbortController()
        const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest, size }
        const cancelled = { ...scope, signal: controller.signal }
        const work = stores.differ.apply(cancelled, layer, "key", { progress: () => controller.abort() })
        await expect(work).rejects.toThrow(expect.objectContaining({ kind: "cancelled" }))
      })
    })
  })
}

/** Names of an archive, with what they link to and their modes. */
function listing(archive: Buffer): string[] {
  const found: string[] = []
  const parser = new TarParser({
    entry: (entry) =>
      found.push(
        [entry.name.toString("latin1").replace(/\/$/, ""), entry.type === "symlink" ? entry.linkName : ""]
          .filter(Boolean)
          .join(" -> "),
      ),
    data: () => {},
    end: () => {},
  })
  parser.push(archive)
  parser.finish()
  return found.filter((line) => line !== ".")
}
