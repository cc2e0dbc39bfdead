import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { freePort } from "../fixtures/free-port.ts"

let daemon: TestDaemon
const made: string[] = []

const docker = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.docker(...args)
  if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${stderr}`)
  return stdout.trim()
}

const network = async (...args: string[]): Promise<string> => {
  const id = await docker("network", "create", ...args)
  made.push(id)
  return id
}

const serve = (text: string) => ["sh", "-c", `echo ${text} > index.html; exec httpd -f -p 80`]

/** What the web server called `host` says to `from`; empty when it is not reached. */
const ask = async (from: string, host: string): Promise<string> =>
  (
    await daemon.docker("exec", from, "sh", "-c", `echo 'GET / HTTP/1.0' | nc -w 2 ${host} 80 2>&1 | tail -1`)
  ).stdout.trim()

/** Waits until `from` is answered with `text` by the web server called `host`: it takes a moment to listen. */
const hears = (from: string, host: string, text: string): Promise<void> =>
  eventually(async () => (await ask(from, host)) === text, `${from} hears ${text} of ${host}`)

/** What a web server answers, once it listens. */
async function status(url: string): Promise<number> {
  for (;;) {
    const answer = await fetch(url).catch(() => undefined)
    if (answer) return answer.status
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A connection to a port of the host, once somebody listens. */
async function connection(port: number): Promise<Socket> {
  for (;;) {
    const socket = connect(port, "127.0.0.1")
    const open = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true))
      socket.once("error", () => resolve(false))
    })
    if (open) return socket
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Waits until a container's log has what is wanted. */
async function logged(container: string, wanted: (text: string) => boolean): Promise<string> {
  for (;;) {
    const text = await docker("logs", container)
    if (wanted(text)) return text
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const address = (container: string, name: string) =>
  docker("inspect", "-f", `{{(index .NetworkSettings.Networks "${name}").IPAddress}}`, container)

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
})

afterAll(async () => {
  const { body } = await daemon.json<{ Id: string }[]>("GET", "/containers/json?all=1")
  for (const { Id } of body) await daemon.request("DELETE", `/containers/${Id}?force=1`)
  for (const id of made) await daemon.request("DELETE", `/networks/${id}`)
  for (const id of made) expect(existsSync(`/sys/class/net/br-${id.slice(0, 12)}`)).toBe(false)
  await daemon[Symbol.asyncDispose]()
})

test("servers on two networks: names resolve within one, not across, and who is in both reaches both", async () => {
  await network("front")
  await network("back")
  await docker("run", "-d", "--name", "web", "--network", "front", "--network-alias", "www", "busybox", ...serve("web"))
  await docker("run", "-d", "--name", "db", "--network", "back", "busybox", ...serve("db"))
  await docker("run", "-d", "--name", "both", "--network", "front", "--network", "back", "busybox", ...serve("both"))

  for (const [from, host, text] of [
    ["both", "web", "web"],
    ["both", "www", "web"],
    ["both", "db", "db"],
    ["web", "both", "both"],
    ["db", "both", "both"],
  ] as const)
    await hears(from, host, text)
  expect(await ask("web", "db")).toContain("bad address")
  expect(await ask("web", await address("db", "back"))).not.toBe("db")

  const id = await docker("inspect", "-f", "{{.Id}}", "web")
  const names = [id.slice(0, 12), "web.front", "WEB"]
  for (const name of names) await hears("both", name, "web")
  const back = await docker("exec", "both", "nslookup", await address("web", "front"))
  expect(back).toContain("name = web.front")
  expect(await docker("exec", "web", "cat", "/etc/resolv.conf")).toContain("nameserver 127.0.0.11")
  expect(await docker("exec", "web", "cat", "/etc/hosts")).toContain(
    `${await address("web", "front")}\t${id.slice(0, 12)}`,
  )
})

test("connect and disconnect take effect while the container runs, its files included", async () => {
  await docker("network", "connect", "--alias", "store", "front", "db")
  await hears("web", "store", "db")
  expect(await docker("exec", "db", "cat", "/etc/hosts")).toContain(await address("db", "front"))
  const before = await address("db", "front")
  await docker("network", "disconnect", "front", "db")
  expect(await ask("web", "store")).toContain("bad address")
  expect(await docker("exec", "db", "cat", "/etc/hosts")).not.toContain(before)
  const again = await daemon.docker("network", "disconnect", "front", "db")
  expect(again.stderr).toContain("is not connected to network front")
  const removal = await daemon.docker("network", "rm", "front")
  expect(removal.stderr).toContain("network front has active endpoints (name:")
  await docker("rename", "web", "site")
  await hears("both", "site", "web")
})

test("static addresses, MAC address, interface name and gateway priority are as asked; wrong ones are refused in Docker's words", async () => {
  await network(
    "--subnet",
    "10.229.7.0/24",
    "--ip-range",
    "10.229.7.128/25",
    "--gateway",
    "10.229.7.9",
    "--ipv6",
    "fixed",
  )
  await docker(
    "run",
    "-d",
    "--name",
    "given",
    "--network",
    "name=fixed,ip=10.229.7.77,mac-address=02:42:00:00:00:77,driver-opt=com.docker.network.endpoint.ifname=lan0,gw-priority=1",
    "--network",
    "back",
    "busybox",
    "top",
  )
  const shown = await docker("exec", "given", "ip", "address", "show", "lan0")
  expect(shown).toContain("inet 10.229.7.77/24")
  expect(shown).toContain("02:42:00:00:00:77")
  expect(shown).toMatch(/inet6 fd/)
  expect(await docker("exec", "given", "ip", "route")).toContain("default via 10.229.7.9 dev lan0")
  const free = await docker("run", "--rm", "--network", "fixed", "busybox", "hostname", "-i")
  expect(free).toContain("10.229.7.128")
  const taken = await daemon.docker("run", "--rm", "--network", "fixed", "--ip", "10.229.7.77", "busybox", "true")
  expect(taken.stderr).toContain("Address already in use")
  const outside = await daemon.docker("run", "--rm", "--network", "fixed", "--ip", "10.1.1.1", "busybox", "true")
  expect(outside.stderr).toContain("no configured subnet or ip-range contain the IP address 10.1.1.1")
  const overlap = await daemon.docker("network", "create", "--subnet", "10.229.7.0/25", "other")
  expect(overlap.stderr).toContain("Pool overlaps with other one on this address space")
})

test("an internal network has no way out, and none in", async () => {
  await network("--internal", "inner")
  await docker("run", "-d", "--name", "inside", "--network", "inner", "-p", "80", "busybox", ...serve("inside"))
  expect(await docker("exec", "inside", "ip", "route")).not.toContain("default")
  expect(await docker("port", "inside")).toBe("")
  expect((await daemon.docker("exec", "inside", "nslookup", "example.test")).stdout).toContain("SERVFAIL")
})

test("a container that restarts has its address again", async () => {
  const before = await address("both", "front")
  await docker("restart", "-t", "0", "both")
  expect(await address("both", "front")).toBe(before)
  await hears("site", "both", "both")
})

test("a thousand published ports are one element, and every one answers", async () => {
  const first = await freePort(1000)
  const [last, one] = [first + 999, String(first + 500)]
  const range = `${first}-${last}`
  const start = performance.now()
  await docker(
    "run",
    "-d",
    "--name",
    "many",
    "--network",
    "front",
    "-p",
    `${range}:${range}`,
    "busybox",
    "httpd",
    "-f",
    "-p",
    one,
  )
  console.log(`run with 1,000 published ports: ${(performance.now() - start).toFixed(0)} ms`)
  const { stdout } = await daemon.nft("list", "map", "inet", `barge_${daemon.bridge}`, "ranges_any")
  expect(stdout).toContain(`tcp . ${range}`)
  expect([await status(`http://127.0.0.1:${one}/`), await status(`http://[::1]:${one}/`)]).toEqual([404, 404])
  const taken = await daemon.docker("run", "-d", "-p", `${last}:80`, "busybox", "top")
  expect(taken.stderr).toContain(`Bind for 0.0.0.0:${last} failed: port is already allocated`)
  await docker("rm", "-f", "many")
  expect((await daemon.nft("list", "map", "inet", `barge_${daemon.bridge}`, "ranges_any")).stdout).not.toContain(
    String(first),
  )
})

test("a daemon that is killed loses no question for a name and no connection, and what comes later works", async () => {
  const loop =
    "i=0; while true; do nslookup -timeout=60 site >/dev/null 2>&1 && echo answered || echo lost; sleep 0.05; done"
  const port = await freePort()
  await docker("run", "-d", "--name", "asking", "--network", "front", "busybox", "sh", "-c", loop)
  await docker(
    "run",
    "-d",
    "--name",
    "echo",
    "--network",
    "front",
    "-p",
    `${port}:7`,
    "busybox",
    "nc",
    "-ll",
    "-p",
    "7",
    "-e",
    "cat",
  )
  const client = await connection(port)
  const answered = async (text: string) => {
    client.write(text)
    return await new Promise<string>((resolve) => client.once("data", (data) => resolve(data.toString())))
  }
  expect(await answered("before")).toBe("before")
  await logged("asking", (text) => text.includes("answered"))

  await daemon.end("SIGKILL")
  expect(await answered("without a daemon")).toBe("without a daemon")
  await daemon.startAgain()
  const count = (await docker("logs", "asking")).split("\n").length
  const log = await logged("asking", (text) => text.split("\n").length > count + 3)
  expect(log).not.toContain("lost")
  expect(await answered("after")).toBe("after")
  client.destroy()
  await hears("both", "site", "web")
  await docker("run", "-d", "--name", "later", "--network", "front", "busybox", ...serve("later"))
  await hears("site", "later", "later")
})

test("after a start of the daemon what somebody removed is there again", async () => {
  await docker("rm", "-f", "asking", "echo", "later")
  await daemon.end("SIGKILL")
  const front = made[0]!.slice(0, 12)
  await daemon.run("ip", "link", "delete", `br-${front}`)
  await daemon.nft("delete", "table", "inet", `barge_${daemon.bridge}`)
  await daemon.startAgain()
  await hears("both", "site", "web")
  expect((await daemon.nft("list", "tables")).stdout).toContain(`barge_${daemon.bridge}`)
})

test("networks are listed by filters and pruned when nobody is in them", async () => {
  await network("--label", "kind=spare", "spare")
  expect(await docker("network", "ls", "-q", "--no-trunc", "--filter", "label=kind=spare")).toBe(made.at(-1)!)
  expect(await docker("network", "ls", "--filter", "dangling=true", "--format", "{{.Name}}")).toBe("spare")
  expect(await docker("network", "prune", "-f", "--filter", "label=kind=spare")).toBe("Deleted Networks:\nspare")
  const again = await daemon.docker("network", "create", "front")
  expect(again.stderr).toContain("network with name front already exists")
  expect((await daemon.docker("network", "rm", "bridge")).stderr).toContain(
    "bridge is a pre-defined network and cannot be removed",
  )
})

test("ports are told of a container that runs, where a bridge leads to them", async () => {
  await docker("network", "create", "--internal", "inward")
  const told = async (name: string) => await docker("inspect", "-f", "{{json .NetworkSettings.Ports}}", name)
  const found = (filter: string) => docker("ps", "-a", "--filter", filter, "--format", "{{.Names}}")
  for (const mode of ["host", "none", "inward"]) {
    await docker("run", "-d", "--name", "hidden", "--network", mode, "--expose", "4080", "-p", "4081", "busybox", "top")
    expect(`${mode}: ${await told("hidden")} ${await found("expose=4080")}`).toBe(`${mode}: {} `)
    await docker("rm", "-f", "hidden")
  }
  await docker("run", "-d", "--name", "shown", "--network", "inward", "--expose", "4080", "busybox", "top")
  expect(await told("shown")).toBe("{}")
  await docker("network", "connect", "bridge", "shown")
  expect(await told("shown")).toBe('{"4080/tcp":null}')
  expect(await found("expose=4080")).toBe("shown")
  await docker("kill", "shown")
  expect(`${await told("shown")} ${await found("expose=4080")}`).toBe("{} ")
  await docker("rm", "shown")
  await docker("network", "rm", "inward")
})
