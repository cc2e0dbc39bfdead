import { type BigIntStats, createReadStream, lstatSync, readdirSync, readlinkSync } from "node:fs"
import { join } from "node:path"
import type { TarEntry, TarType } from "../../std/tar/entry.ts"
import { encodeHeader, endOfArchive, paddingBytes } from "../../std/tar/writer.ts"

interface Tree {
  readonly root: string
  /** The entry of `root` to pack, with everything below; "" or "." is what `root` holds. */
  readonly base: string
  /** The name that the entry gets instead; "" leaves it. */
  readonly name: string
}

/** A file or directory of this machine as an archive. Sockets are left out. */
export async function* packTree({ root, base, name }: Tree): AsyncGenerator<Uint8Array> {
  const links = new Map<string, string>()
  const top = base === "." || base === "" ? "" : base
  for await (const relative of walk(root, top)) {
    const path = join(root, relative)
    const stat = lstatSync(path, { bigint: true })
    const type = typeOf(stat)
    if (!type) continue
    const given = top === "" ? `./${relative}` : name ? name + relative.slice(top.length) : relative
    const identity = `${stat.dev}:${stat.ino}`
    const earlier = type === "file" && stat.nlink > 1n ? links.get(identity) : undefined
    if (type === "file" && stat.nlink > 1n && !earlier) links.set(identity, given)
    const entry = entryOf(stat, earlier === undefined ? type : "hardlink", given)
    if (earlier !== undefined) yield encodeHeader({ ...entry, size: 0, linkName: Buffer.from(earlier) })
    else if (type === "symlink") yield encodeHeader({ ...entry, linkName: readlinkSync(path, { encoding: "buffer" }) })
    else {
      yield encodeHeader(entry)
      if (type === "file") yield* contents(path, Number(stat.size))
    }
  }
  yield endOfArchive
}

async function* walk(root: string, relative: string): AsyncGenerator<string> {
  yield relative
  if (!lstatSync(join(root, relative)).isDirectory()) return
  for (const entry of readdirSync(join(root, relative)).sort()) yield* walk(root, join(relative, entry))
}

function typeOf(stat: BigIntStats): TarType | undefined {
  if (stat.isFile()) return "file"
  if (stat.isDirectory()) return "directory"
  if (stat.isSymbolicLink()) return "symlink"
  if (stat.isCharacterDevice()) return "character"
  if (stat.isBlockDevice()) return "block"
  return stat.isFIFO() ? "fifo" : undefined
}

function entryOf(stat: BigIntStats, type: TarType, name: string): TarEntry {
  const device = type === "character" || type === "block"
  return {
    name: Buffer.from(type === "directory" ? `${name.replace(/\/$/, "")}/` : name),
    type,
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: type === "file" ? Number(stat.size) : 0,
    mtime: stat.mtimeNs,
    ...(device ? { major: Number((stat.rdev >> 8n) & 0xfffn), minor: Number(stat.rdev & 0xffn) } : {}),
  }
}

/** Exactly `size` bytes, as the header says: what has grown meanwhile is cut off, what has shrunk is an error. */
async function* contents(path: string, size: number): AsyncGenerator<Uint8Array> {
  let left = size
  if (size > 0)
    for await (const chunk of createReadStream(path, { end: size - 1, highWaterMark: 1 << 20 })) {
      left -= (chunk as Buffer).length
      yield chunk as Buffer
    }
  if (left !== 0) throw new Error(`${path} became shorter while it was read`)
  yield paddingBytes(size)
}
