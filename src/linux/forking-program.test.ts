import { expect, test } from "bun:test"
import { closeSync, readFileSync } from "node:fs"
import { pipe } from "./descriptor.ts"
import { type Fork, forkingProgram, report } from "./forking-program.ts"
import { memoryProgram } from "./memory-file.ts"
import { spawn } from "./spawn.ts"
import type { Step } from "./syscall-program.ts"

const SIGCHLD = 17
const CLONE_PIDFD = 0x1000
const CLONE_VFORK = 0x4000
const P_PIDFD = 3
const WEXITED = 4

/** Runs a program that forks; descriptor 3 of all its processes is the pipe that they report to. */
async function run(steps: readonly (Step | Fork)[], failed?: readonly Step[]) {
  const [reader, writer] = pipe()
  try {
    const program = forkingProgram({ steps, ...(failed ? { failed } : {}) })
    using file = memoryProgram("test", program.image)
    const stdio = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const
    const exitCode = await spawn({ command: [file.path], ...stdio, more: [writer], env: {} }).exited
    closeSync(writer)
    const bytes = readFileSync(reader)
    const reports = Array.from({ length: bytes.length / report.size }, (_, index) =>
      program.read(bytes.subarray(index * report.size)),
    )
    return { exitCode, reports }
  } finally {
    closeSync(reader)
  }
}

const tell: Step = ["write", 3, report.address, report.size]
const become = (path: string): Step => ["execve", path, ["name"], []]
/** A child that is waited for by its pidfd, which becomes descriptor 4. */
const waitedFor = (child: Fork["child"]): readonly (Step | Fork)[] => [
  { flags: CLONE_PIDFD | SIGCHLD, child },
  ["waitid", P_PIDFD, 4, report.info, WEXITED, 0],
]

test("a process begins another one, waits for it and reports its exit code", async () => {
  const { exitCode, reports } = await run([...waitedFor({ steps: [["exit_group", 7]] }), tell, ["exit_group", 9]])
  expect(exitCode).toBe(9)
  expect(reports).toEqual([{ text: "", ended: { code: 7 } }])
})

test("a process may be begun by one that was begun, and every one has memory of its own", async () => {
  const note: readonly Step[] = [
    ["openat", -100, "/proc/self/comm", 0, 0],
    ["read", 4, report.text, report.textSize],
  ]
  const grandchild: Fork = { flags: CLONE_VFORK | SIGCHLD, child: { steps: [...note, tell, ["exit_group", 1]] } }
  const { reports } = await run([...waitedFor({ steps: [grandchild, ["exit_group", 3]] }), tell, ["exit_group", 0]])
  expect(reports).toEqual([{ text: expect.stringMatching(/^\d+\n$/) }, { text: "", ended: { code: 3 } }])
})

test("attempts may fail, and the process goes on with its next call", async () => {
  const attempts = ["/nowhere/true", "/etc/passwd"].map((path): Step => ({ attempt: become(path) as never }))
  expect(await run([...attempts, become("/bin/true")])).toEqual({ exitCode: 0, reports: [] })
})

test("a call that fails ends its process with errno, or leads to the calls that are made then", async () => {
  expect(await run([["chdir", "/nowhere"], become("/bin/true")])).toEqual({ exitCode: 2, reports: [] })
  expect(await run([...waitedFor({ steps: [become("/etc/passwd")] }), tell, ["exit_group", 0]])).toMatchObject({
    reports: [{ ended: { code: 13 } }],
  })
  const told = await run([["chdir", "/nowhere"], become("/bin/true")], [tell, ["exit_group", 5]])
  expect(told).toEqual({ exitCode: 5, reports: [{ failed: { call: "chdir", errno: 2 }, text: "" }] })
})

test("programs of several processes are made for x86_64 and arm64 only", () => {
  for (const architecture of ["x64", "arm64"])
    expect(
      forkingProgram({ steps: [tell] }, architecture)
        .image.subarray(0, 4)
        .toString("latin1"),
    ).toBe("\x7fELF")
  expect(() => forkingProgram({ steps: [tell] }, "riscv64")).toThrow("no programs for riscv64")
})
