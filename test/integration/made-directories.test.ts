import { afterAll, beforeAll, expect, test } from "bun:test"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { executable, TestDaemon } from "../fixtures/daemon.ts"

let daemon: TestDaemon
const folder = mkdtempSync(join(tmpdir(), "barge-umask-"))
const run = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.docker("run", "--rm", ...args)
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}\n${daemon.log}`)
  return stdout.trim()
}

/** The daemon is started by somebody who keeps everything to himself. */
beforeAll(async () => {
  const strict = join(folder, "barge")
  writeFileSync(strict, `#!/bin/sh\numask 077\nexec ${executable} "$@"\n`)
  chmodSync(strict, 0o755)
  daemon = await TestDaemon.start([], strict)
  await daemon.bootstrap()
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

test("directories made for mount points can be entered by every user, whatever umask the daemon was started with", async () => {
  expect(await run("-u", "1000", "-v", "v1:/data/a/b", "busybox", "ls", "/data/a/b")).toBe("")
  expect(await run("-u", "1000", "--tmpfs", "/tt/x:mode=1777", "busybox", "stat", "-c", "%a", "/tt", "/tt/x")).toBe(
    "755\n1777",
  )
  expect(
    await run("-u", "1000", "-v", "/etc/hostname:/made/for/file:ro", "busybox", "stat", "-c", "%a", "/made/for"),
  ).toBe("755")
})

test("a working directory that has to be made is as usual", async () => {
  expect(await run("-u", "1000", "-w", "/new/wd", "busybox", "sh", "-c", "pwd; stat -c %a /new /new/wd")).toBe(
    "/new/wd\n755\n755",
  )
})

test("a mount point made in a folder of the host is as usual", async () => {
  const outer = join(folder, "outer")
  mkdirSync(outer)
  chmodSync(outer, 0o755)
  await run("-v", `${outer}:/outer`, "-v", "v1:/outer/made/inner", "busybox", "true")
  expect(statSync(join(outer, "made/inner")).mode & 0o777).toBe(0o755)
})

test("processes themselves begin with the usual umask, execs too", async () => {
  expect(await run("busybox", "sh", "-c", "umask")).toBe("0022")
  await daemon.docker("run", "-d", "--name", "umask", "busybox", "sleep", "1000")
  expect((await daemon.docker("exec", "umask", "sh", "-c", "umask")).stdout.trim()).toBe("0022")
  expect((await daemon.docker("exec", "-w", "/tmp", "-t", "umask", "sh", "-c", "umask")).stdout.trim()).toBe("0022")
  await daemon.docker("rm", "-f", "umask")
})

test("json-file logs can be read by a collector's group, and nothing else looks like one", async () => {
  const made = await daemon.docker(
    ...[
      "run",
      "-d",
      "--name",
      "logged",
      "--log-driver",
      "json-file",
      "--log-opt",
      "max-size=1k",
      "--log-opt",
      "max-file=3",
    ],
    ...["busybox", "sh", "-c", "seq 100"],
  )
  await daemon.docker("wait", "logged")
  const id = made.stdout.trim()
  const files = (
    await daemon.run("sh", "-c", `cd ${daemon.root}/data/containers/${id} && stat -c '%a %n' *-json.log* .*-json.log*`)
  ).stdout
  expect(files.trim().split("\n")).toEqual([`640 ${id}-json.log`, `640 ${id}-json.log.1`, `640 ${id}-json.log.2`])
  await daemon.docker("rm", "-f", "logged")
})
