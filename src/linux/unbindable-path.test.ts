import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { mount, mountFlags, umount } from "./mount.ts"
import { liesOn, otherUnbindable } from "./unbindable-directories.ts"
import { isOutOfCopies } from "./unbindable-path.ts"

const root = mkdtempSync(join(tmpdir(), "unbindable-path-"))
const below = join(root, "unbindable/folder/mount")

beforeAll(() => {
  for (const name of ["unbindable", "unbindablebeside"]) mkdirSync(join(root, name))
  mount({ source: "test", target: join(root, "unbindable"), type: "tmpfs" })
  mount({ source: "none", target: join(root, "unbindable"), flags: mountFlags.unbindable })
  mkdirSync(below, { recursive: true })
  mount({ source: "test", target: below, type: "tmpfs" })
  mount({ source: "none", target: below, flags: mountFlags.private })
  mkdirSync(join(below, "data"))
})

afterAll(() => {
  umount(join(root, "unbindable"), { detach: true })
  rmSync(root, { recursive: true })
})

const expected: readonly [path: string, out: boolean][] = [
  [join(root, "unbindable"), true],
  [join(root, "unbindable/folder"), true],
  [join(below, "data"), true],
  [join(root, "unbindablebeside"), false],
  [root, false],
]

for (const [path, out] of expected) {
  test(`${path.slice(root.length) || "the folder around it"}: ${out ? "copies have other files there" : "copies have it"}, and the table says the same`, () => {
    expect(isOutOfCopies(path)).toBe(out)
    expect(liesOn(realpathSync(path), otherUnbindable())).toBe(out)
  })
}

test("a path that is not there is an error", () => {
  expect(() => isOutOfCopies(join(root, "missing"))).toThrow("ENOENT")
})
