import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { basename } from "node:path"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"

let daemon: TestDaemon
const out = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.docker(...args)
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}\n${daemon.log}`)
  return stdout.trim()
}

/** The host's programs, for an image that has none but busybox. */
const hostPrograms = ["/usr", "/lib", "/lib64"].flatMap((path) => ["-v", `${path}:${path}:ro`])

/** Starts `command` as PID 1 of a container, which has done what it does at first when it says "ready". */
async function start(name: string, flags: readonly string[], ...command: readonly string[]): Promise<void> {
  await out("run", "-d", "--name", name, ...flags, "busybox", ...command)
  await eventually(async () => (await out("logs", name)).includes("ready"), `${name} is ready`)
}

/** Seconds since the process `pid` began. */
function age(pid: string): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  const started = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]) / 100
  return Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) - started
}

/** Resolves when a container's program has had the time that every program has for its handlers. */
async function settled(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const pid = await out("inspect", "-f", "{{.State.Pid}}", name)
    await eventually(async () => age(pid) > 10, `${name} has settled`)
  }
}

/** The signals that a container was sent, with the reasons that were given. */
async function kills(name: string): Promise<string[]> {
  const now = new Date().toISOString()
  const format = '{{.Actor.Attributes.signal}} {{index .Actor.Attributes "reason"}}'
  const filters = ["--filter", `container=${name}`, "--filter", "event=kill"]
  const text = await out("events", "--since", "0", "--until", now, ...filters, "--format", format)
  return text.split("\n").map((line) => line.trim())
}

const exitCode = (name: string) => out("inspect", "-f", "{{.State.ExitCode}}", name)

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

const python = (lines: string) => ["/usr/bin/python3", "-u", "-c", lines]
const block = "import signal, select, os; s = {signal.SIGTERM}; signal.pthread_sigmask(signal.SIG_BLOCK, s)"

/** Programs that hear SIGTERM, each in another way, and end by it with 0. */
const hearers: Record<string, { readonly flags: readonly string[]; readonly command: readonly string[] }> = {
  handler: { flags: [], command: ["sh", "-c", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done"] },
  // tini says nothing of its own, and passes the signal on.
  init: { flags: ["--init"], command: ["sh", "-c", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done"] },
  sigwait: { flags: hostPrograms, command: python(`${block}; print("ready"); signal.sigwait(s)`) },
  sigtimedwait: {
    flags: hostPrograms,
    command: python(`${block}; print("ready")\nwhile not signal.sigtimedwait(s, 1): pass`),
  },
  "thread-in-sigwait": {
    flags: hostPrograms,
    command: python(
      `${block}; import threading, time\ndef wait():\n  signal.sigwait(s); os._exit(0)\nthreading.Thread(target=wait).start(); print("ready"); time.sleep(1000)`,
    ),
  },
  signalfd: {
    flags: hostPrograms,
    command: python(
      `${block}; import ctypes; libc = ctypes.CDLL(None); mask = ctypes.create_string_buffer((1 << 14).to_bytes(128, "little")); f = libc.signalfd(-1, mask, 0); print("ready"); os.read(f, 128)`,
    ),
  },
  "caught-in-a-poll": {
    flags: hostPrograms,
    command: python(
      `import signal, select, os; r, w = os.pipe(); signal.signal(signal.SIGTERM, lambda *_: os._exit(0)); print("ready"); select.select([r], [], [])`,
    ),
  },
}

// Those inits of the distribution that this host has.
for (const init of ["/usr/bin/tini", "/usr/bin/dumb-init"].filter((path) => existsSync(path))) {
  const command = [init, "--", "sh", "-c", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done"]
  hearers[basename(init)] = { flags: hostPrograms, command }
}

describe("a stop without a grace of anybody's wish", () => {
  test("lets every program end that can hear its signal, however it waits for it", async () => {
    for (const [name, { flags, command }] of Object.entries(hearers)) await start(name, flags, ...command)
    const names = Object.keys(hearers)
    await settled(...names)
    await out("stop", ...names)
    for (const name of names) {
      expect([name, await exitCode(name)]).toEqual([name, "0"])
      expect(await kills(name)).toEqual(["15"])
    }
  })

  test("ends a PID 1 at once that has had its time and is certain not to hear, and says why", async () => {
    await out("run", "-d", "--name", "deaf", "busybox", "sleep", "1000")
    await settled("deaf")
    await out("stop", "deaf")
    expect(await exitCode("deaf")).toBe("137")
    expect(await kills("deaf")).toEqual([
      "15",
      "9 SIGKILL at once: PID 1 of the container has no handler for it, and the kernel never ends PID 1 by default",
    ])
  })

  test("gives a program that has just begun, and one that ignores the signal, the time to end by itself", async () => {
    await start("begun", [], "sh", "-c", "echo ready; sleep 3; exit 4")
    await start("ignores", [], "sh", "-c", "trap '' TERM; echo ready; until [ -e /end ]; do sleep 0.1; done; exit 5")
    await settled("ignores")
    const stopping = out("stop", "begun", "ignores")
    await eventually(async () => (await kills("ignores")).length > 0, "the signal is sent")
    await out("exec", "ignores", "touch", "/end")
    await stopping
    expect([await exitCode("begun"), await exitCode("ignores")]).toEqual(["4", "5"])
  })
})

test("a grace that the client or the container asks for is given to a program that cannot hear the signal", async () => {
  const job = ["sh", "-c", "echo ready; until [ -e /end ]; do sleep 0.1; done; exit 6"]
  await start("for-ever", [], ...job)
  await start("long", [], ...job)
  await start("own", ["--stop-timeout", "1000"], ...job)
  await settled("for-ever", "long", "own")
  const stops = [out("stop", "-t", "-1", "for-ever"), out("stop", "-t", "1000", "long"), out("restart", "own")]
  for (const name of ["for-ever", "long", "own"]) {
    await eventually(async () => (await kills(name)).includes("15"), `${name} is sent the signal`)
    await out("exec", name, "touch", "/end")
  }
  await Promise.all(stops)
  for (const name of ["for-ever", "long"]) expect(await exitCode(name)).toBe("6")
  for (const name of ["for-ever", "long", "own"]) expect(await kills(name)).toEqual(["15"])
})
