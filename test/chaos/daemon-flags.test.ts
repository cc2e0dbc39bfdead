import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { executable, runProgram, TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { RawClient } from "../fixtures/raw-client.ts"

let folder: string
let file: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "flags-"))
  file = join(folder, "daemon.json")
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What the daemon says to a command line that it does not start with. */
async function said(text: string, ...args: string[]) {
  writeFileSync(file, text)
  const { code, stdout, stderr } = await runProgram(executable, ["daemon", "--config-file", file, ...args])
  return { code, stdout, stderr: stderr.trim() }
}

test("a configuration is checked in dockerd's words, without a start", async () => {
  const wrong = (why: string) => ({
    code: 1,
    stdout: "",
    stderr: `unable to configure the Barge daemon with file ${file}: ${why}`,
  })
  expect(await said('{"debug":true,"labels":["a=b"]}', "--validate")).toEqual({
    code: 0,
    stdout: "",
    stderr: "configuration OK",
  })
  expect(await said("", "--validate")).toMatchObject({ code: 0 })
  expect(await said('{"nope":1,"debug":true,"neither":2}', "--validate")).toEqual(
    wrong("the following directives don't match any configuration option: nope, neither"),
  )
  expect(await said('{"debug":false,"labels":["a=b","c=d"]}', "--validate", "--debug", "--label", "e=f")).toEqual(
    wrong(
      "the following directives are specified both as a flag and in the configuration file: debug: (from flag: true, from file: false), labels: (from flag: [e=f], from file: [a=b c=d])",
    ),
  )
  expect(await said("{nope}", "--validate")).toEqual(
    wrong("invalid character 'n' looking for beginning of object key string"),
  )
  expect((await said('{"debug":"yes"}', "--validate")).code).toBe(1)
  expect((await said('{"hosts":7}', "--validate")).code).toBe(1)
  rmSync(file)
  const absent = await runProgram(executable, ["daemon", "--config-file", file])
  expect(absent).toMatchObject({ code: 1 })
  expect(absent.stderr).toContain(
    `unable to configure the Barge daemon with file ${file}: open ${file}: no such file or directory`,
  )
})

test("flags that do not exist or make no sense are refused, and the way to the help is shown", async () => {
  const see = "\nSee 'barge daemon --help'."
  expect(await said("{}", "--nope")).toEqual({ code: 1, stdout: "", stderr: `unknown flag: --nope${see}` })
  expect(await said("{}", "--data-root")).toEqual({
    code: 1,
    stdout: "",
    stderr: `flag needs an argument: --data-root${see}`,
  })
  expect((await said("{}", "--debug=perhaps")).stderr).toContain('strconv.ParseBool: parsing "perhaps": invalid syntax')
  expect((await said("{}", "--mtu", "big")).stderr).toContain('invalid argument "big" for "--mtu" flag')
  expect((await said("{}", "start")).stderr).toContain('"barge daemon" accepts no arguments.')
  expect((await said("{}", "--log-level", "loud", "--validate")).stderr).toContain(
    "unable to parse logging level: loud",
  )
  expect((await said("{}", "--help")).stdout).toContain("--tlsverify")
})

test("one letter and a value may be joined with or without a sign", async () => {
  expect(await said("{}", "-H=unix:///x.sock", "-l=debug", "--validate")).toMatchObject({ code: 0 })
  expect((await said("{}", "-l=loud", "--validate")).stderr).toContain("unable to parse logging level: loud (")
  expect((await said("{}", "-lloud", "--validate")).stderr).toContain("unable to parse logging level: loud (")
  await using daemon = await TestDaemon.start()
  const second = ["--data-root", `${folder}/data`, "--exec-root", `${folder}/run`, "-p", daemon.pidfile]
  expect((await said("{}", ...second, `-H=unix://${daemon.socket}`)).stderr).toContain("another one runs, with PID")
})

test("a proxy in the flags and in the file is a contradiction, which is told without its password", async () => {
  const { stderr } = await said(
    '{"proxies":{"http-proxy":"http://me:secret@one:1","no-proxy":"x"}}',
    "--validate",
    "--http-proxy",
    "http://two:2",
  )
  expect(stderr).toContain("http-proxy: (from flag: http://two:2, from file: http://xxxxx:xxxxx@one:1)")
  expect(stderr).not.toContain("no-proxy")
})

test("help shows defaults, fits a terminal, and lists no flag that is refused", async () => {
  const { code, stdout } = await said("{}", "-h")
  expect(code).toBe(0)
  expect(stdout).toStartWith("Usage:  barge daemon [OPTIONS]\n")
  expect(stdout).toContain("(default /var/lib/barge)")
  expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([])
  for (const flag of ["--rootless", "--userns-remap", "--authorization-plugin"]) {
    expect(stdout).not.toContain(flag)
    const refused = await said("{}", ...(flag === "--rootless" ? [flag] : [flag, "x"]), "--validate")
    expect(refused.stderr).toStartWith(`${flag} is not supported: `)
  }
})

test("called as dockerd it is the daemon, called as docker the command line", async () => {
  for (const name of ["dockerd", "docker"]) symlinkSync(executable, join(folder, name))
  expect((await runProgram(join(folder, "dockerd"), ["--version"])).stdout).toMatch(/^Docker version \S+, build \S+\n$/)
  expect((await runProgram(join(folder, "dockerd"), ["--help"])).stdout).toContain("Usage:  dockerd [OPTIONS]")
  expect((await runProgram(join(folder, "docker"), ["--version"])).stdout).toMatch(/^Docker version \S+, build \S+\n$/)
  expect((await runProgram(join(folder, "docker"), ["--help"])).stdout).toContain("docker")
  expect((await runProgram(executable, ["daemon", "--version"])).stdout).toMatch(/^Barge version /)
})

test("a PID file that a crash left is taken over, and goes with the daemon", async () => {
  await using daemon = await TestDaemon.start()
  const path = `${daemon.root}/daemon.pid`
  expect(Number(readFileSync(path, "utf8"))).toBe(daemon.pid)
  await daemon.end("SIGKILL")
  expect(existsSync(path)).toBe(true)
  for (const stale of [readFileSync(path, "utf8"), String(process.pid), "no number", ""]) {
    writeFileSync(path, stale)
    await daemon.startAgain()
    expect(Number(readFileSync(path, "utf8"))).toBe(daemon.pid)
    await daemon.end("SIGTERM")
    expect(existsSync(path)).toBe(false)
  }
  await daemon.startAgain()
})

test("SIGHUP reads the configuration again and says so; one that is wrong leaves the old one in force", async () => {
  await using daemon = await TestDaemon.start()
  const info = async () =>
    (await daemon.json<{ Labels: string[]; Debug: boolean; ExperimentalBuild: boolean }>("GET", "/info")).body
  const config = `${daemon.root}/daemon.json`
  const reload = async (text: string, expected: string) => {
    const said = () => daemon.log.split(expected).length
    const before = said()
    writeFileSync(config, text)
    process.kill(daemon.pid, "SIGHUP")
    while (said() === before) await pause(10)
  }
  await reload('{"labels":["color=red"],"debug":true}', "the configuration was read again")
  expect(await info()).toMatchObject({ Labels: ["color=red"], Debug: true })
  await reload('{"labels":["color=blue"],"nope":true}', "the configuration could not be read again: the old one stays")
  expect(await info()).toMatchObject({ Labels: ["color=red"], Debug: true })
  await reload("{}", "the configuration was read again")
  expect(await info()).toMatchObject({ Labels: [], Debug: false })
  // What only a start changes is not told as if it were in force.
  await reload('{"experimental":true}', "the configuration was read again")
  expect(await info()).toMatchObject({ ExperimentalBuild: false })
  const events = await daemon.get(
    `/events?since=0&until=${Math.ceil(Date.now() / 1000) + 1}&filters=${encodeURIComponent('{"type":["daemon"]}')}`,
  )
  expect(events.text.match(/"Action":"reload"/g)).toHaveLength(3)
})

test("proxies that SIGHUP brings are those that pulls use and info tells, until the next one takes them away", async () => {
  await using daemon = await TestDaemon.start()
  const asked: string[] = []
  const proxy = createServer((socket) => {
    socket.on("error", () => {})
    socket.once("data", (bytes) => {
      asked.push(bytes.toString().split("\r\n", 1)[0]!)
      socket.end("HTTP/1.1 403 Forbidden\r\n\r\n")
    })
  })
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve))
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const reload = async (settings: object) => {
    const said = () => daemon.log.split("the configuration was read again").length
    const before = said()
    writeFileSync(`${daemon.root}/daemon.json`, JSON.stringify(settings))
    process.kill(daemon.pid, "SIGHUP")
    await eventually(async () => said() > before, "the configuration was read again")
    await daemon.request("POST", "/images/create?fromImage=registry.invalid/x&tag=1")
    return (await daemon.json<{ HttpsProxy: string }>("GET", "/info")).body.HttpsProxy
  }
  expect(await reload({ proxies: { "https-proxy": address } })).toBe(address)
  expect(new Set(asked)).toEqual(new Set(["CONNECT registry.invalid:443 HTTP/1.1"]))
  asked.length = 0
  expect(await reload({ proxies: { "https-proxy": address, "no-proxy": "registry.invalid" } })).toBe(address)
  expect(asked).toEqual([])
  proxy.close()
})

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} ends the daemon in good order: answers under way are finished, containers run on`, async () => {
    await using daemon = await TestDaemon.start()
    await daemon.bootstrap()
    await daemon.docker("run", "-d", "--name", "runs", "busybox", "sleep", "1000")
    const pid = (await daemon.docker("inspect", "-f", "{{.State.Pid}}", "runs")).stdout
    const events = new RawClient(daemon.socket)
    await events.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    await events.until(/\r\n\r\n/)
    const idle = new RawClient(daemon.socket)
    await idle.send("GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
    await idle.until(/OK$/)
    const stopping = daemon.request("POST", "/containers/runs/restart?t=0")
    await events.until(/"Action":"kill"/)
    const ended = daemon.end(signal)
    const { status } = await stopping
    expect(status).toBe(204)
    await ended
    await Promise.all([events.untilEnd(), idle.untilEnd()])
    expect(existsSync(daemon.socket)).toBe(false)
    await daemon.startAgain()
    const after = await daemon.docker("inspect", "-f", "{{.State.Running}} {{.State.Pid}}", "runs")
    expect(after.stdout).toStartWith("true ")
    expect(after.stdout).not.toContain(` ${pid.trim()}\n`)
  })
}
