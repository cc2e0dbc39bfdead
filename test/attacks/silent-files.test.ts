import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { Attacker } from "./attacker.ts"
import { processesOf } from "./processes.ts"

let daemon: TestDaemon
beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
})
afterAll(() => daemon[Symbol.asyncDispose]())

const flags = ["--cap-add", "SYS_ADMIN", "--device", "/dev/fuse", "--security-opt", "apparmor=unconfined"]

/** A container that serves a file system at `path` and answers nothing. */
const serving = async (path: string): Promise<Attacker> =>
  await Attacker.start(daemon, path, { program: "silent-files.ts", flags })

const ways: Readonly<Record<string, (name: string) => readonly [path: string, ...command: string[]]>> = {
  "exec with a terminal": (name) => ["/dev/pts", "exec", "-t", name, "true"],
  "exec in a directory": (name) => ["/mnt", "exec", "-w", "/mnt/directory", name, "true"],
  "exec of a program": (name) => ["/mnt", "exec", name, "/mnt/program"],
}

/** Whether a process of Barge's is in a container of the daemon, but not one of its programs yet. */
const isLooking = () => ["/memfd:enter", "/memfd:terminal"].some((program) => processesOf(program, daemon.bridge))

for (const [way, wordsFor] of Object.entries(ways))
  test.skipIf(!existsSync("/dev/fuse"))(
    `a container that never answers for its files holds up nobody else, and is removed: ${way}`,
    async () => {
      await using attacker = await serving(wordsFor("")[0])
      const [, ...command] = wordsFor(attacker.name)
      const held = daemon.docker(...command)
      await eventually(async () => isLooking(), "the process that looks at the file")
      expect((await daemon.docker("run", "--rm", "busybox", "echo", "other")).stdout).toBe("other\n")
      expect((await daemon.docker("rm", "-f", attacker.name)).code).toBe(0)
      expect((await held).code).not.toBe(0)
      await eventually(async () => !isLooking(), "the end of the processes that looked at it")
    },
  )

test.skipIf(!existsSync("/dev/fuse"))("a copy from files that never answer holds up no other copy", async () => {
  await daemon.docker("run", "-d", "--name", "other", "busybox", "sleep", "1000")
  await using attacker = await serving("/mnt")
  const held = [1, 2].map((number) => daemon.docker("cp", `${attacker.name}:/mnt/${number}`, "-"))
  await eventually(async () => threadsThatWait() > 0, "a thread that waits for the files")
  expect((await daemon.docker("cp", "other:/bin/busybox", "-")).code).toBe(0)
  expect((await daemon.docker("rm", "-f", attacker.name)).code).toBe(0)
  for (const answer of held) expect((await answer).code).not.toBe(0)
  expect((await daemon.docker("cp", "other:/bin/busybox", "-")).code).toBe(0)
})

test.skipIf(!existsSync("/dev/fuse"))("an init whose root never answers does not hold up the daemon", async () => {
  await using attacker = await Attacker.start(daemon, "hold", { program: "silent-root.ts", flags })
  expect((await daemon.docker("cp", `${attacker.name}:/bin/busybox`, "-")).code).toBe(0)
  expect((await daemon.docker("exec", attacker.name, "echo", "works")).stdout).toBe("works\n")
})

/** How many of the daemon's threads wait for a file system that a process serves. */
const threadsThatWait = (): number =>
  readdirSync(`/proc/${daemon.pid}/task`).filter((thread) => {
    try {
      return readFileSync(`/proc/${daemon.pid}/task/${thread}/stack`, "latin1").includes("fuse_")
    } catch {
      return false
    }
  }).length
