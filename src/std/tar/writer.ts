import { blockSize, paddingOf, type TarEntry, type TarType } from "./entry.ts"
import { formatTime } from "./numbers.ts"
import { formatPax } from "./pax.ts"

const flags: Readonly<Record<TarType, string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
}

/** Two empty blocks. */
export const endOfArchive: Buffer = Buffer.alloc(2 * blockSize)

const zeros = Buffer.alloc(blockSize)

/** The zeros after `size` bytes of data. */
export const paddingBytes = (size: number): Buffer => zeros.subarray(0, paddingOf(size))

/**
 * The header blocks of `entry`: ustar, preceded by a pax extended header only when ustar cannot tell everything (long or
 * non-ASCII names, large numbers, fractions of a second, extended attributes, sparse maps). The same entry gives the
 * same bytes on every host. Regions of a sparse file, but the last, must be whole blocks (GNU tar reads them so). A sparse entry's map (pax format 1.0) is included; its stored regions and
 * {@link paddingBytes} of their sum must follow, for other files the data and `paddingBytes(size)`.
 */
export function encodeHeader(entry: TarEntry): Buffer {
  const records: [string, Buffer][] = []
  const pax = (key: string, value: string | Buffer) =>
    records.push([key, typeof value === "string" ? Buffer.from(value) : value])

  const map = entry.sparse ? sparseMap(entry) : undefined
  const stored = entry.sparse
    ? map!.length + entry.sparse.reduce((sum, region) => sum + region.length, 0)
    : entry.type === "file"
      ? entry.size
      : 0
  const { name, prefix, fits } = splitName(entry.name)
  const binary = [entry.name, entry.linkName].some((text) => text && !isUtf8(text))
  if (binary) pax("hdrcharset", "BINARY")
  if (entry.sparse) {
    pax("GNU.sparse.major", "1")
    pax("GNU.sparse.minor", "0")
    pax("GNU.sparse.name", entry.name)
    pax("GNU.sparse.realsize", String(entry.size))
    if (!fits) pax("path", entry.name)
  } else if (!fits) pax("path", entry.name)
  const link = entry.linkName ?? Buffer.alloc(0)
  if (link.length > 100 || !isAscii(link)) pax("linkpath", link)
  const seconds = floorSeconds(entry.mtime)
  const plainTime = entry.mtime >= 0n && seconds * 1_000_000_000n === entry.mtime && seconds < 0o77777777777n
  if (!plainTime) pax("mtime", formatTime(entry.mtime))
  if (stored > 0o77777777777) pax("size", String(stored))
  if (entry.uid > 0o7777777) pax("uid", String(entry.uid))
  if (entry.gid > 0o7777777) pax("gid", String(entry.gid))
  for (const key of [...(entry.xattrs?.keys() ?? [])].sort()) pax(`SCHILY.xattr.${key}`, entry.xattrs!.get(key)!)

  const main = headerBlock(flags[entry.type], {
    name,
    prefix,
    link: link.subarray(0, 100),
    mode: entry.mode,
    uid: entry.uid > 0o7777777 ? 0 : entry.uid,
    gid: entry.gid > 0o7777777 ? 0 : entry.gid,
    size: stored > 0o77777777777 ? 0 : stored,
    mtime: seconds < 0n || seconds > 0o77777777777n ? 0 : Number(seconds),
    major: entry.major ?? 0,
    minor: entry.minor ?? 0,
  })
  const parts: Buffer[] = []
  if (records.length) {
    const body = formatPax(records)
    const paxName = Buffer.from("PaxHeaders/entry")
    parts.push(
      headerBlock("x", {
        name: paxName,
        prefix: Buffer.alloc(0),
        link: Buffer.alloc(0),
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: body.length,
        mtime: 0,
        major: 0,
        minor: 0,
      }),
      body,
      paddingBytes(body.length),
    )
  }
  parts.push(main)
  if (map) parts.push(map)
  return Buffer.concat(parts)
}

/** Ends with an empty region at the file's end: GNU tar takes the last region's end for the size. */
function sparseMap(entry: TarEntry): Buffer {
  const regions = [...entry.sparse!]
  const last = regions.at(-1)
  if (!last || last.offset + last.length < entry.size) regions.push({ offset: entry.size, length: 0 })
  const numbers = [regions.length, ...regions.flatMap(({ offset, length }) => [offset, length])]
  const text = Buffer.from(`${numbers.join("\n")}\n`)
  return Buffer.concat([text, paddingBytes(text.length)])
}

const floorSeconds = (nanos: bigint): bigint =>
  nanos >= 0n ? nanos / 1_000_000_000n : -((-nanos + 999_999_999n) / 1_000_000_000n)

const isAscii = (bytes: Buffer): boolean => bytes.every((byte) => byte < 0x80)
const isUtf8 = (bytes: Buffer): boolean => Buffer.from(bytes.toString("utf8")).equals(bytes)

/** ustar's two fields for a name: `prefix/name`. `fits` is false when they cannot hold it. */
function splitName(full: Buffer): { name: Buffer; prefix: Buffer; fits: boolean } {
  const none = Buffer.alloc(0)
  if (!isAscii(full)) return { name: asciiOf(full).subarray(0, 100), prefix: none, fits: false }
  if (full.length <= 100) return { name: full, prefix: none, fits: true }
  for (let slash = full.indexOf(0x2f); slash > 0 && slash <= 155; slash = full.indexOf(0x2f, slash + 1)) {
    const rest = full.length - slash - 1
    if (rest > 0 && rest <= 100) {
      return { name: full.subarray(slash + 1), prefix: full.subarray(0, slash), fits: true }
    }
  }
  return { name: full.subarray(0, 100), prefix: none, fits: false }
}

/** What a reader without pax support sees. */
const asciiOf = (bytes: Buffer): Buffer => Buffer.from(bytes.map((byte) => (byte < 0x80 ? byte : 0x5f)))

interface Fields {
  name: Buffer
  prefix: Buffer
  link: Buffer
  mode: number
  uid: number
  gid: number
  size: number
  mtime: number
  major: number
  minor: number
}

function headerBlock(flag: string, fields: Fields): Buffer {
  const block = Buffer.alloc(blockSize)
  const octal = (value: number, offset: number, length: number) =>
    block.write(value.toString(8).padStart(length - 1, "0"), offset, "latin1")
  fields.name.copy(block, 0)
  octal(fields.mode, 100, 8)
  octal(fields.uid, 108, 8)
  octal(fields.gid, 116, 8)
  octal(fields.size, 124, 12)
  octal(fields.mtime, 136, 12)
  block.write(flag, 156, "latin1")
  asciiOf(fields.link).copy(block, 157)
  block.write("ustar\x0000", 257, "latin1")
  octal(fields.major, 329, 8)
  octal(fields.minor, 337, 8)
  fields.prefix.copy(block, 345)
  block.fill(0x20, 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1")
  return block
}
