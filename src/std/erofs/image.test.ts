import { expect, test } from "bun:test"
import { encodeErofs, writeOwnership } from "./image.ts"
import { BeyondErofs, type ErofsNode, erofsBlock } from "./tree.ts"

const common = { uid: 1, gid: 2, mtime: 1_500_000_000_000_000_007n }
const directory = (children: Record<string, ErofsNode> = {}): ErofsNode => ({
  ...common,
  mode: 0o040755,
  children: new Map(Object.entries(children)),
})
const file = (size: number, dataAt = 0): ErofsNode => ({ ...common, mode: 0o100644, size, dataAt })
const link = (length: number): ErofsNode => ({ ...common, mode: 0o120777, target: Buffer.alloc(length, "t") })
const encode = (root: ErofsNode, dataLength = 0) => encodeErofs(root, { dataLength, uuid: Buffer.alloc(16, 7) })

test("an image begins with what the kernel looks for, and counts its inodes, blocks and data", () => {
  const { bytes } = encode(directory({ a: file(1000), b: directory() }), 5000)
  expect(bytes.length % erofsBlock).toBe(0)
  expect(bytes.readUInt32LE(1024)).toBe(0xe0f5e1e2)
  expect(bytes.readBigUInt64LE(1024 + 16)).toBe(3n)
  expect(bytes.readUInt32LE(1024 + 36)).toBe(bytes.length / erofsBlock)
  expect(bytes.readUInt32LE(1152 + 64)).toBe(10)
})

test("a node with several names is one inode with as many links; directories count those in them", () => {
  const shared = file(5)
  const inner = directory({ again: shared })
  const root = directory({ one: shared, two: shared, inner })
  const { bytes, inodeAt } = encode(root)
  const links = (node: ErofsNode) => bytes.readUInt32LE(inodeAt(node) + 44)
  expect([links(shared), links(root), links(inner)]).toEqual([3, 3, 2])
})

test("what follows an inode never lies across two blocks", () => {
  const nodes = Array.from({ length: 300 }, (_, at) => link(1 + at))
  const { bytes, inodeAt } = encode(directory(Object.fromEntries(nodes.map((node, at) => [`l${at}`, node]))))
  for (const node of nodes) {
    const at = inodeAt(node)
    const inline = bytes.readUInt16LE(at) >> 1 === 2
    const tail = inline ? at + 64 : bytes.readUInt32LE(at + 16) * erofsBlock
    expect(bytes.subarray(tail, tail + node.target!.length)).toEqual(Buffer.from(node.target!))
    if (inline) expect(Math.floor(tail / erofsBlock)).toBe(Math.floor((tail + node.target!.length - 1) / erofsBlock))
  }
})

test("a file is one chunk wherever its data is, up to a tebibyte", () => {
  const far = file(2 ** 40, 2 ** 40)
  const { bytes, inodeAt } = encode(directory({ far }), 2 ** 41 - 512)
  expect(bytes.readBigUInt64LE(inodeAt(far) + 8)).toBe(2n ** 40n)
  expect(bytes.readUInt32LE(inodeAt(far) + 64 + 4)).toBe(2 ** 31)
})

test("what the format cannot say is refused", () => {
  const refused: [ErofsNode, number][] = [
    [file(2 ** 40 + 1), 0],
    [file(1), 2 ** 41],
    [{ ...file(1), xattrs: new Map([["user.x", Buffer.alloc(65_536)]]) }, 0],
    [{ ...file(1), xattrs: new Map([["system.x", Buffer.alloc(1)]]) }, 0],
    [{ ...file(1), xattrs: new Map([0, 1, 2, 3, 4].map((at) => [`user.${at}`, Buffer.alloc(60_000)])) }, 0],
  ]
  for (const [node, dataLength] of refused) {
    expect(() => encode(directory({ node }), dataLength)).toThrow(BeyondErofs)
  }
})

test("mode, owner and time can be written over, times before the epoch too", () => {
  const node = directory()
  const { bytes, inodeAt } = encode(node)
  const at = inodeAt(node)
  writeOwnership(bytes, at, { mode: 0o041777, uid: 7, gid: 4_000_000_000, mtime: -1n })
  expect([bytes.readUInt16LE(at + 4), bytes.readUInt32LE(at + 24), bytes.readUInt32LE(at + 28)]).toEqual([
    0o041777, 7, 4_000_000_000,
  ])
  expect([bytes.readBigInt64LE(at + 32), bytes.readUInt32LE(at + 40)]).toEqual([-1n, 999_999_999])
})
