import { afterAll, beforeAll, expect, test } from "bun:test"
import { request } from "node:http"
import { TestDaemon } from "../fixtures/daemon.ts"

let daemon: TestDaemon
const out = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.docker(...args)
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}\n${daemon.log}`)
  return stdout.trim()
}

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
  await out("run", "-d", "--name", "execs", "busybox", "sleep", "1000")
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

test("an exec's stream has what a process that it left behind says soon after", async () => {
  const { code, stdout } = await daemon.docker(
    "exec",
    "execs",
    "sh",
    "-c",
    "(sleep 0.05; echo late)& echo main; exit 7",
  )
  expect({ code, stdout }).toEqual({ code: 7, stdout: "main\nlate\n" })
})

test("an exec whose output goes through another process of its own loses nothing", async () => {
  const script = "mkfifo /tmp/f; (while read -r line; do echo got $line; done </tmp/f)& exec seq 200 >/tmp/f"
  const lines = (await out("exec", "execs", "sh", "-c", script)).split("\n")
  expect(lines).toEqual(Array.from({ length: 200 }, (_, index) => `got ${index + 1}`))
})

test("an exec ends though a process that it left behind holds its output open for ever", async () => {
  const { code, stdout } = await daemon.docker("exec", "execs", "sh", "-c", "sleep 500 & echo main; exit 3")
  expect({ code, stdout }).toEqual({ code: 3, stdout: "main\n" })
})

test("a process's stdio shows it no path of the host, and can be opened again by a user who is not root", async () => {
  const script = "for n in 0 1 2; do readlink /proc/self/fd/$n; done; echo again > /proc/self/fd/1"
  for (const [kind, how] of Object.entries({ run: ["run", "--rm"], exec: ["exec"] })) {
    for (const stdin of [[], ["-i"]]) {
      const whom = kind === "run" ? "busybox" : "execs"
      const lines = (await out(...how, ...stdin, "-u", "1000", whom, "sh", "-c", script)).split("\n")
      expect(lines).toEqual([
        stdin.length > 0
          ? expect.stringMatching(/^pipe:\[\d+\]$/)
          : expect.stringMatching(/^\/(dev\/null|null \(deleted\))$/),
        expect.stringMatching(/^pipe:\[\d+\]$/),
        expect.stringMatching(/^pipe:\[\d+\]$/),
        "again",
      ])
    }
  }
})

test("an exec's program finds the terminal in the size that was asked for", async () => {
  // crun sets the size after it has started the program (seen in 1.8.1); runc before.
  await out("run", "-d", "--runtime", "runc", "--name", "sized", "busybox", "sleep", "1000")
  for (let round = 0; round < 10; round++) {
    const made = await daemon.json<{ Id: string }>("POST", "/containers/sized/exec", {
      AttachStdout: true,
      Tty: true,
      Cmd: ["stty", "size"],
    })
    const start = JSON.stringify({ Tty: true, ConsoleSize: [43, 132] })
    const headers = { "Content-Type": "application/json" }
    const answer = await daemon.request("POST", `/exec/${made.body.Id}/start`, start, headers)
    expect(answer.text.trim()).toBe("43 132")
  }
  await out("rm", "-f", "sized")
})

test("a container has exited by the time that its followed log has ended", async () => {
  for (let round = 0; round < 10; round++) {
    const name = `follow-${round}`
    await out("run", "-d", "--name", name, "busybox", "sh", "-c", "echo one; sleep 0.1")
    expect((await daemon.request("GET", `/containers/${name}/logs?stdout=1&follow=1`)).status).toBe(200)
    expect(await out("inspect", "-f", "{{.State.Status}}", name)).toBe("exited")
  }
})

test("a removal by force is answered after followed logs have ended", async () => {
  for (let round = 0; round < 10; round++) {
    const name = `removed-${round}`
    await out("run", "-d", "--name", name, "busybox", "sh", "-c", "echo there; sleep 1000")
    let ended = false
    const followed = Promise.withResolvers<void>()
    const path = `/containers/${name}/logs?stdout=1&follow=1`
    request({ socketPath: daemon.socket, path }, (answer) => {
      answer.once("data", () => followed.resolve())
      answer.once("end", () => {
        ended = true
      })
    }).end()
    await followed.promise
    await daemon.request("DELETE", `/containers/${name}?force=1`)
    expect({ round, ended }).toEqual({ round, ended: true })
  }
})

test("a container whose processes all close the terminal for a moment keeps it, and its log ends with it", async () => {
  const script =
    "echo before; exec </dev/null >/dev/null 2>&1; sleep 0.3; exec >/dev/pts/0; echo after; mkfifo /tmp/go; read line </tmp/go; exit 5"
  await out("run", "-d", "-t", "--name", "terminal", "busybox", "sh", "-c", script)
  await out("exec", "terminal", "sh", "-c", "until [ -p /tmp/go ]; do :; done; echo from exec >/dev/pts/0")
  // Its own exit code depends on whether it ends before the container.
  await out("exec", "-d", "terminal", "sh", "-c", "echo >/tmp/go")
  expect(await out("wait", "terminal")).toBe("5")
  const log = await daemon.request("GET", "/containers/terminal/logs?stdout=1&follow=1")
  expect(log.text.trim().split("\r\n")).toEqual(["before", "after", "from exec"])
})

test("a terminal's log ends with its container though a process left behind has it open", async () => {
  await out(
    "run",
    "-d",
    "-t",
    "--name",
    "left",
    "--pid",
    "host",
    "busybox",
    "sh",
    "-c",
    "echo hello; (trap '' HUP; sleep 2)& sleep 0.2",
  )
  const log = await daemon.request("GET", "/containers/left/logs?stdout=1&follow=1")
  expect(log.text.trim()).toBe("hello")
})
