import { expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { memoryProgram } from "./memory-file.ts"
import { spawn } from "./spawn.ts"
import type { SystemCall } from "./syscall-image.ts"
import { callFailed, syscallProgram } from "./syscall-program.ts"

const O_WRONLY_CREATE = 0o101
const AT_FDCWD = -100

async function run(calls: readonly SystemCall[], command: readonly string[]): Promise<number> {
  using program = memoryProgram("test", syscallProgram(calls, command[0]!, command, { GREETING: "hello" }))
  return await spawn({ command: [program.path], stdin: "ignore", stdout: "ignore", stderr: "ignore", env: {} }).exited
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "calls-"))
  try {
    await work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test("a program makes its system calls in order and becomes its command, with the environment given", () =>
  inFolder(async (folder) => {
    const calls: SystemCall[] = [
      ["openat", AT_FDCWD, join(folder, "first"), O_WRONLY_CREATE, 0o600],
      ["write", 3, "0", 1],
      ["close", 3],
    ]
    expect(await run(calls, ["/bin/sh", "-c", `echo "$GREETING $1" >${folder}/second; exit 7`, "sh", "world"])).toBe(7)
    expect(readFileSync(join(folder, "first"), "utf8")).toBe("0")
    expect(readFileSync(join(folder, "second"), "utf8")).toBe("hello world\n")
  }))

test("a system call that fails ends the program before its command", () =>
  inFolder(async (folder) => {
    const calls: SystemCall[] = [["openat", AT_FDCWD, join(folder, "missing", "file"), O_WRONLY_CREATE, 0o600]]
    expect(await run(calls, ["/bin/sh", "-c", "exit 0"])).toBe(callFailed)
  }))

test("a command that is missing fails like a system call", async () => {
  expect(await run([], ["/nonexistent"])).toBe(callFailed)
})

test("a program in memory cannot be changed", () => {
  using program = memoryProgram("sealed", Buffer.from("#!/bin/true\n"))
  expect(() => Bun.spawnSync(["sh", "-c", `echo x >${program.path}`]).exitCode).not.toThrow()
  expect(readFileSync(program.path, "utf8")).toBe("#!/bin/true\n")
})

test("programs are made for x86_64 and arm64 only", () => {
  for (const architecture of ["x64", "arm64"]) {
    const image = syscallProgram([["umask", 0]], "/bin/true", ["true"], {}, architecture)
    expect(image.subarray(0, 4).toString("latin1")).toBe("\x7fELF")
  }
  expect(() => syscallProgram([], "/bin/true", ["true"], {}, "riscv64")).toThrow("no programs for riscv64")
})
