import { expect, test } from "bun:test"
import { release } from "node:os"
import type { Seccomp } from "../../src/oci/runtime-spec.ts"
import { architectures } from "../../src/runtime/seccomp/architectures.ts"
import { compileSeccomp } from "../../src/runtime/seccomp/compile.ts"
import { defaultProfile } from "../../src/runtime/seccomp/default-profile.ts"
import { resolveProfile } from "../../src/runtime/seccomp/profile.ts"
import { runBpf } from "../fixtures/bpf.ts"
import { compileWithLibseccomp } from "../fixtures/libseccomp.ts"

const noSuchCall = 0x00050026
const refused = 0x00050001

/** Values that lie on both sides of every comparison in `seccomp`. */
function interesting(seccomp: Seccomp): bigint[] {
  const values = new Set([0n, 1n, 0x11n, 0x7fffffffn, 0xffffffffn, 0x100000000n, 0xffffffffffffffffn])
  for (const rule of seccomp.syscalls ?? [])
    for (const argument of rule.args ?? [])
      for (const near of [-1n, 0n, 1n]) values.add(BigInt.asUintN(64, BigInt(argument.value) + near))
  return [...values]
}

/** Every call of every convention, answered by both programs. @returns the differences */
function differences(seccomp: Seccomp, conventions: readonly string[]): string[] {
  const own = compileSeccomp(seccomp)
  const { program, known } = compileWithLibseccomp(seccomp)
  const values = interesting(seccomp)
  const conditional = new Set((seccomp.syscalls ?? []).filter((rule) => rule.args).flatMap((rule) => rule.names))
  const found: string[] = []
  for (const architecture of architectures.filter((one) => conventions.includes(one.name))) {
    const names = new Map([...architecture.syscalls].map(([name, number]) => [number, name]))
    for (const number of [...Array(1024).keys(), 0xf0000, 0x3fffffff]) {
      const name = names.get(number) ?? ""
      const calls = conditional.has(name) ? values.flatMap((value) => [[value], [0x11n, value], [value, value]]) : [[]]
      for (const args of calls) {
        const call = { audit: architecture.audit, number: number + architecture.offset, args }
        const [ours, theirs] = [runBpf(own, call), runBpf(program, call)]
        if (ours === theirs) continue
        // Names that this libseccomp is too old for, and calls newer than the profile, which answer ENOSYS here.
        if (theirs === refused && (ours === noSuchCall || (name !== "" && !known.has(name)))) continue
        found.push(`${architecture.name} ${number} ${name}(${args}): ${ours.toString(16)}, ${theirs.toString(16)}`)
      }
    }
  }
  return found
}

const x86 = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32", "SCMP_ARCH_X86"]
const arm = ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]

for (const [what, capabilities] of [
  ["no capability", []],
  ["CAP_SYS_ADMIN and CAP_SYS_PTRACE", ["CAP_SYS_ADMIN", "CAP_SYS_PTRACE"]],
] as const)
  test(`the default profile with ${what} decides every call as libseccomp's program does`, () => {
    const seccomp = resolveProfile(defaultProfile, { capabilities, kernel: release() })
    expect(differences(seccomp, process.arch === "x64" ? x86 : arm)).toEqual([])
  })

test("conditions on 64-bit arguments decide as libseccomp's", () => {
  const rule = (name: string, op: string, value: number | bigint, valueTwo = 0) => ({
    names: [name],
    action: "SCMP_ACT_ALLOW",
    args: [{ index: 1, value, valueTwo, op }],
  })
  const big = 0x1234500000007n
  const seccomp: Seccomp = {
    defaultAction: "SCMP_ACT_ERRNO",
    architectures: process.arch === "x64" ? x86.slice(0, 1) : arm.slice(0, 1),
    syscalls: [
      rule("read", "SCMP_CMP_NE", big),
      rule("write", "SCMP_CMP_LT", big),
      rule("close", "SCMP_CMP_LE", big),
      rule("fstat", "SCMP_CMP_EQ", big),
      rule("lseek", "SCMP_CMP_GE", big),
      rule("mmap", "SCMP_CMP_GT", big),
      rule("munmap", "SCMP_CMP_MASKED_EQ", 0xff00000000f0n, 0x10),
      {
        names: ["ioctl"],
        action: "SCMP_ACT_ALLOW",
        args: [
          { index: 0, value: 17, op: "SCMP_CMP_EQ" },
          { index: 1, value: 5, op: "SCMP_CMP_GT" },
        ],
      },
    ],
  }
  expect(differences(seccomp, seccomp.architectures!)).toEqual([])
})
