import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { executable, runProgram, TestDaemon } from "../fixtures/daemon.ts"

describe("a daemon at the other end of ssh", () => {
  let daemon: TestDaemon
  beforeAll(async () => {
    daemon = await TestDaemon.start()
    await daemon.bootstrap()
    mkdirSync(`${daemon.root}/bin`)
    mkdirSync(`${daemon.root}/only`)
    symlinkSync(executable, `${daemon.root}/bin/docker`)
    symlinkSync(executable, `${daemon.root}/only/barge`)
    // Stands in for ssh: notes what it was called with, and runs the command here, as a shell's line.
    writeFileSync(
      `${daemon.root}/bin/ssh`,
      `#!/bin/sh
echo "$@" > ${daemon.root}/called
case "$*" in *nowhere*) echo "no route" >&2; exit 255;; esac
while [ "$1" != -- ]; do shift; done
shift
case "$1" in barge-only) PATH=${daemon.root}/only;; esac
shift
export DOCKER_HOST=unix://${daemon.socket}
exec /bin/sh -c "$*"
`,
    )
    chmodSync(`${daemon.root}/bin/ssh`, 0o755)
  })
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]()
  })

  const over = (program: string, host: string, args: readonly string[], input?: string) =>
    runProgram(program, ["-H", host, ...args], {
      env: { PATH: `${daemon.root}/bin:${process.env["PATH"]}`, HOME: daemon.root },
      ...(input === undefined ? {} : { input }),
    })

  test("runs containers, with input and output of any size", async () => {
    const input = "x".repeat(2_000_000)
    const { code, stdout } = await over(executable, "ssh://me@far:2222", ["run", "--rm", "-i", "busybox", "cat"], input)
    expect({ code, length: stdout.length }).toEqual({ code: 0, length: input.length })
    expect(readFileSync(`${daemon.root}/called`, "utf8")).toBe(
      "-o ConnectTimeout=30 -T -l me -p 2222 -- far docker system dial-stdio || barge system dial-stdio\n",
    )
  })

  test("reaches a machine that has Barge and no program called docker", async () => {
    const { code, stdout } = await over(executable, "ssh://barge-only", ["run", "--rm", "busybox", "echo", "hello"])
    expect({ code, stdout }).toEqual({ code: 0, stdout: "hello\n" })
  })

  test("serves docker's own client: `system dial-stdio`", async () => {
    const docker = (await runProgram("sh", ["-c", "command -v docker"])).stdout.trim()
    const { code, stdout } = await over(docker, "ssh://far", ["run", "--rm", "busybox", "echo", "hello"])
    expect({ code, stdout }).toEqual({ code: 0, stdout: "hello\n" })
  })

  test("tells what ssh said when it fails", async () => {
    const { code, stderr } = await over(executable, "ssh://nowhere", ["ps"])
    expect(code).toBe(1)
    expect(stderr).toContain("error during connect: ssh://nowhere")
    expect(stderr).toContain("stderr=no route")
  })

  test("refuses addresses with a password or a path", async () => {
    for (const [host, why] of [
      ["ssh://me:secret@far", "plain-text password is not supported"],
      ["ssh://far/path", 'extra path after the host: "/path"'],
    ]) {
      const { code, stderr } = await over(executable, host!, ["ps"])
      expect(code).toBe(1)
      expect(stderr).toContain(`invalid SSH URL: ${why}`)
    }
  })
})
