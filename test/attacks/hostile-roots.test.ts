import { afterAll, beforeAll, expect, test } from "bun:test"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"

let daemon: TestDaemon
beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
})
afterAll(() => daemon[Symbol.asyncDispose]())

/** Starts a container whose init runs a script that prints `ready` when it has done its worst, and waits for that. */
async function hostile(name: string, script: string, ...flags: readonly string[]): Promise<void> {
  await daemon.docker("run", "-d", "--name", name, ...flags, "busybox", "sh", "-c", script)
  await eventually(async () => (await daemon.docker("logs", name)).stdout.includes("ready"), `${name} to be ready`)
}

test("an init that changed its root changes nothing of what an exec sees, with a terminal or without", async () => {
  await hostile(
    "chrooted",
    "mkdir -p /jail/bin; cp /bin/busybox /jail/bin/; ln -s busybox /jail/bin/sh; ln -s busybox /jail/bin/sleep; exec chroot /jail sh -c 'echo ready; sleep 1000'",
  )
  for (const terminal of [[], ["-t"]])
    expect((await daemon.docker("exec", ...terminal, "chrooted", "ls", "-d", "/jail")).stdout.trim()).toBe("/jail")
  expect((await daemon.docker("exec", "-t", "chrooted", "tty")).stdout.trim()).toMatch(/^\/dev\/pts\/\d+$/)
})

test("what lies in the place of /dev/pts/ptmx is not taken for a terminal, and holds nothing up", async () => {
  const places = {
    pipe: "mkfifo /new/ptmx",
    file: "echo >/new/ptmx",
    "null device": "mknod /new/ptmx c 1 3",
    "link to init": "ln -s /proc/1/fd/1 /new/ptmx",
    "link to itself": "ln -s ptmx /new/ptmx",
    nothing: "true",
  }
  for (const [what, make] of Object.entries(places)) {
    const name = what.replaceAll(" ", "-")
    const flags = ["--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined"]
    await hostile(name, `mkdir /new; ${make}; mount --bind /new /dev/pts; echo ready; sleep 1000`, ...flags)
    const outcome = await daemon.docker("exec", "-t", name, "true")
    expect([what, outcome.code, outcome.stdout]).toEqual([what, 126, expect.stringContaining("has no devpts")])
    expect((await daemon.docker("exec", name, "echo", "works")).stdout).toBe("works\n")
  }
})
