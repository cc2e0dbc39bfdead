import { expect, test } from "bun:test"
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { libc, types } from "./libc.ts"
import { capture, spawn } from "./spawn.ts"

const c = libc({ pipe2: { args: [types.ptr, types.i32], returns: types.i32 } })

test("a child has exactly the three descriptors it was given, even when others lack O_CLOEXEC", async () => {
  const directory = mkdtempSync(join(tmpdir(), "spawn-"))
  const pair = new Int32Array(2)
  expect(c.pipe2(pair, 0)).toBe(0)
  const output = openSync(join(directory, "out"), "w")
  try {
    const child = spawn({
      command: ["/bin/sh", "-c", "echo /proc/$$/fd/*; echo $0 $PATH $(pwd)", "word"],
      stdin: "ignore",
      stdout: output,
      stderr: "ignore",
      env: { PATH: "/usr/bin:/bin" },
    })
    expect(await child.exited).toBe(0)
    const [descriptors, rest] = readFileSync(join(directory, "out"), "utf8").split("\n")
    expect(descriptors!.split(" ").map((path) => path.split("/").at(-1))).not.toContain(String(pair[0]))
    expect(descriptors!.split(" ").map((path) => path.split("/").at(-1))).not.toContain(String(pair[1]))
    expect(rest).toBe("word /usr/bin:/bin /")
  } finally {
    closeSync(output)
    closeSync(pair[0]!)
    closeSync(pair[1]!)
    rmSync(directory, { recursive: true })
  }
})

test("the exit code is the program's, or 128 and the signal that killed it", async () => {
  const run = (script: string) =>
    spawn({ command: ["/bin/sh", "-c", script], stdin: "ignore", stdout: "ignore", stderr: "ignore", env: {} }).exited
  expect(await run("exit 7")).toBe(7)
  expect(await run("kill -9 $$")).toBe(137)
})

test("a program that does not exist is an error with a code", () => {
  expect(() =>
    spawn({ command: ["/no/such/program"], stdin: "ignore", stdout: "ignore", stderr: "ignore", env: {} }),
  ).toThrow("ENOENT")
})

test("a child ignores and blocks no signal, whatever this process does", async () => {
  const ours = readFileSync("/proc/self/status", "utf8")
  expect(ours).toMatch(/SigIgn:\s+0*[1-9a-f]/)
  const child = await capture({ command: ["/bin/cat", "/proc/self/status"], env: {} })
  expect(child.output).toMatch(/SigBlk:\s+0+\nSigIgn:\s+0+\n/)
})
