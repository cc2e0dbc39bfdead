import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TarEntry, TarType } from "../../std/tar/entry.ts"
import { encodeHeader, endOfArchive, paddingBytes } from "../../std/tar/writer.ts"
import { extract } from "./extract.ts"

let folder: string
let target: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "extract-"))
  target = join(folder, "target")
  mkdirSync(target)
})
afterEach(() => rmSync(folder, { recursive: true }))

interface Member {
  readonly name: string
  readonly type?: TarType
  readonly text?: string
  readonly link?: string
  readonly mode?: number
}

async function* archive(members: readonly Member[]): AsyncGenerator<Uint8Array> {
  for (const { name, type = "file", text = "", link, mode = 0o644 } of members) {
    const entry: TarEntry = {
      name: Buffer.from(name),
      type,
      mode,
      uid: 4711,
      gid: 4711,
      size: Buffer.byteLength(text),
      mtime: 981_173_106_000_000_000n,
      ...(link === undefined ? {} : { linkName: Buffer.from(link) }),
    }
    yield Buffer.concat([encodeHeader(entry), Buffer.from(text), paddingBytes(entry.size)])
  }
  yield endOfArchive
}

const unpack = (...members: Member[]) => extract(archive(members), target)

describe("extract", () => {
  test("makes files, directories and links, with mode and time, owned by the user", async () => {
    await unpack(
      { name: "dir/", type: "directory", mode: 0o750 },
      { name: "dir/file", text: "content", mode: 0o640 },
      { name: "dir/link", type: "symlink", link: "/etc/passwd" },
      { name: "dir/hard", type: "hardlink", link: "dir/file" },
    )
    const file = statSync(join(target, "dir/file"))
    expect(readFileSync(join(target, "dir/file"), "utf8")).toBe("content")
    expect({ mode: file.mode & 0o777, uid: file.uid, time: file.mtimeMs, links: file.nlink }).toEqual({
      mode: 0o640,
      uid: process.getuid!(),
      time: 981_173_106_000,
      links: 2,
    })
    expect(statSync(join(target, "dir")).mode & 0o777).toBe(0o750)
    expect(statSync(join(target, "dir")).mtimeMs).toBe(981_173_106_000)
    expect(readlinkSync(join(target, "dir/link"))).toBe("/etc/passwd")
  })

  test("replaces files, and what a link stands for stays untouched", async () => {
    writeFileSync(join(folder, "outside"), "kept")
    symlinkSync(join(folder, "outside"), join(target, "file"))
    await unpack({ name: "file", text: "new" })
    expect(lstatSync(join(target, "file")).isFile()).toBe(true)
    expect(readFileSync(join(folder, "outside"), "utf8")).toBe("kept")
  })

  test("never replaces a directory by something else, nor the other way round", async () => {
    mkdirSync(join(target, "dir"))
    writeFileSync(join(target, "file"), "")
    await expect(unpack({ name: "dir", text: "x" })).rejects.toThrow("cannot overwrite directory")
    await expect(unpack({ name: "file/", type: "directory" })).rejects.toThrow("cannot overwrite non-directory")
  })

  test("writes nothing outside, whatever names and links say", async () => {
    const outside = "lies outside of the destination"
    await expect(unpack({ name: "../escaped", text: "x" })).rejects.toThrow(outside)
    await expect(unpack({ name: "a/../../escaped", text: "x" })).rejects.toThrow(outside)
    await expect(
      unpack({ name: "out", type: "symlink", link: ".." }, { name: "out/escaped", text: "x" }),
    ).rejects.toThrow(outside)
    await expect(
      unpack({ name: "far", type: "symlink", link: folder }, { name: "far/deep/escaped", text: "x" }),
    ).rejects.toThrow(outside)
    writeFileSync(join(folder, "secret"), "secret")
    await expect(unpack({ name: "hard", type: "hardlink", link: "../secret" })).rejects.toThrow()
    await unpack({ name: "/absolute", text: "inside" })
    expect(readFileSync(join(target, "absolute"), "utf8")).toBe("inside")
    for (const name of ["escaped", "deep"]) expect(existsSync(join(folder, name))).toBe(false)
    expect(existsSync(join(target, "hard"))).toBe(false)
  })

  test("follows links that stay inside", async () => {
    mkdirSync(join(target, "real"))
    symlinkSync("real", join(target, "alias"))
    await unpack({ name: "alias/file", text: "x" })
    expect(readFileSync(join(target, "real/file"), "utf8")).toBe("x")
  })
})
