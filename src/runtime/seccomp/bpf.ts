/** One instruction of classic BPF (linux/filter.h, struct sock_filter). */
export interface Instruction {
  readonly code: number
  readonly jt: number
  readonly jf: number
  readonly k: number
}

/** The most instructions that the kernel takes (BPF_MAXINSNS). */
export const maxInstructions = 4096

/** Where in struct seccomp_data things are; arguments in little-endian halves. */
export const data = {
  number: 0,
  architecture: 4,
  low: (argument: number) => 16 + 8 * argument,
  high: (argument: number) => 20 + 8 * argument,
} as const

/** A = the 32-bit word at `offset`. */
export const load = (offset: number): Instruction => ({ code: 0x20, jt: 0, jf: 0, k: offset })
/** A &= mask */
export const and = (mask: number): Instruction => ({ code: 0x54, jt: 0, jf: 0, k: mask >>> 0 })
/** Ends the program with `value` (SECCOMP_RET_…). */
export const ret = (value: number): Instruction => ({ code: 0x06, jt: 0, jf: 0, k: value >>> 0 })
const ja = (distance: number): Instruction => ({ code: 0x05, jt: 0, jf: 0, k: distance })

const codes = { "=": 0x15, ">": 0x25, "≥": 0x35 } as const

/** Comparisons of A, unsigned, with jumps over `jt` or `jf` instructions (0–255). */
export function jump(relation: keyof typeof codes, k: number, jt: number, jf: number): Instruction {
  if (jt > 255 || jf > 255) throw new RangeError("a conditional jump reaches 255 instructions")
  return { code: codes[relation], jt, jf, k: k >>> 0 }
}

/** `yes` when A stands in `relation` to `k`, else `no`. Both must end in {@link ret}. */
export function branch(
  relation: keyof typeof codes,
  k: number,
  yes: readonly Instruction[],
  no: readonly Instruction[],
): Instruction[] {
  if (no.length <= 255) return [jump(relation, k, no.length, 0), ...no, ...yes]
  return [jump(relation, k, 0, 1), ja(no.length), ...no, ...yes]
}

/** The bytes of an array of struct sock_filter. */
export function assemble(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8)
  program.forEach(({ code, jt, jf, k }, index) => {
    bytes.writeUInt16LE(code, index * 8)
    bytes.writeUInt8(jt, index * 8 + 2)
    bytes.writeUInt8(jf, index * 8 + 3)
    bytes.writeUInt32LE(k, index * 8 + 4)
  })
  return bytes
}
