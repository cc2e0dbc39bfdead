/** What of MessagePack logs need: texts, whole numbers, lists, maps of texts, and times as Fluentd's extension. */
export type Packable = string | number | readonly Packable[] | { readonly [key: string]: Packable } | EventTime

/** Fluentd's time with nanoseconds: extension type 0. */
export class EventTime {
  readonly nanos: bigint

  constructor(nanos: bigint) {
    this.nanos = nanos
  }
}

/** MessagePack (specification of 2013). */
export function pack(value: Packable): Buffer {
  if (typeof value === "string") {
    const bytes = Buffer.from(value)
    return Buffer.concat([head(bytes.length, 0xa0, 32, [0xd9, 0xda, 0xdb]), bytes])
  }
  if (typeof value === "number") return packNumber(value)
  if (value instanceof EventTime) {
    const bytes = Buffer.alloc(10)
    bytes.writeUInt16BE(0xd700, 0)
    bytes.writeUInt32BE(Number(value.nanos / 1_000_000_000n), 2)
    bytes.writeUInt32BE(Number(value.nanos % 1_000_000_000n), 6)
    return bytes
  }
  if (isList(value)) return Buffer.concat([head(value.length, 0x90, 16, [undefined, 0xdc, 0xdd]), ...value.map(pack)])
  const entries = Object.entries(value)
  return Buffer.concat([
    head(entries.length, 0x80, 16, [undefined, 0xde, 0xdf]),
    ...entries.flatMap(([key, each]) => [pack(key), pack(each)]),
  ])
}

const isList = (value: object): value is readonly Packable[] => Array.isArray(value)

/** The length of something, in the shortest of its forms: within the first byte, or in one, two or four more. */
function head(
  length: number,
  short: number,
  shortLimit: number,
  [one, two, four]: readonly [number | undefined, number, number],
): Buffer {
  if (length < shortLimit) return Buffer.of(short | length)
  if (one !== undefined && length < 0x100) return Buffer.of(one, length)
  if (length < 0x10000) return Buffer.of(two, length >> 8, length & 0xff)
  const bytes = Buffer.alloc(5)
  bytes[0] = four
  bytes.writeUInt32BE(length, 1)
  return bytes
}

function packNumber(value: number): Buffer {
  if (value >= 0 && value < 0x80) return Buffer.of(value)
  const bytes = Buffer.alloc(9)
  bytes[0] = 0xd3
  bytes.writeBigInt64BE(BigInt(value), 1)
  return bytes
}
