import { afterAll, beforeAll, expect, test } from "bun:test"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"

let daemon: TestDaemon
const out = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.docker(...args)
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}\n${daemon.log}`)
  return stdout.trim()
}
const post = (path: string, body?: unknown) => daemon.json<{ Id: string; message: string }>("POST", path, body)
const inspect = (name: string, format: string) => out("inspect", "-f", format, name)
const status = (name: string) => inspect(name, "{{.State.Status}}")
const becomes = (name: string, format: string, wanted: string) =>
  eventually(async () => (await inspect(name, format)) === wanted, `${name}: ${format} is ${wanted}`)

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

test("update keeps what it does not name, and takes limits away", async () => {
  await out(
    "run",
    "-d",
    "--name",
    "limits",
    "-m",
    "300M",
    "--cpu-shares",
    "800",
    "--pids-limit",
    "32",
    "busybox",
    "top",
  )
  await out("update", "-m", "500M", "limits")
  expect(await inspect("limits", "{{.HostConfig.Memory}} {{.HostConfig.CpuShares}} {{.HostConfig.PidsLimit}}")).toBe(
    "524288000 800 32",
  )
  for (const PidsLimit of [0, -1]) {
    await post("/containers/limits/update", { PidsLimit: 16 })
    await post("/containers/limits/update", { PidsLimit })
    expect(await inspect("limits", "{{.HostConfig.PidsLimit}}")).toBe("0")
    expect(
      await out(
        "exec",
        "limits",
        "sh",
        "-c",
        "cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null || true",
      ),
    ).toBe("max")
  }
  await post("/containers/limits/update", {
    CpuShares: 700,
    CgroupParent: "/elsewhere",
    Ulimits: [{ Name: "core", Soft: 1, Hard: 1 }],
  })
  expect(
    await inspect("limits", "{{.HostConfig.CpuShares}} {{.HostConfig.CgroupParent}} {{.HostConfig.Ulimits}}"),
  ).toBe("700  []")
  await post("/v1.24/containers/limits/update", { PidsLimit: 7 })
  expect(await inspect("limits", "{{.HostConfig.PidsLimit}}")).toBe("0")
  await out("rm", "-f", "limits")
})

test("what has names is shown by name, in whatever order it was said", async () => {
  await out("network", "create", "later")
  await out("network", "create", "earlier")
  await post("/containers/create?name=order", {
    Image: "busybox",
    Labels: { zebra: "1", ant: "2" },
    ExposedPorts: { "9000/tcp": {}, "100/tcp": {} },
    Volumes: { "/second": {}, "/first": {} },
    HostConfig: { Sysctls: { "net.ipv4.ip_forward": "1", "net.core.somaxconn": "5" }, NetworkMode: "later" },
  })
  await out("network", "connect", "earlier", "order")
  const { body } = await daemon.json<{
    Config: { Labels: object; ExposedPorts: object; Volumes: object }
    HostConfig: { Sysctls: object }
    NetworkSettings: { Networks: object }
  }>("GET", "/containers/order/json")
  const { Labels, ExposedPorts, Volumes } = body.Config
  const maps = [Labels, ExposedPorts, Volumes, body.HostConfig.Sysctls, body.NetworkSettings.Networks]
  expect(maps.map((map) => Object.keys(map))).toEqual([
    ["ant", "zebra"],
    ["100/tcp", "9000/tcp"],
    ["/first", "/second"],
    ["net.core.somaxconn", "net.ipv4.ip_forward"],
    ["earlier", "later"],
  ])
  await out("rm", "-v", "order")
  await out("network", "rm", "later", "earlier")
})

test("an update that contradicts what is set changes nothing", async () => {
  const id = await out("run", "-d", "--name", "share", "--cpus", "0.5", "-m", "300M", "busybox", "top")
  const refused = async (body: object) => {
    const answer = await post("/containers/share/update", body)
    return `${answer.status} ${answer.body.message}`
  }
  const cannot = `409 Cannot update container ${id}: `
  expect(await refused({ CpuQuota: 80000 })).toBe(
    `${cannot}Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set`,
  )
  expect(await refused({ Memory: 800 * 1024 * 1024 })).toBe(
    `${cannot}Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time`,
  )
  expect(await refused({ Memory: 1 })).toBe("400 Minimum memory limit allowed is 6MB")
  expect(await inspect("share", "{{.HostConfig.Memory}} {{.HostConfig.CpuQuota}}")).toBe("314572800 0")
  await out("rm", "-f", "share")
})

test("a restart policy cannot be given to what is removed at its end", async () => {
  const id = await out("run", "-d", "--rm", "--name", "brief", "busybox", "top")
  const answer = await post("/containers/brief/update", { RestartPolicy: { Name: "always" } })
  expect([answer.status, answer.body.message]).toEqual([
    409,
    `Cannot update container ${id}: Restart policy cannot be updated because AutoRemove is enabled for the container`,
  ])
  await out("rm", "-f", "brief")
})

test("a container with --rm survives restarts and goes when it is stopped or killed", async () => {
  for (const end of [["kill"], ["stop", "-t", "0"]]) {
    await out("run", "-d", "--rm", "--name", "again", "busybox", "top")
    await out("restart", "-t", "0", "again")
    expect(await status("again")).toBe("running")
    await out(...end, "again")
    await eventually(async () => (await daemon.docker("inspect", "again")).code !== 0, "it is removed")
  }
})

test("an exec that never ran goes with the run; one that did keeps its exit code until the next", async () => {
  await out("run", "-d", "--name", "runs", "busybox", "top")
  const make = async () => (await post("/containers/runs/exec", { Cmd: ["sh", "-c", "exit 3"] })).body.Id
  const [never, did] = [await make(), await make()]
  expect((await post(`/exec/${did}/start`, { Detach: true })).status).toBe(200)
  await eventually(async () => (await daemon.get(`/exec/${did}/json`)).text.includes('"ExitCode":3'), "the exec ended")
  expect((await post(`/exec/${did}/start`, { Detach: true })).body.message).toBe(
    `Error: Exec command ${did} has already run`,
  )
  await out("stop", "-t", "0", "runs")
  expect((await post(`/exec/${never}/start`, { Detach: true })).status).toBe(404)
  expect((await daemon.get(`/exec/${did}/json`)).status).toBe(200)
  await out("start", "runs")
  expect((await daemon.get(`/exec/${did}/json`)).status).toBe(404)
  const none = await post("/containers/runs/exec", { Cmd: [] })
  expect([none.status, none.body.message]).toEqual([400, "No exec command specified"])
  await out("rm", "-f", "runs")
})

test("a signal that is not the stop signal leaves the restart policy in force", async () => {
  const sleeper = "trap 'exit 7' TERM; echo trapped; while :; do sleep 0.05; done"
  await out(
    "run",
    "-d",
    "--name",
    "same",
    "--restart",
    "always",
    "--stop-signal",
    "TERM",
    "busybox",
    "sh",
    "-c",
    sleeper,
  )
  await out(
    "run",
    "-d",
    "--name",
    "other",
    "--restart",
    "always",
    "--stop-signal",
    "CONT",
    "busybox",
    "sh",
    "-c",
    sleeper,
  )
  await eventually(async () => (await out("logs", "same")) === "trapped", "its trap is set")
  await eventually(async () => (await out("logs", "other")) === "trapped", "its trap is set")
  await out("kill", "-s", "TERM", "same")
  await out("kill", "-s", "TERM", "other")
  await becomes("same", "{{.State.Status}}", "exited")
  await becomes("other", "{{.RestartCount}} {{.State.Status}}", "1 running")
  await out("rm", "-f", "same", "other")
})

test("as many restarts as the policy says when its number is changed meanwhile", async () => {
  const failing = "until [ -e /go ]; do sleep 0.02; done; false"
  await out("run", "-d", "--name", "tries", "--restart", "on-failure:1", "busybox", "sh", "-c", failing)
  await out("update", "--restart", "on-failure:2", "tries")
  // Detached: of an exec before a restart nothing is known after it.
  await out("exec", "-d", "tries", "touch", "/go")
  await becomes("tries", "{{.State.Status}} {{.RestartCount}}", "exited 2")
  await out("rm", "tries")
})

test("after the daemon's death, policies decide what runs", async () => {
  await out("run", "-d", "--name", "always", "--restart", "always", "busybox", "top")
  await out("run", "-d", "--name", "unless", "--restart", "unless-stopped", "busybox", "top")
  await out(
    "run",
    "-d",
    "--name",
    "failing",
    "--restart",
    "on-failure",
    "busybox",
    "sh",
    "-c",
    "while :; do sleep 0.1; done",
  )
  await out("create", "--name", "created", "--restart", "always", "busybox", "top")
  await out("stop", "-t", "0", "always", "unless")
  await daemon.end("SIGKILL")
  await daemon.startAgain()
  await becomes("always", "{{.State.Status}}", "running")
  expect(await status("unless")).toBe("exited")
  expect(await status("failing")).toBe("running")
  expect(await status("created")).toBe("created")
  await out("rm", "-f", "always", "unless", "failing", "created")
})

test("a container is unhealthy as long as its check fails, and checked in its own directory", async () => {
  await out(
    "run",
    "-d",
    "--name",
    "checked",
    "-w",
    "/tmp",
    "--health-cmd",
    'test "$PWD" = /tmp && test ! -e /bad',
    "--health-interval",
    "50ms",
    "--health-retries",
    "2",
    "busybox",
    "top",
  )
  await becomes("checked", "{{.State.Health.Status}}", "healthy")
  await out("exec", "checked", "touch", "/bad")
  await becomes("checked", "{{.State.Health.Status}}", "unhealthy")
  await out("exec", "checked", "rm", "/bad")
  await becomes("checked", "{{.State.Health.Status}} {{.State.Health.FailingStreak}}", "healthy 0")
  await out("rm", "-f", "checked")
})

test("a check that takes too long is ended, says so, and shows what it had printed", async () => {
  const checks = { silent: "sleep 60", telling: "echo so far; sleep 60", verbose: "printf %5000s | tr ' ' x; sleep 60" }
  for (const [name, check] of Object.entries(checks)) {
    const health = [
      "--health-cmd",
      check,
      "--health-interval",
      "100ms",
      "--health-timeout",
      "2s",
      "--health-retries",
      "1",
    ]
    await out("run", "-d", "--name", name, ...health, "busybox", "top")
  }
  const first = async (name: string) => {
    await becomes(name, "{{.State.Health.Status}}", "unhealthy")
    return JSON.parse(await inspect(name, "{{json (index .State.Health.Log 0)}}")) as {
      ExitCode: number
      Output: string
    }
  }
  const why = "Health check exceeded timeout (2s)"
  expect(await first("silent")).toMatchObject({ ExitCode: -1, Output: why })
  expect(await first("telling")).toMatchObject({ ExitCode: -1, Output: `${why}: so far\n` })
  expect(await first("verbose")).toMatchObject({ ExitCode: -1, Output: `${why}: ${"x".repeat(4096)}...` })
  await out("rm", "-f", ...Object.keys(checks))
})

test("failures within the start period do not count, and checks come at the start interval", async () => {
  await out(
    "run",
    "-d",
    "--name",
    "slowly",
    "--health-cmd",
    "test -e /ready",
    "--health-interval",
    "1h",
    "--health-retries",
    "1",
    "--health-start-period",
    "1h",
    "--health-start-interval",
    "50ms",
    "busybox",
    "top",
  )
  await eventually(async () => Number(await inspect("slowly", "{{len .State.Health.Log}}")) >= 3, "it was checked")
  expect(await inspect("slowly", "{{.State.Health.Status}} {{.State.Health.FailingStreak}}")).toBe("starting 0")
  await out("exec", "slowly", "touch", "/ready")
  await becomes("slowly", "{{.State.Health.Status}}", "healthy")
  await out("rm", "-f", "slowly")
})

test("an unhealthy container is restarted where its label asks for it", async () => {
  const check = ["--health-cmd", "test ! -e /dev/shm/bad", "--health-interval", "50ms", "--health-retries", "1"]
  await out("run", "-d", "--name", "healed", "--label", "barge.restart-unhealthy=true", ...check, "busybox", "top")
  await becomes("healed", "{{.State.Health.Status}}", "healthy")
  const before = await inspect("healed", "{{.State.StartedAt}}")
  // Detached: of an exec before a restart nothing is known after it.
  await out("exec", "-d", "healed", "touch", "/dev/shm/bad")
  await eventually(async () => (await inspect("healed", "{{.State.StartedAt}}")) !== before, "it was started again")
  await becomes("healed", "{{.State.Status}} {{.State.Health.Status}}", "running healthy")
  await out("rm", "-f", "healed")
})

test("what cannot be waited for, killed, resized or named is refused in Docker's words", async () => {
  const id = await out("create", "--name", "still", "busybox", "top")
  const asked = async (path: string) => {
    const { status: code, body } = await post(path)
    return `${code} ${body?.message}`
  }
  expect(await asked("/containers/still/kill")).toBe(`409 cannot kill container: still: container ${id} is not running`)
  expect(await asked("/containers/still/kill?signal=SIG42")).toBe(
    "400 cannot kill container: still: invalid signal: SIG42",
  )
  expect(await asked("/containers/still/resize?h=1&w=1")).toBe(`409 container ${id} is not running`)
  expect(await asked("/containers/still/resize?h=foo&w=1")).toBe('400 invalid resize height "foo": invalid syntax')
  expect(await asked("/containers/still/wait?condition=never")).toBe('400 invalid condition: "never"')
  expect(await asked("/containers/still/rename?name=")).toBe("400 Neither old nor new names may be empty")
  const nameless = await daemon.request("DELETE", "/containers/")
  expect([nameless.status, JSON.parse(nameless.text).message]).toEqual([400, 'invalid name or ID supplied: ""'])
  await out("rm", "still")
})

test("the signal is told before the end that it brings", async () => {
  const since = Math.floor(Date.now() / 1000)
  for (let round = 0; round < 5; round++) {
    await out("run", "-d", "--name", "shot", "busybox", "top")
    await out("kill", "shot")
    await out("start", "shot")
    await out("rm", "-f", "shot")
  }
  const filters = encodeURIComponent(JSON.stringify({ container: ["shot"], event: ["kill", "die", "destroy"] }))
  const { text } = await daemon.get(`/events?since=${since}&until=${Math.ceil(Date.now() / 1000)}&filters=${filters}`)
  const actions = text
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { Action: string }).Action)
  expect(actions).toEqual(Array.from({ length: 5 }, () => ["kill", "die", "kill", "die", "destroy"]).flat())
})

test("top takes ps's options as they are, of the container's processes only", async () => {
  await out("run", "-d", "--name", "topped", "busybox", "sleep", "1000")
  const asked = async (options: string) => {
    const { status: code, body } = await daemon.json<{ Titles: string[]; Processes: string[][]; message: string }>(
      "GET",
      `/containers/topped/top?ps_args=${encodeURIComponent(options)}`,
    )
    return code === 200 ? body.Processes.length : body.message
  }
  for (const options of ["", "-ef", "aux", "opid,cmd", "o pid,cmd", "axf", "-C sleep -o pid,cmd", "aux --sort pid"])
    expect([options, await asked(options)]).toEqual([options, 1])
  expect(await asked("-C sleep -o cmd")).toBe("Couldn't find PID field in ps output")
  expect(await asked("-o uid=PID,cmd")).toBe('specifying "uid=PID,cmd" is not allowed')
  expect(await asked("-o")).toContain("must follow -o")
  await out("rm", "-f", "topped")
})

test("a container knows by /.dockerenv that it is one, and its own layer stays as the image left it", async () => {
  await out("run", "--name", "known", "busybox", "sh", "-c", "ls -A /.dockerenv && readlink /etc/mtab")
  expect(await out("logs", "known")).toBe("/.dockerenv\n/proc/mounts")
  expect(await out("diff", "known")).toBe("")
  await out("commit", "known", "known-image")
  expect(await out("run", "--rm", "known-image", "ls", "-A", "/.dockerenv")).toBe("/.dockerenv")
  await out("rm", "known")
  await out("rmi", "known-image")
})

test("an exec that cannot start says so where its output was to come, and has a shell's exit code", async () => {
  await out("run", "-d", "--name", "executes", "busybox", "top")
  const unknownUser = "unable to find user nosuch: no matching entries in passwd file"
  const created = await post("/containers/executes/exec", { Cmd: ["true"], User: "nosuch" })
  expect(created.status).toBe(201)
  const refused = await post(`/exec/${created.body.Id}/start`, { Detach: true })
  expect([refused.status, refused.body.message]).toEqual([400, unknownUser])
  for (const [words, code, said] of [
    [["-u", "nosuch", "executes", "true"], 126, unknownUser],
    [["executes", "/etc/passwd"], 126, /exec: "\/etc\/passwd": permission denied/],
    [["executes", "nosuch"], 127, /exec: "nosuch": executable file not found in \$PATH/],
  ] as const) {
    const told = await daemon.docker("exec", ...words)
    expect([told.code, told.stderr]).toEqual([code, ""])
    if (typeof said === "string") expect(told.stdout.trim()).toBe(said)
    else expect(told.stdout).toMatch(said)
  }
  await out("rm", "-f", "executes")
})

test("a strict umask of whoever starts the daemon does not keep a container's users from its files", async () => {
  const before = process.umask(0o077)
  const started = TestDaemon.start()
  await using strict = await started.finally(() => process.umask(before))
  await strict.bootstrap()
  const read = ["run", "--rm", "-u", "1000", "busybox", "cat", "/etc/hosts", "/etc/resolv.conf", "/.dockerenv"]
  expect(await strict.docker(...read)).toMatchObject({ code: 0, stderr: "" })
})
