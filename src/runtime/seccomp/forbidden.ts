import { numbers } from "../../linux/syscall-machine.ts"
import type { Step } from "../../linux/syscall-program.ts"
import { runBpf } from "./verdict.ts"

const SECCOMP_RET_ALLOW = 0x7fff_0000
const SECCOMP_RET_LOG = 0x7ffc_0000
/** AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64 (linux/audit.h). */
const audit = { x64: 0xc000_003e, arm64: 0xc000_00b7 } as const

/**
 * The name of the first call that a filter does not let pass; attempts may fail and are left out. Arguments that are
 * addresses count as 0.
 */
export function forbiddenCall(filter: Buffer, steps: readonly Step[]): string | undefined {
  const machine = process.arch === "arm64" ? "arm64" : "x64"
  for (const step of steps) {
    if ("attempt" in step) continue
    const [name, ...args] = step
    const values = args.map((argument) => BigInt(typeof argument === "number" ? argument : 0))
    const verdict = runBpf(filter, { audit: audit[machine], number: numbers[machine][name], args: values })
    if (verdict !== SECCOMP_RET_ALLOW && verdict !== SECCOMP_RET_LOG) return name
  }
  return undefined
}
