import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, readFileSync, readlinkSync, writeFileSync } from "node:fs"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { OwnNetwork } from "../fixtures/own-network.ts"

let daemon: TestDaemon
const out = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.docker(...args)
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}\n${daemon.log}`)
  return stdout.trim()
}
const create = (body: object) =>
  daemon.json<{ Id: string; message: string }>("POST", "/containers/create", {
    Image: "busybox",
    Cmd: ["top"],
    ...body,
  })
const start = (id: string) => daemon.json<{ message: string }>("POST", `/containers/${id}/start`)

beforeAll(async () => {
  daemon = await TestDaemon.start(["--host-gateway-ip", "6.7.8.9"])
  await daemon.bootstrap()
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

test("a shareable /dev/shm is on the host, is shared by those who join, and goes with the container", async () => {
  await out("run", "-d", "--name", "giver", "--ipc", "shareable", "--shm-size", "8m", "busybox", "top")
  await out("run", "-d", "--name", "taker", "--ipc", "container:giver", "busybox", "top")
  await out("exec", "giver", "sh", "-c", "printf shared > /dev/shm/word")
  expect(await out("exec", "taker", "cat", "/dev/shm/word")).toBe("shared")
  expect(await out("exec", "taker", "readlink", "/proc/self/ns/ipc")).toBe(
    await out("exec", "giver", "readlink", "/proc/self/ns/ipc"),
  )
  expect(await out("exec", "taker", "df", "-k", "/dev/shm")).toContain("8192")
  const id = await out("inspect", "-f", "{{.Id}}", "giver")
  const place = `${daemon.root}/run/shm/${id}`
  expect(readFileSync("/proc/self/mountinfo", "utf8")).toContain(place)
  await daemon.end("SIGKILL")
  await daemon.startAgain()
  await out("run", "--rm", "--ipc", "container:giver", "busybox", "cat", "/dev/shm/word")
  await out("rm", "-f", "taker", "giver")
  await eventually(async () => !existsSync(place), "it is gone")
})

test("a private or missing container's IPC cannot be joined", async () => {
  await out("run", "-d", "--name", "private", "busybox", "top")
  const made = await create({ HostConfig: { IpcMode: "container:private" } })
  const started = await start(made.body.Id)
  expect([started.status, started.body.message]).toEqual([400, expect.stringContaining("non-shareable IPC")])
  const missing = await create({ HostConfig: { IpcMode: "container:nobody" } })
  expect([missing.status, missing.body.message]).toEqual([400, "No such container: nobody"])
  await out("rm", "-f", "private")
})

test("processes are shared with a running container, and with the host", async () => {
  const missing = await create({ HostConfig: { PidMode: "container:nobody" } })
  expect([missing.status, missing.body.message]).toEqual([400, "No such container: nobody"])
  const id = await out("create", "--name", "first", "busybox", "top")
  const made = await create({ HostConfig: { PidMode: "container:first" } })
  const refused = await start(made.body.Id)
  expect([refused.status, refused.body.message]).toEqual([
    500,
    `failed to join PID namespace: container ${id} is not running`,
  ])
  await out("start", "first")
  expect((await start(made.body.Id)).status).toBe(204)
  expect(await out("exec", made.body.Id, "ps")).toContain("top")
  expect(await out("run", "--rm", "--pid", "host", "busybox", "readlink", "/proc/self/ns/pid")).toBe(
    readlinkSync("/proc/self/ns/pid"),
  )
  expect(await out("run", "--rm", "--uts", "host", "busybox", "readlink", "/proc/self/ns/uts")).toBe(
    readlinkSync("/proc/self/ns/uts"),
  )
  await out("rm", "-f", "first", made.body.Id)
})

test("who shares a container's network has its names and its files", async () => {
  const owner = await out(
    "run",
    "-d",
    "--name",
    "owner",
    "--hostname",
    "own",
    "--domainname",
    "example.org",
    "busybox",
    "top",
  )
  const joined = ["run", "--network", "container:owner", "busybox"]
  expect(await out(...joined, "sh", "-c", "hostname; cat /etc/hostname /proc/sys/kernel/domainname")).toBe(
    "own\nown\nexample.org",
  )
  const guest = await out("create", "--network", "container:owner", "busybox", "true")
  expect(await out("start", "-a", guest)).toBe("")
  const shown = "{{.Config.Hostname}} {{.Config.Domainname}} {{.HostsPath}} {{.HostnamePath}} {{.ResolvConfPath}}"
  const folder = `${daemon.root}/data/containers/${owner}`
  expect(await out("inspect", "-f", shown, guest)).toBe(
    `own example.org ${folder}/hosts ${folder}/hostname ${folder}/resolv.conf`,
  )
})

test("a link gives names, variables and an address that follows the container", async () => {
  await out("run", "-d", "--name", "db", "-h", "store", "-e", "SIZE=3", "--expose", "5432", "busybox", "top")
  await out("run", "-d", "--name", "web", "--link", "db:data-base", "busybox", "top")
  const address = await out("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", "db")
  expect(await out("exec", "web", "cat", "/etc/hosts")).toContain(`${address}\tdata-base store db`)
  const variables = (await out("exec", "web", "env")).split("\n")
  for (const line of [
    `DATA_BASE_PORT=tcp://${address}:5432`,
    `DATA_BASE_PORT_5432_TCP=tcp://${address}:5432`,
    `DATA_BASE_PORT_5432_TCP_ADDR=${address}`,
    "DATA_BASE_PORT_5432_TCP_PORT=5432",
    "DATA_BASE_PORT_5432_TCP_PROTO=tcp",
    "DATA_BASE_NAME=/web/data-base",
    "DATA_BASE_ENV_SIZE=3",
  ])
    expect(variables).toContain(line)
  expect(await out("exec", "web", "ping", "-c", "1", "data-base")).toContain("0% packet loss")

  const { body } = await daemon.json<{ Names: string[] }[]>("GET", '/containers/json?filters={"name":["db"]}')
  expect(body.map((each) => each.Names)).toEqual([["/db", "/web/data-base"]])
  expect(await out("inspect", "-f", "{{.Name}}", "web/data-base")).toBe("/db")
  await out("rename", "db", "db2")
  expect(await out("inspect", "-f", "{{json .HostConfig.Links}}", "web")).toBe('["/db2:/web/data-base"]')

  // Somebody else takes the address meanwhile.
  await out("stop", "-t", "0", "db2")
  await out("run", "-d", "--name", "other", "busybox", "top")
  await out("start", "db2")
  const moved = await out("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", "db2")
  expect(await out("exec", "web", "cat", "/etc/hosts")).toContain(`${moved}\tdata-base store`)

  await out("stop", "-t", "0", "db2", "web")
  const refused = await daemon.docker("start", "web")
  expect(refused.stderr).toContain("Cannot link to a non running container: /db2 AS /web/data-base")
  await out("rm", "--link", "web/data-base")
  await out("start", "web")
  expect(await out("inspect", "-f", "{{json .HostConfig.Links}}", "web")).toBe("null")
  await out("rm", "-f", "web", "db2", "other")
})

test("a link to a container that is missing is refused at creation", async () => {
  const { status, body } = await create({ HostConfig: { Links: ["nobody:x"] } })
  expect([status, body.message]).toEqual([400, "could not get container for nobody: No such container: nobody"])
})

test("hosts files: added hosts, the host's gateway, and the host's own file in its network", async () => {
  const hosts = await out(
    "run",
    "--rm",
    "--add-host",
    "a:1.2.3.4",
    "--add-host",
    "b:host-gateway",
    "--add-host",
    "c:[::1]",
    "busybox",
    "cat",
    "/etc/hosts",
  )
  for (const line of ["1.2.3.4\ta", "6.7.8.9\tb", "::1\tc"]) expect(hosts.split("\n")).toContain(line)
  expect((await daemon.docker("run", "--rm", "--network", "host", "busybox", "cat", "/etc/hosts")).stdout).toBe(
    readFileSync("/etc/hosts", "utf8"),
  )
})

test("resolver options are those asked for", async () => {
  const text = await out(
    "run",
    "--rm",
    "--dns",
    "9.9.9.9",
    "--dns-search",
    "example.org",
    "--dns-opt",
    "ndots:3",
    "busybox",
    "cat",
    "/etc/resolv.conf",
  )
  expect(text).toBe("nameserver 9.9.9.9\nsearch example.org\noptions ndots:3")
  expect(await out("run", "--rm", "--dns-search", ".", "busybox", "cat", "/etc/resolv.conf")).not.toContain("search")
})

test("a device and a device rule give access; a device that is missing fails the start", async () => {
  expect(
    await out(
      "run",
      "--rm",
      "--device",
      "/dev/zero:/dev/nothing:r",
      "busybox",
      "sh",
      "-c",
      "head -c 3 /dev/nothing | wc -c",
    ),
  ).toBe("3")
  const refused = await daemon.docker("run", "--rm", "--device", "/dev/nowhere", "busybox", "true")
  expect(refused.stderr).toContain(
    'error gathering device information while adding custom device "/dev/nowhere": no such file or directory',
  )
  const rule = (...more: string[]) =>
    daemon.docker("run", "--rm", ...more, "--cap-add", "MKNOD", "busybox", "sh", "-c", "mknod /m b 7 0 && : </m")
  expect((await rule()).code).not.toBe(0)
  expect((await rule("--device-cgroup-rule", "b 7:0 rm")).code).toBe(0)
  const gpu = await daemon.docker("run", "--rm", "--gpus", "all", "busybox", "true")
  expect([gpu.code, gpu.stderr]).toEqual([
    125,
    expect.stringContaining('could not select device driver "" with capabilities: [[gpu]]'),
  ])
})

test("limits, annotations, sysctls and stop settings reach the container", async () => {
  const id = await out(
    "run",
    "-d",
    "--ulimit",
    "nofile=100:200",
    "--sysctl",
    "net.core.somaxconn=77",
    "--annotation",
    "a.b=c",
    "--stop-signal",
    "USR1",
    "--stop-timeout",
    "3",
    "--domainname",
    "example.org",
    "-h",
    "box",
    "busybox",
    "sh",
    "-c",
    "trap 'exit 5' USR1; echo trapped; while :; do sleep 0.1; done",
  )
  await eventually(async () => (await out("logs", id)) === "trapped", "its trap is set")
  expect(
    await out(
      "exec",
      id,
      "sh",
      "-c",
      "ulimit -n; ulimit -Hn; cat /proc/sys/net/core/somaxconn /proc/sys/kernel/domainname",
    ),
  ).toBe("100\n200\n77\nexample.org")
  expect(
    await out("inspect", "-f", "{{.HostConfig.Annotations}} {{.Config.StopSignal}} {{.Config.StopTimeout}}", id),
  ).toBe("map[a.b:c] USR1 3")
  await out("stop", id)
  expect(await out("inspect", "-f", "{{.State.ExitCode}}", id)).toBe("5")
  await out("rm", id)
})

test("cgroup namespaces: the host's or one's own, as asked for", async () => {
  const of = (mode: string) => out("run", "--rm", "--cgroupns", mode, "busybox", "readlink", "/proc/self/ns/cgroup")
  const host = readlinkSync("/proc/self/ns/cgroup")
  expect(await of("host")).toBe(host)
  expect(await of("private")).not.toBe(host)
  const bad = await create({ HostConfig: { CgroupnsMode: "nope" } })
  expect([bad.status, bad.body.message]).toEqual([400, "invalid cgroup namespace mode: nope"])
})

test("an environment file with a byte order or an empty name is the client's; an empty variable is refused", async () => {
  writeFileSync(`${daemon.root}/env`, "A=1\n")
  expect(await out("run", "--rm", "--env-file", `${daemon.root}/env`, "busybox", "sh", "-c", "echo $A")).toBe("1")
  const { status, body } = await create({ Env: ["=x"] })
  expect([status, body.message]).toEqual([400, "invalid environment variable: =x"])
})

test("who joins the network of a container that is in the host's changes no setting of the host", async () => {
  await using network = await OwnNetwork.make()
  const setting = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
  const before = await network.run("cat", setting)
  expect(before).not.toBe("0")
  await using own = await TestDaemon.start([], network.barge)
  await own.bootstrap()
  expect((await own.docker("run", "-d", "--name", "in-host", "--network", "host", "busybox", "top")).code).toBe(0)
  const joined = await own.docker("run", "--rm", "--network", "container:in-host", "busybox", "cat", setting)
  expect(joined).toEqual({ code: 0, stdout: `${before}\n`, stderr: "" })
  expect(await network.run("cat", setting)).toBe(before)
})
