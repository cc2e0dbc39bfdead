import { type ErofsNode, erofsBlock, typeOf } from "./tree.ts"

/** A name in a directory, and the number of what it names. */
export interface ErofsName {
  readonly name: string
  readonly type: number
  readonly nid: () => number
}

const entryLength = 12
const directoryType = 2

/**
 * The names of a directory in the order in which they are looked up: by their bytes, `.` and `..` among them.
 * @param nid gives a node's number, asked when it is written
 */
export function namesOf(directory: ErofsNode, parent: ErofsNode, nid: (node: ErofsNode) => number): ErofsName[] {
  const names: ErofsName[] = [
    { name: ".", type: directoryType, nid: () => nid(directory) },
    { name: "..", type: directoryType, nid: () => nid(parent) },
  ]
  for (const [name, node] of directory.children!) names.push({ name, type: typeOf(node), nid: () => nid(node) })
  // Each character is a byte: their order is that of the bytes.
  return names.sort((one, other) => (one.name < other.name ? -1 : 1))
}

/** Names that go into one block each time. */
function* blocks(names: readonly ErofsName[]): Generator<readonly ErofsName[]> {
  let start = 0
  let used = 0
  for (let at = 0; at < names.length; at++) {
    const length = entryLength + names[at]!.name.length
    if (used + length > erofsBlock) {
      yield names.slice(start, at)
      start = at
      used = 0
    }
    used += length
  }
  yield names.slice(start)
}

const lengthOf = (names: readonly ErofsName[]): number =>
  names.reduce((length, { name }) => length + entryLength + name.length, 0)

/** Bytes of a directory's data: whole blocks, and what the last one needs. */
export function directoryLength(names: readonly ErofsName[]): number {
  let length = 0
  for (const block of blocks(names)) length = Math.ceil(length / erofsBlock) * erofsBlock + lengthOf(block)
  return length
}

/** Writes a directory's data into `image` at `at`. */
export function writeDirectory(image: Buffer, at: number, names: readonly ErofsName[]): void {
  let block = at
  for (const part of blocks(names)) {
    let name = part.length * entryLength
    for (const [number, each] of part.entries()) {
      const entry = block + number * entryLength
      image.writeUInt32LE(each.nid(), entry)
      image.writeUInt16LE(name, entry + 8)
      image[entry + 10] = each.type
      name += image.write(each.name, block + name, "latin1")
    }
    block += erofsBlock
  }
}
