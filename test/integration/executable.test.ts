import { afterAll, beforeAll, expect, test } from "bun:test"
import { cpSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { executable, runProgram, TestDaemon } from "../fixtures/daemon.ts"

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "barge-called-here-"))
})
afterAll(() => rmSync(folder, { recursive: true }))

test("files of the folder where the program is called neither run nor set its environment", async () => {
  writeFileSync(join(folder, "preloaded.ts"), 'console.log("preloaded")\n')
  writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./preloaded.ts"]\n')
  writeFileSync(
    join(folder, ".env"),
    "BARGE_HOST=tcp://from-a-file.invalid:1\nDOCKER_HOST=tcp://from-a-file.invalid:1\n",
  )
  writeFileSync(join(folder, "package.json"), "{ this is no JSON")
  writeFileSync(join(folder, "tsconfig.json"), "{ nor is this")
  const version = await runProgram(executable, ["--version"], { cwd: folder })
  expect(version).toMatchObject({ code: 0, stderr: "" })
  expect(version.stdout).toMatch(/^Barge version \S+, build \w+\n$/)
  const context = await runProgram(
    executable,
    ["context", "inspect", "default", "--format", "{{.Endpoints.docker.Host}}"],
    {
      cwd: folder,
    },
  )
  expect(context).toMatchObject({ code: 0, stdout: "unix:///run/barge/barge.sock\n" })
})

const upgrades: Readonly<Record<string, (path: string) => void>> = {
  "has taken away": (path) => rmSync(path),
  "has replaced": (path) => {
    writeFileSync(`${path}.new`, `#!/bin/sh\necho "$@" >>${path}.called\nexit 1\n`, { mode: 0o755 })
    renameSync(`${path}.new`, path)
  },
}

for (const [upgrade, change] of Object.entries(upgrades))
  test(`a daemon whose executable an upgrade ${upgrade} goes on starting containers, and shims`, async () => {
    const copy = join(folder, "barge")
    cpSync(executable, copy)
    await using daemon = await TestDaemon.start([], copy)
    await daemon.bootstrap()
    change(copy)
    const runs = { code: 0, stdout: "runs\n", stderr: "" }
    // More than there are places made ahead.
    for (let number = 0; number < 12; number++)
      expect(await daemon.docker("run", "--rm", "busybox", "echo", "runs")).toEqual(runs)
    process.kill(Number(/ shim .* PID (\d+)$/m.exec(daemon.log)![1]), "SIGKILL")
    expect(await daemon.docker("run", "--rm", "busybox", "echo", "runs")).toEqual(runs)
    expect(existsSync(`${copy}.called`)).toBe(false)
  })
