import { expect, test } from "bun:test"
import { connect } from "node:net"
import { setTimeout as pause } from "node:timers/promises"
import { executable, runProgram, TestDaemon } from "../fixtures/daemon.ts"

/** Connects and reads to the end. */
const read = (port: number): Promise<string> =>
  new Promise((done, failed) => {
    let text = ""
    const socket = connect(port, "127.0.0.1")
    socket.on("data", (chunk) => {
      text += chunk
    })
    socket.on("end", () => done(text))
    socket.on("error", failed)
  })

async function serve(daemon: TestDaemon, word: string): Promise<number> {
  const ran = await daemon.docker(
    "run",
    "-d",
    "--name",
    "server",
    "-p",
    "127.0.0.1::80",
    "busybox",
    "nc",
    "-ll",
    "-p",
    "80",
    "-e",
    "echo",
    word,
  )
  expect(ran).toMatchObject({ code: 0 })
  return Number((await daemon.docker("port", "server", "80")).stdout.trim().split(":")[1])
}

async function answers(port: number, word: string): Promise<void> {
  for (;;) {
    const text = await read(port).catch(() => "")
    if (text.trim() === word) return
    await pause(20)
  }
}

test("daemons side by side share nothing: same names, own addresses, and the restart or end of one is nothing to the other", async () => {
  await using first = await TestDaemon.start()
  await using second = await TestDaemon.start()
  await Promise.all([first.bootstrap(), second.bootstrap()])
  const [one, other] = [await serve(first, "first"), await serve(second, "second")]
  expect(one).not.toBe(other)
  await answers(one, "first")
  await answers(other, "second")
  for (const daemon of [first, second]) {
    const names = (await daemon.docker("ps", "--format", "{{.Names}}")).stdout.trim()
    expect(names).toBe("server")
  }
  const pid = (await second.docker("inspect", "-f", "{{.State.Pid}} {{.State.StartedAt}}", "server")).stdout
  await first.end("SIGKILL")
  await answers(one, "first")
  await answers(other, "second")
  await first.startAgain()
  await first.docker("rm", "-f", "server")
  await first.docker("system", "prune", "-af", "--volumes")
  await answers(other, "second")
  expect((await second.docker("inspect", "-f", "{{.State.Pid}} {{.State.StartedAt}}", "server")).stdout).toBe(pid)
  expect((await second.docker("images", "-q")).stdout.trim()).not.toBe("")
  await first.end("SIGTERM")
  await answers(other, "second")
  expect((await second.docker("exec", "server", "echo", "alive")).stdout).toBe("alive\n")
  await first.startAgain()
})

/** Starts a second daemon that must refuse, with the flags of `daemon` changed by `own`. */
async function refused(daemon: TestDaemon, own: Readonly<Record<string, string>>): Promise<string> {
  const flags: Record<string, string> = {
    "--data-root": `${daemon.root}/data2`,
    "--exec-root": `${daemon.root}/run2`,
    "--pidfile": `${daemon.root}/second.pid`,
    "-H": `unix://${daemon.root}/second.sock`,
    "--config-file": `${daemon.root}/daemon.json`,
    "--bridge": "none",
    ...own,
  }
  const { code, stdout, stderr } = await runProgram(executable, ["daemon", ...Object.entries(flags).flat()])
  expect(code).toBe(1)
  return stdout + stderr
}

test("a daemon refuses what another one holds, says what and what to do, and harms nothing", async () => {
  await using daemon = await TestDaemon.start()
  await daemon.bootstrap()
  await daemon.docker("run", "-d", "--name", "runs", "busybox", "sleep", "1000")
  expect(await refused(daemon, { "--data-root": `${daemon.root}/data` })).toMatch(/another daemon|in use/i)
  expect(await refused(daemon, { "--exec-root": `${daemon.root}/run` })).toMatch(/another daemon|in use/i)
  expect(await refused(daemon, { "--pidfile": `${daemon.root}/daemon.pid` })).toContain("--pidfile of its own")
  expect(await refused(daemon, { "-H": `unix://${daemon.socket}` })).toContain("another daemon listens on")
  expect(await refused(daemon, { "--bridge": daemon.bridge })).toMatch(/another daemon|in use|belongs/i)
  expect((await daemon.docker("exec", "runs", "echo", "alive")).stdout).toBe("alive\n")
  expect((await daemon.get("/_ping")).status).toBe(200)
  await daemon.end("SIGKILL")
  await daemon.startAgain()
  expect((await daemon.docker("exec", "runs", "echo", "alive")).stdout).toBe("alive\n")
})
