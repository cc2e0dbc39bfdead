/** Attributes of netlink messages (netlink(7)): length, type, payload, padded to four bytes; native byte order, which is little-endian on every supported machine. */

const NLA_F_NESTED = 0x8000
const NLA_TYPE_MASK = 0x3fff

/** One attribute of `type` with the concatenated `parts` as payload. */
export function attribute(type: number, ...parts: readonly Uint8Array[]): Buffer {
  let length = 4
  for (const part of parts) length += part.length
  const buffer = Buffer.alloc((length + 3) & ~3)
  buffer.writeUInt16LE(length, 0)
  buffer.writeUInt16LE(type, 2)
  let at = 4
  for (const part of parts) {
    buffer.set(part, at)
    at += part.length
  }
  return buffer
}

/** An attribute that holds attributes. */
export const nested = (type: number, ...attributes: readonly Uint8Array[]): Buffer =>
  attribute(type | NLA_F_NESTED, ...attributes)

/** Payload of one byte. */
export const u8 = (value: number): Buffer => Buffer.of(value)

/** Payload of two bytes, host order. */
export function u16(value: number): Buffer {
  const buffer = Buffer.alloc(2)
  buffer.writeUInt16LE(value, 0)
  return buffer
}

/** Payload of two bytes, network order (ports, protocols). */
export function u16be(value: number): Buffer {
  const buffer = Buffer.alloc(2)
  buffer.writeUInt16BE(value, 0)
  return buffer
}

/** Payload of four bytes, host order. */
export function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32LE(value >>> 0, 0)
  return buffer
}

/** Payload of four bytes, network order (numbers of nftables). */
export function u32be(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32BE(value >>> 0, 0)
  return buffer
}

/** Payload of a NUL-terminated string. */
export const text = (value: string): Buffer => Buffer.from(`${value}\0`)

/** The string of a payload, without its NUL. */
export function textOf(payload: Buffer): string {
  const end = payload.indexOf(0)
  return payload.toString("utf8", 0, end < 0 ? payload.length : end)
}

/** The attributes in `buffer` from `offset` on, by type without flags; a later one of the same type wins. */
export function attributesOf(buffer: Buffer, offset = 0): ReadonlyMap<number, Buffer> {
  const found = new Map<number, Buffer>()
  for (let at = offset; at + 4 <= buffer.length; ) {
    const length = buffer.readUInt16LE(at)
    if (length < 4 || at + length > buffer.length) break
    found.set(buffer.readUInt16LE(at + 2) & NLA_TYPE_MASK, buffer.subarray(at + 4, at + length))
    at += (length + 3) & ~3
  }
  return found
}
