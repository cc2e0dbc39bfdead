import { expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { release } from "node:os"
import { detectCgroups, openCgroup } from "../../src/linux/cgroup.ts"
import type { Seccomp } from "../../src/oci/runtime-spec.ts"
import { openDriver } from "../../src/runtime/driver.ts"
import { probeRuntimes } from "../../src/runtime/probe.ts"
import { architectures, nativeArchitecture } from "../../src/runtime/seccomp/architectures.ts"
import { compileSeccomp } from "../../src/runtime/seccomp/compile.ts"
import { defaultProfile } from "../../src/runtime/seccomp/default-profile.ts"
import { SeccompFilters } from "../../src/runtime/seccomp/filter.ts"
import { resolveProfile } from "../../src/runtime/seccomp/profile.ts"
import { runBpf } from "../../src/runtime/seccomp/verdict.ts"
import { noSink, Span } from "../../src/trace/span.ts"
import { Bundles, outputPipe } from "../fixtures/bundle.ts"
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

test("calls newer than the profile answer ENOSYS, unlisted older ones EPERM", () => {
  const program = compileSeccomp(resolveProfile(defaultProfile, { capabilities: [], kernel: release() }))
  const native = architectures.find((one) => one.name === nativeArchitecture)!
  const ask = (number: number) => runBpf(program, { audit: native.audit, number })
  expect(ask(native.syscalls.get("removexattrat")!)).toBe(0x7fff0000)
  expect(ask(native.syscalls.get("removexattrat")! + 1)).toBe(noSuchCall)
  expect(ask(0xffffffff)).toBe(noSuchCall)
  expect(ask(native.syscalls.get("keyctl")!)).toBe(refused)
  expect(runBpf(program, { audit: 0x80000016, number: 0 })).toBe(0)
})

const runtimes = (await probeRuntimes()).all
const host = detectCgroups()

for (const info of runtimes.values())
  test(`${info.name}: the filter binds the container and its execs, and lets ordinary programs work`, async () => {
    using bundles = new Bundles()
    const span = Span.root(noSink, "test", "test")
    const id = `seccomp-${process.pid}`
    const cgroup = openCgroup(host, `/barge-${id}/${info.name}`)
    cgroup.create({})
    const driver = openDriver(info)
    const join = info.cgroupsByUs
      ? ({ kind: "join", files: cgroup.joinFiles } as const)
      : ({ kind: "runtime" } as const)
    try {
      const script =
        "grep Seccomp: /proc/self/status; ls / | head -1; unshare -U true; mount -t tmpfs none /tmp; echo $?"
      const filter = new SeccompFilters().for("default", [], info)
      const bundle = bundles.make(id, ["/bin/sh", "-c", `${script}; exec sleep 1000 >/dev/null 2>&1`], (spec) => {
        if (filter.seccomp) spec.linux.seccomp = filter.seccomp
        if (filter.annotations) spec.annotations = { ...filter.annotations }
        spec.linux.cgroupsPath = cgroup.path
        const all = ["CAP_SYS_ADMIN"]
        spec.process.capabilities = { bounding: all, effective: all, permitted: all, inheritable: [], ambient: [] }
      })
      const expected = [
        "Seccomp:\t2",
        "bin",
        "unshare: unshare(0x10000000): Operation not permitted",
        "mount: permission denied (are you root?)",
        "1",
        "",
      ].join("\n")
      const output = outputPipe()
      const stdio = { stdin: "ignore", stdout: output.write, stderr: output.write } as const
      const request = { id, stateRoot: bundles.stateRoot, cgroup: join, span }
      await driver.run({ ...request, bundle, stdio })
      expect(await output.text()).toBe(expected)
      const processFile = `${bundle}/exec.json`
      const process = { user: { uid: 0, gid: 0 }, args: ["/bin/sh", "-c", script], env: ["PATH=/bin"], cwd: "/" }
      writeFileSync(processFile, JSON.stringify(process))
      const second = outputPipe()
      const execStdio = { stdin: "ignore", stdout: second.write, stderr: second.write } as const
      await driver.exec({ ...request, execId: "e", processFile, stdio: execStdio })
      expect(await second.text()).toBe(expected)
    } finally {
      cgroup.kill()
      await driver.delete({ id, stateRoot: bundles.stateRoot })
      await openCgroup(host, `/barge-${id}`).remove()
    }
  })
