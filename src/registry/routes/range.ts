/** A part of something with a length: from `start` to before `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * The part that a `Range` field asks for (RFC 9110, section 14.2).
 * @returns undefined when the whole is to be sent: no field, another unit, several ranges, a malformed one
 */
export function requestedRange(field: string | undefined, size: number): ByteRange | "unsatisfiable" | undefined {
  const match = /^bytes=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/i.exec(field ?? "")
  if (!match || (match[1] === "" && match[2] === "")) return undefined
  if (match[1] === "") {
    const last = Number(match[2])
    return last === 0 || size === 0 ? "unsatisfiable" : { start: Math.max(0, size - last), end: size }
  }
  const start = Number(match[1])
  if (match[2] !== "" && Number(match[2]) < start) return undefined
  if (start >= size) return "unsatisfiable"
  return { start, end: match[2] === "" ? size : Math.min(size, Number(match[2]) + 1) }
}

/** The `Content-Range` of an upload's chunk: `first-last`, with or without a unit. @returns undefined for another form */
export function chunkRange(field: string): ByteRange | undefined {
  const match = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d+|\*))?$/.exec(field.trim())
  if (!match || Number(match[2]) < Number(match[1])) return undefined
  return { start: Number(match[1]), end: Number(match[2]) + 1 }
}
