import { BeyondErofs, type ErofsNode } from "./tree.ts"

/** Prefixes that an attribute's name is stored without, by their numbers. */
const prefixes = [
  ["user.", 1],
  ["trusted.", 4],
  ["security.", 6],
] as const

const headerLength = 12
const entryLength = 4
/** Sizes are counted in fours by 16 bits. */
const most = 0xffff * 4
const aligned = (length: number): number => (length + 3) & ~3

/** Bytes that the attributes of a node take after its inode; 0 without any. @throws BeyondErofs */
export function attributesLength({ xattrs }: ErofsNode): number {
  if (!xattrs?.size) return 0
  let length = headerLength
  for (const [key, value] of xattrs) {
    const { name } = split(key)
    if (name.length > 255 || value.length > 0xffff) throw new BeyondErofs(`an attribute of ${value.length} bytes`)
    length += aligned(entryLength + name.length + value.length)
  }
  if (length > most) throw new BeyondErofs(`attributes of ${length} bytes on one file`)
  return length
}

/** What the inode says of the attributes' length. */
export const attributesCount = (length: number): number => (length === 0 ? 0 : (length - headerLength) / 4 + 1)

/** Writes a node's attributes into `image` at `at`. */
export function writeAttributes(image: Buffer, at: number, { xattrs }: ErofsNode): void {
  let position = at + headerLength
  for (const [key, value] of xattrs ?? []) {
    const { prefix, name } = split(key)
    image[position] = name.length
    image[position + 1] = prefix
    image.writeUInt16LE(value.length, position + 2)
    image.set(name, position + entryLength)
    image.set(value, position + entryLength + name.length)
    position += aligned(entryLength + name.length + value.length)
  }
}

function split(key: string): { readonly prefix: number; readonly name: Buffer } {
  for (const [text, prefix] of prefixes) {
    if (key.startsWith(text)) return { prefix, name: Buffer.from(key.slice(text.length)) }
  }
  throw new BeyondErofs(`the attribute ${key}`)
}
