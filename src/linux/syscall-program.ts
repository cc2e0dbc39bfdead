import { cString } from "./libc.ts"

/** What a call gets: numbers, or by address texts, bytes, NULL-terminated lists of texts, or a count before an address. */
export type Argument =
  | number
  | string
  | Uint8Array
  | readonly string[]
  | { readonly count: number; readonly items: Uint8Array }

/** One system call: a name of {@link numbers}, and up to five arguments. */
export type SystemCall = readonly [call: keyof (typeof numbers)["x64"], ...args: Argument[]]

/** A call that must not fail, or one that may. */
export type Step = SystemCall | { readonly attempt: SystemCall }

/** Exit code of a program whose system call failed. */
export const callFailed = 125

/** Where a program that forks keeps what {@link ForkingProgram.outcome} reads, for a call that hands it out. */
export const report = { address: 0x20_0040, size: 24 } as const

/**
 * System call numbers and machine code per architecture. The code walks a table of calls behind it, rows of eight words of
 * eight bytes: a number, five arguments, and the addresses of the rows to go on with after a failure and after a result
 * above zero, which is kept in the report. 0 is the exit with {@link callFailed}, with row and error in the report, and the
 * next row.
 */
const numbers = {
  x64: {
    write: 1,
    close: 3,
    rt_sigprocmask: 14,
    clone: 56,
    execve: 59,
    chdir: 80,
    fchown: 93,
    umask: 95,
    setsid: 112,
    setgroups: 116,
    setresuid: 117,
    setresgid: 119,
    capset: 126,
    prctl: 157,
    mount: 165,
    umount2: 166,
    exit_group: 231,
    openat: 257,
    ppoll: 271,
    unshare: 272,
    prlimit64: 302,
    setns: 308,
    seccomp: 317,
  },
  arm64: {
    umount2: 39,
    mount: 40,
    chdir: 49,
    fchown: 55,
    openat: 56,
    close: 57,
    write: 64,
    ppoll: 73,
    capset: 91,
    exit_group: 94,
    unshare: 97,
    rt_sigprocmask: 135,
    setresuid: 147,
    setresgid: 149,
    setsid: 157,
    setgroups: 159,
    umask: 166,
    prctl: 167,
    clone: 220,
    execve: 221,
    prlimit64: 261,
    setns: 268,
    seccomp: 277,
  },
} as const

const machines = {
  x64: {
    elf: 62,
    code: Buffer.from(
      [
        "488d1d69000000", // lea rbx, [table]
        "41bc40002000", // mov r12d, report
        "488b03", // next: mov rax, [rbx]
        "488b7b08", // mov rdi, [rbx+8]
        "488b7310", // mov rsi, [rbx+16]
        "488b5318", // mov rdx, [rbx+24]
        "4c8b5320", // mov r10, [rbx+32]
        "4c8b4328", // mov r8, [rbx+40]
        "4889dd", // mov rbp, rbx
        "4883c340", // add rbx, 64
        "0f05", // syscall
        "4885c0", // test rax, rax
        "74db", // jz next
        "7812", // js negative
        "4c8b4d38", // mov r9, [rbp+56]
        "4d85c9", // test r9, r9
        "74d0", // jz next
        "49890424", // mov [r12], rax
        "4c89cb", // mov rbx, r9
        "ebc7", // jmp next
        "4c8b4d30", // negative: mov r9, [rbp+48]
        "4d85c9", // test r9, r9
        "7405", // jz fail
        "4c89cb", // mov rbx, r9
        "ebb9", // jmp next
        "49896c2408", // fail: mov [r12+8], rbp
        "4989442410", // mov [r12+16], rax
        `bf${callFailed.toString(16)}000000`, // mov edi, callFailed
        "b8e7000000", // mov eax, exit_group
        "0f05", // syscall
        "0f0b00000000", // ud2, not reached; the table is aligned
      ].join(""),
      "hex",
    ),
  },
  arm64: {
    elf: 183,
    code: Buffer.from(
      Uint32Array.of(
        0x10000353, // adr x19, table
        0xd2a00415, // mov x21, report - 64
        0xf9400268, // next: ldr x8, [x19]
        0xa9408660, // ldp x0, x1, [x19, #8]
        0xa9418e62, // ldp x2, x3, [x19, #24]
        0xf9401664, // ldr x4, [x19, #40]
        0xaa1303f4, // mov x20, x19
        0x91010273, // add x19, x19, #64
        0xd4000001, // svc #0
        0xb4ffff20, // cbz x0, next
        0xb7f800c0, // tbnz x0, #63, negative
        0xf9401e89, // ldr x9, [x20, #56]
        0xb4fffec9, // cbz x9, next
        0xf90022a0, // str x0, [x21, #64]
        0xaa0903f3, // mov x19, x9
        0x17fffff3, // b next
        0xf9401a89, // negative: ldr x9, [x20, #48]
        0xb4000069, // cbz x9, fail
        0xaa0903f3, // mov x19, x9
        0x17ffffef, // b next
        0xf90026b4, // fail: str x20, [x21, #72]
        0xf9002aa0, // str x0, [x21, #80]
        0xd2800000 | (callFailed << 5), // mov x0, callFailed
        0xd2800bc8, // mov x8, exit_group
        0xd4000001, // svc #0
        0xd503201f, // nop; the table is aligned
      ).buffer,
    ),
  },
} as const

/** Where the program is loaded: code, table and texts, which cannot be written; and the report, which can. */
const base = 0x40_0000
const writable = 0x20_0000
const headers = 64 + 2 * 56
const rowSize = 64

/** A call with the rows, by number, that follow it in place of the next one. */
interface Row {
  readonly call: SystemCall
  readonly onFailure?: number
  readonly onPositive?: number
}

/**
 * A static ELF program that makes `calls` and then becomes `program`: for what has to happen in a child between fork and
 * exec, which no JavaScript can do, at the price of one exec without libraries. Descriptors that it opens are numbered
 * from 3 on, as nothing else is inherited.
 * @param program the path of the program it becomes
 * @param words all that program's words, its name first
 * @throws RangeError on other architectures than x86_64 and arm64
 */
export function syscallProgram(
  calls: readonly Step[],
  program: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
  architecture: string = process.arch,
): Buffer {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  return assemble(rowsOf([...calls, ["execve", program, words, variables]], 0), architecture)
}

/** A program that makes a child and tells of it. */
export interface ForkingProgram {
  readonly image: Buffer
  /** What the {@link report} says: the child's PID, and the call that ended it before it became another program. */
  outcome(report: Buffer): { readonly pid: number; readonly failed?: { readonly call: string; readonly errno: number } }
}

/**
 * A static ELF program that makes the calls of `before`, and a child, which makes those of `child`, the last of which must be
 * an execve(2). It waits for that, or for the child's end, and makes those of `after`.
 * @throws RangeError on other architectures than x86_64 and arm64
 */
export function forkingProgram(
  steps: { readonly before: readonly Step[]; readonly child: readonly Step[]; readonly after: readonly Step[] },
  architecture: string = process.arch,
): ForkingProgram {
  const before = rowsOf(steps.before, 0)
  const child = rowsOf(steps.child, before.length + 1)
  const fork: Row = { call: ["clone", forkFlags, 0, 0, 0, 0], onPositive: before.length + 1 + child.length }
  const rows = [...before, fork, ...child, ...rowsOf(steps.after, before.length + 1 + child.length)]
  const image = assemble(rows, architecture)
  return {
    image,
    outcome(bytes) {
      const [pid, row, result] = [bytes.readBigInt64LE(0), bytes.readBigUInt64LE(8), bytes.readBigInt64LE(16)]
      if (row === 0n) return { pid: Number(pid) }
      const call = rows[(Number(row) - tableAddress(architecture)) / rowSize]?.call[0] ?? "?"
      return { pid: Number(pid), failed: { call, errno: -Number(result) } }
    },
  }
}

/**
 * A static ELF program that does nothing for ever, in a session of its own: it only keeps the descriptors open that it
 * inherits. No signal but SIGKILL ends it.
 * @throws RangeError on other architectures than x86_64 and arm64
 */
export function idleProgram(architecture: string = process.arch): Buffer {
  const everySignal = Buffer.alloc(8, 0xff)
  return assemble(
    [
      { call: ["setsid"], onFailure: 1, onPositive: 1 },
      { call: ["rt_sigprocmask", setMask, everySignal, 0, everySignal.length] },
      { call: ["ppoll", 0, 0, 0, 0], onFailure: 2, onPositive: 2 },
    ],
    architecture,
  )
}

/** SIG_SETMASK. */
const setMask = 2

/** The child shares the parent's memory, and the parent waits until it has one of its own (CLONE_VM, CLONE_VFORK, SIGCHLD). */
const forkFlags = 0x100 | 0x4000 | 17

/** @param first the number of the first row */
const rowsOf = (steps: readonly Step[], first: number): readonly Row[] =>
  steps.map((step, index) =>
    "attempt" in step ? { call: step.attempt, onFailure: first + index + 1 } : { call: step },
  )

function machineOf(architecture: string) {
  if (architecture !== "x64" && architecture !== "arm64") throw new RangeError(`no programs for ${architecture}`)
  return { ...machines[architecture], numbers: numbers[architecture] }
}

const tableAddress = (architecture: string): number => base + headers + machineOf(architecture).code.length

function assemble(rows: readonly Row[], architecture: string): Buffer {
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
    const words =
      "count" in argument ? [argument.count, this.word(argument.items)] : argument.map((text) => this.word(text))
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
    { flags: 6, address: writable, inFile: 64, inMemory: report.address - writable + report.size },
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
