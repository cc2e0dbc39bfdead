import { Failure } from "../../errors/failure.ts"

/** The records of an extended header in their order. Keys may repeat (sparse format 0.0); values are bytes. */
export type PaxRecords = readonly (readonly [key: string, value: Buffer])[]

const malformed = () => new Failure("invalidArgument", "malformed archive: bad record in an extended header")

/**
 * Parses `LENGTH KEY=VALUE\n` records (POSIX pax, "pax Extended Header").
 * @throws invalidArgument
 */
export function parsePax(bytes: Buffer): PaxRecords {
  const records: [string, Buffer][] = []
  let at = 0
  while (at < bytes.length) {
    const space = bytes.indexOf(0x20, at)
    if (space < 0 || space - at > 10) throw malformed()
    const digits = bytes.toString("latin1", at, space)
    if (!/^\d+$/.test(digits)) throw malformed()
    const end = at + Number(digits)
    if (end > bytes.length || end <= space + 1 || bytes[end - 1] !== 0x0a) throw malformed()
    const equals = bytes.indexOf(0x3d, space)
    if (equals < 0 || equals >= end || equals === space + 1) throw malformed()
    records.push([bytes.toString("utf8", space + 1, equals), Buffer.from(bytes.subarray(equals + 1, end - 1))])
    at = end
  }
  return records
}

/** The bytes of an extended header with `records`. */
export function formatPax(records: PaxRecords): Buffer {
  return Buffer.concat(
    records.map(([key, value]) => {
      const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from("\n")])
      let length = rest.length + String(rest.length).length
      if (String(length).length + rest.length !== length) length++
      return Buffer.concat([Buffer.from(String(length)), rest])
    }),
  )
}
