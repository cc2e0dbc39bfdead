import { cString } from "./libc.ts"
import { machineOf, type numbers, record } from "./syscall-machine.ts"

/** What a call gets: numbers, or by address texts, bytes, NULL-terminated lists of texts, or structures of 8-byte words. */
export type Argument = number | string | Uint8Array | readonly string[] | { readonly words: readonly Argument[] }

/** One system call: a name of {@link numbers}, and up to five arguments. */
export type SystemCall = readonly [call: keyof (typeof numbers)["x64"], ...args: Argument[]]

/** Where the program is loaded: code, table and texts, which cannot be written; and the record with room behind it, which can. */
const base = 0x40_0000
const writable = 0x20_0000
const headers = 64 + 2 * 56
export const rowSize = 64
const room = 512

/** A call, with the rows, by number, that follow it in place of the next one. */
export interface Row {
  readonly call: SystemCall
  readonly onFailure?: number
  readonly onPositive?: number
}

/** Where the first row is. @throws RangeError on other architectures than x86_64 and arm64 */
export const tableAddress = (architecture: string): number => base + headers + machineOf(architecture).code.length

/** The program of `rows`. @throws RangeError on other architectures than x86_64 and arm64 */
export function assemble(rows: readonly Row[], architecture: string): Buffer {
  const machine = machineOf(architecture)
  const tableAt = tableAddress(architecture)
  const rowAddress = (row: number | undefined) => (row === undefined ? 0 : tableAt + row * rowSize)
  const table = new Words((rows.length * rowSize) / 8)
  const data = new Data(tableAt + table.bytes.length)
  for (const [at, { call, onFailure, onPositive }] of rows.entries()) {
    const [name, ...args] = call
    const first = (at * rowSize) / 8
    table.set(first, machine.numbers[name])
    for (const [index, argument] of args.entries()) table.set(first + 1 + index, data.word(argument))
    table.set(first + 6, rowAddress(onFailure))
    table.set(first + 7, rowAddress(onPositive))
  }
  const body = Buffer.concat([machine.code, table.bytes, ...data.parts])
  return Buffer.concat([elfHeaders(machine.elf, headers + body.length), body])
}

/** Words of eight bytes, zero at first. */
class Words {
  readonly bytes: Buffer
  readonly #halves: Int32Array

  constructor(count: number) {
    const memory = new ArrayBuffer(count * 8)
    this.bytes = Buffer.from(memory)
    this.#halves = new Int32Array(memory)
  }

  set(index: number, value: number): void {
    this.#halves[2 * index] = value
    this.#halves[2 * index + 1] = Math.floor(value / 2 ** 32)
  }
}

/** What calls get by address, laid out behind one another from an address on; the same text, bytes or list only once. */
class Data {
  readonly parts: Uint8Array[] = []
  readonly #known = new Map<Argument, number>()
  #end: number

  constructor(start: number) {
    this.#end = start
  }

  /** What a call gets of `argument`: itself, or its address. */
  word(argument: Argument): number {
    if (typeof argument === "number") return argument
    const known = this.#known.get(argument)
    if (known !== undefined) return known
    const address = this.#add(this.#bytesOf(argument))
    this.#known.set(argument, address)
    return address
  }

  #bytesOf(argument: Exclude<Argument, number>): Uint8Array {
    if (typeof argument === "string") return cString(argument)
    if (argument instanceof Uint8Array) return argument
    const parts: readonly Argument[] = "words" in argument ? argument.words : argument
    const words = parts.map((part) => this.word(part))
    const listed = new Words(words.length + 1)
    for (const [index, word] of words.entries()) listed.set(index, word)
    return listed.bytes
  }

  #add(bytes: Uint8Array): number {
    const address = this.#end
    const padding = -bytes.length & 7
    this.parts.push(bytes, zeros.subarray(0, padding))
    this.#end += bytes.length + padding
    return address
  }
}

const zeros = new Uint8Array(8)

/** The ELF header and two segments: the whole file, which can be executed, and zeros behind a copy of this header. */
function elfHeaders(machine: number, size: number): Buffer {
  const bytes = Buffer.alloc(headers)
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  bytes.writeUInt16LE(2, 16) // e_type: executable
  bytes.writeUInt16LE(machine, 18)
  bytes.writeUInt32LE(1, 20)
  bytes.writeBigUInt64LE(BigInt(base + headers), 24) // e_entry
  bytes.writeBigUInt64LE(64n, 32) // e_phoff
  bytes.writeUInt16LE(64, 52)
  bytes.writeUInt16LE(56, 54)
  bytes.writeUInt16LE(2, 56)
  bytes.writeUInt16LE(64, 58)
  const segments = [
    { flags: 6, address: writable, inFile: 64, inMemory: record - writable + room },
    { flags: 5, address: base, inFile: size, inMemory: size },
  ]
  for (const [index, { flags, address, inFile, inMemory }] of segments.entries()) {
    const at = 64 + index * 56
    bytes.writeUInt32LE(1, at) // p_type: load
    bytes.writeUInt32LE(flags, at + 4) // read and write, or execute
    bytes.writeBigUInt64LE(BigInt(address), at + 16) // p_vaddr
    bytes.writeBigUInt64LE(BigInt(address), at + 24) // p_paddr
    bytes.writeBigUInt64LE(BigInt(inFile), at + 32) // p_filesz
    bytes.writeBigUInt64LE(BigInt(inMemory), at + 40) // p_memsz
    bytes.writeBigUInt64LE(0x10000n, at + 48) // p_align
  }
  return bytes
}
