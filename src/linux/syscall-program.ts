import { cString } from "./libc.ts"

/** One system call: a name of {@link numbers}, and up to five arguments: numbers, or texts that are passed by address. */
export type SystemCall = readonly [call: keyof (typeof numbers)["x64"], ...args: (number | string)[]]

/** Exit code of a program whose system call failed. */
export const callFailed = 125

/**
 * System call numbers and machine code per architecture. The code walks a table of calls behind it (a number and five
 * arguments of eight bytes each), makes one after the other, and exits with {@link callFailed} when one fails.
 */
const numbers = {
  x64: { write: 1, close: 3, execve: 59, mount: 165, umount2: 166, openat: 257, unshare: 272 },
  arm64: { umount2: 39, mount: 40, openat: 56, close: 57, write: 64, unshare: 97, execve: 221 },
} as const

const machines = {
  x64: {
    elf: 62,
    code: Buffer.from(
      [
        "488d1d39000000", // lea rbx, [table]
        "488b03", // next: mov rax, [rbx]
        "488b7b08", // mov rdi, [rbx+8]
        "488b7310", // mov rsi, [rbx+16]
        "488b5318", // mov rdx, [rbx+24]
        "4c8b5320", // mov r10, [rbx+32]
        "4c8b4328", // mov r8, [rbx+40]
        "0f05", // syscall
        "4883c330", // add rbx, 48
        "4885c0", // test rax, rax
        "79de", // jns next
        `bf${callFailed.toString(16)}000000`, // mov edi, callFailed
        "b8e7000000", // mov eax, exit_group
        "0f05", // syscall
        "0f0b".padEnd(22, "0"), // ud2, not reached; the table is aligned
      ].join(""),
      "hex",
    ),
  },
  arm64: {
    elf: 183,
    code: Buffer.from(
      Uint32Array.of(
        0x10000193, // adr x19, table
        0xf9400268, // next: ldr x8, [x19]
        0xa9408660, // ldp x0, x1, [x19, #8]
        0xa9418e62, // ldp x2, x3, [x19, #24]
        0xf9401664, // ldr x4, [x19, #40]
        0x9100c273, // add x19, x19, #48
        0xd4000001, // svc #0
        0xb6ffff40, // tbz x0, #63, next
        0xd2800000 | (callFailed << 5), // mov x0, callFailed
        0xd2800bc8, // mov x8, exit_group
        0xd4000001, // svc #0
        0xd503201f, // nop; the table is aligned
      ).buffer,
    ),
  },
} as const

/** Where the program is loaded. */
const base = 0x40_0000
const headers = 64 + 56

/**
 * A static ELF program that makes `calls` and then becomes `program`: for what has to happen in a child between fork and
 * exec, which no JavaScript can do, at the price of one exec without libraries. Descriptors that it opens are numbered
 * from 3 on, as nothing else is inherited.
 * @param program the path of the program it becomes
 * @param words all that program's words, its name first
 * @throws RangeError on other architectures than x86_64 and arm64
 */
export function syscallProgram(
  calls: readonly SystemCall[],
  program: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
  architecture: string = process.arch,
): Buffer {
  if (architecture !== "x64" && architecture !== "arm64") throw new RangeError(`no programs for ${architecture}`)
  const { code, elf } = machines[architecture]
  const number = numbers[architecture]
  const tableAt = headers + code.length
  const texts = new Texts(base + tableAt + (calls.length + 1) * 48)
  const args = texts.list(words)
  const variables = texts.list(Object.entries(environment).map(([name, value]) => `${name}=${value}`))
  const table = Buffer.alloc((calls.length + 1) * 48)
  const whole: readonly SystemCall[] = [...calls, ["execve", program, args, variables]]
  for (const [row, [call, ...values]] of whole.entries()) {
    table.writeBigUInt64LE(BigInt(number[call]), row * 48)
    for (const [column, value] of values.entries()) {
      const word = typeof value === "string" ? texts.address(value) : value
      table.writeBigInt64LE(BigInt(word), row * 48 + 8 + column * 8)
    }
  }
  const body = Buffer.concat([code, table, texts.bytes()])
  return Buffer.concat([elfHeaders(elf, headers + body.length), body])
}

/** Texts and lists of their addresses, laid out behind one another from an address on. */
class Texts {
  readonly #start: number
  readonly #parts: Buffer[] = []
  #length = 0

  constructor(start: number) {
    this.#start = start
  }

  address(text: string): number {
    return this.#add(cString(text))
  }

  /** The address of a NULL-terminated array of texts, as execve(2) takes it. */
  list(texts: readonly string[]): number {
    const addresses = Buffer.alloc((texts.length + 1) * 8)
    for (const [index, text] of texts.entries()) addresses.writeBigUInt64LE(BigInt(this.address(text)), index * 8)
    return this.#add(addresses)
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }

  #add(bytes: Buffer): number {
    const padded = Buffer.concat([bytes, Buffer.alloc(-bytes.length & 7)])
    const address = this.#start + this.#length
    this.#parts.push(padded)
    this.#length += padded.length
    return address
  }
}

/** The ELF header and one loaded segment, readable and executable: the whole file. */
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
  bytes.writeUInt16LE(1, 56)
  bytes.writeUInt32LE(1, 64) // p_type: load
  bytes.writeUInt32LE(5, 68) // p_flags: read, execute
  bytes.writeBigUInt64LE(BigInt(base), 80) // p_vaddr
  bytes.writeBigUInt64LE(BigInt(base), 88) // p_paddr
  bytes.writeBigUInt64LE(BigInt(size), 96) // p_filesz
  bytes.writeBigUInt64LE(BigInt(size), 104) // p_memsz
  bytes.writeBigUInt64LE(0x10000n, 112) // p_align
  return bytes
}
