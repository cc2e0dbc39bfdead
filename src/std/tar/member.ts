import { Failure } from "../../errors/failure.ts"
import type { SparseRegion, TarEntry, TarType } from "./entry.ts"
import type { Header } from "./header.ts"
import { parseDecimal, parseTime } from "./numbers.ts"
import { type PaxRecords, parsePax } from "./pax.ts"
import { readPaxMap } from "./sparse.ts"

export type Extension = readonly [key: string, value: Buffer]

/** What extended headers say about the member that follows them. */
export interface Extensions {
  readonly records: PaxRecords
  /** GNU's own long names. */
  readonly longName?: Buffer
  readonly longLink?: Buffer
  /** Stored bytes. */
  readonly size?: number
  readonly sparse?: {
    /** Format 1.0: the map precedes the data. */
    readonly leadingMap: boolean
    readonly map?: readonly SparseRegion[]
    readonly realSize?: number
    readonly name?: Buffer
  }
}

export const noExtensions: Extensions = { records: [] }

const malformed = (what: string) => new Failure("invalidArgument", `malformed archive: ${what}`)

/** Takes an extended header apart. @throws invalidArgument */
export function readPax(bytes: Buffer): Extensions {
  const records = parsePax(bytes)
  let size: number | undefined
  let major: string | undefined
  let name: Buffer | undefined
  let realSize: number | undefined
  for (const [key, value] of records) {
    if (key === "size" && value.length) size = parseDecimal(value, "size")
    else if (key === "GNU.sparse.major") major = value.toString("latin1")
    else if (key === "GNU.sparse.name") name = value
    else if (key === "GNU.sparse.size" || key === "GNU.sparse.realsize") realSize = parseDecimal(value, "size")
  }
  if (size !== undefined && size < 0) throw malformed("an entry has a negative size")
  const map = readPaxMap(records)
  const leadingMap = major === "1"
  const sparse = map || leadingMap ? { leadingMap, map, realSize, name } : undefined
  return { records, ...(size === undefined ? {} : { size }), ...(sparse ? { sparse } : {}) }
}

function typeOf(flag: number, name: Buffer): TarType {
  switch (flag) {
    case 0:
      return name.at(-1) === 0x2f ? "directory" : "file"
    case 0x30:
    case 0x37:
    case 0x53:
      return "file"
    case 0x31:
      return "hardlink"
    case 0x32:
      return "symlink"
    case 0x33:
      return "character"
    case 0x34:
      return "block"
    case 0x35:
    case 0x44:
      return "directory"
    case 0x36:
      return "fifo"
    default:
      throw malformed(`entry "${name}" has the unknown type ${JSON.stringify(String.fromCharCode(flag))}`)
  }
}

const xattrPrefix = "SCHILY.xattr."

/** The member of `header` as its extended headers correct it: global ones first, then its own, GNU's long names first of all. */
export function entryOf(
  header: Header,
  own: Extensions,
  global: readonly Extension[],
  sparse: boolean,
  realSize: number | undefined,
): TarEntry {
  let name = own.longName ?? header.name
  let linkName = own.longLink ?? header.linkName
  let { uid, gid } = header
  let mtime = BigInt(header.mtime) * 1_000_000_000n
  let xattrs: Map<string, Buffer> | undefined
  const apply = ([key, value]: Extension, isGlobal: boolean) => {
    if (key.startsWith(xattrPrefix)) {
      xattrs ??= new Map()
      xattrs.set(key.slice(xattrPrefix.length), value)
      return
    }
    // A record without a value takes an earlier one back.
    if (value.length === 0) return
    if (key === "mtime") mtime = parseTime(value, "time")
    else if (key === "uid") uid = parseDecimal(value, "owner")
    else if (key === "gid") gid = parseDecimal(value, "group")
    else if (isGlobal) return
    else if (key === "path") name = withoutNul(value)
    else if (key === "linkpath") linkName = withoutNul(value)
  }
  for (const record of global) apply(record, true)
  for (const record of own.records) apply(record, false)
  if (own.sparse?.name) name = withoutNul(own.sparse.name)
  for (const id of [uid, gid]) {
    if (id < 0 || id > 0xfffffffe) throw malformed(`entry "${name}" has the impossible owner ${id}`)
  }
  const type = typeOf(header.flag, name)
  const size = type !== "file" ? 0 : sparse ? (realSize ?? -1) : (own.size ?? header.size)
  if (size < 0) throw malformed(`entry "${name}" has an impossible size`)
  return {
    name,
    type,
    mode: header.mode,
    uid,
    gid,
    size,
    mtime,
    ...(type === "symlink" || type === "hardlink" ? { linkName } : {}),
    ...(type === "character" || type === "block" ? { major: header.major, minor: header.minor } : {}),
    ...(xattrs ? { xattrs } : {}),
  }
}

function withoutNul(value: Buffer): Buffer {
  if (value.includes(0)) throw malformed("a name holds a zero byte")
  return value
}
