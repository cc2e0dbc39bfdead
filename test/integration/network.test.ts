import { afterAll, beforeAll, expect, test } from "bun:test"
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import { createSocket } from "node:dgram"
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { addAddress, addRoute } from "../../src/linux/addresses.ts"
import { createVeth, linkByName, linkUp, listLinks } from "../../src/linux/links.ts"
import { LowDescriptors } from "../../src/linux/low-descriptors.ts"
import { NetlinkSocket } from "../../src/linux/netlink.ts"
import { Nftables } from "../../src/linux/nftables.ts"
import type { PortBinding, Sandbox } from "../../src/network/contract.ts"
import { dropNamespace, makeNamespaces, type NewNamespace } from "../../src/network/namespaces.ts"
import { noSink, Span } from "../../src/trace/span.ts"
import {
  type BridgedContainer,
  type BridgeOptions,
  type DefaultBridge,
  openDefaultBridge,
} from "../fixtures/default-bridge.ts"
import { eventually } from "../fixtures/eventually.ts"
import { freePort } from "../fixtures/free-port.ts"
import { addressPool } from "../fixtures/lane.ts"

const fixtures = resolve(import.meta.dir, "../fixtures")
const bridge = `bt${process.pid.toString(36)}`
const runRoot = mkdtempSync(join(tmpdir(), "barge-network-"))
const records = new Map<string, Sandbox>()
const messages: string[] = []
const options: BridgeOptions = {
  bridge,
  runRoot,
  records: {
    put: (key, value) => void records.set(key, JSON.parse(JSON.stringify(value))),
    delete: (key) => records.delete(key),
    all: () => [...records],
  },
  defaultAddressPools: [addressPool],
  log: (message) => messages.push(message),
}
const span = () => Span.root(noSink, "network", "test")
const children: ChildProcess[] = []
/** Another machine: a namespace behind a link of its own, with no route to the containers. */
let outside: NewNamespace
const outsideAddress = "198.51.100.2"
const hostAddress = "198.51.100.1"
let network: DefaultBridge
let serial = 0

const connect = (name: string, ports: readonly PortBinding[] = [], more: { macAddress?: string; ipv4?: string } = {}) =>
  network.connect(`${name}-${serial++}`, { containerName: name, ports, ...more }, span())

const binding = (protocol: "tcp" | "udp", hostPort: number, more: Partial<PortBinding> = {}): PortBinding => ({
  protocol,
  containerPort: 80,
  hostIp: "",
  hostPort,
  ...more,
})

const within = (netns: string | undefined, command: readonly string[]): readonly string[] =>
  netns ? ["nsenter", `--net=${netns}`, ...command] : command

/** Asks `LABEL ADDRESS` of a server, from a namespace or from the host. */
function ask(
  netns: string | undefined,
  protocol: "tcp" | "udp",
  address: string,
  port: number,
  ...seconds: string[]
): string {
  const question = [protocol, address, String(port), ...seconds]
  const [command, ...args] = within(netns, [process.execPath, join(fixtures, "ask.ts"), ...question])
  return execFileSync(command!, args, { encoding: "utf8" }).trim()
}

/** Serves TCP and UDP in a namespace until the tests end. */
async function serve(netns: string | undefined, port: number, label: string): Promise<ChildProcess> {
  const [command, ...args] = within(netns, [process.execPath, join(fixtures, "echo-server.ts"), String(port), label])
  const child = spawn(command!, args, { stdio: ["ignore", "pipe", "inherit"] })
  children.push(child)
  await new Promise<void>((resolve, reject) => {
    child.stdout!.once("data", () => resolve())
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}`)))
  })
  return child
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once("exit", resolve))
  child.kill("SIGKILL")
  await gone
}

/** Asks again until there is an answer. */
const answered = (netns: string, address: string): Promise<void> =>
  eventually(
    async () => spawnSync("nsenter", [`--net=${netns}`, "busybox", "ping", "-c", "1", "-W", "2", address]).status === 0,
    `${address} answers`,
  )

const tables = (): readonly string[] => {
  using low = LowDescriptors.reserve()
  using nft = Nftables.open(low)
  return nft.list("list tables").flatMap((item) => (item["table"] as { name: string } | undefined)?.name ?? [])
}

const links = (): readonly string[] => {
  using socket = NetlinkSocket.open()
  return listLinks(socket).map(({ name }) => name)
}

const mounts = (): readonly string[] =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(runRoot))

beforeAll(async () => {
  network = await openDefaultBridge(options)
  ;[outside] = (await makeNamespaces(join(runRoot, "outside"), ["machine"], { ipv6: true })) as [NewNamespace]
  using host = NetlinkSocket.open()
  const descriptor = openSync(outside.path, "r")
  createVeth(host, {
    host: `${bridge}o`,
    peer: "eth0",
    peerNamespace: descriptor,
    peerMacAddress: "02:00:00:00:00:02",
    mtu: 1500,
    master: 0,
  })
  closeSync(descriptor)
  host.execute(addAddress(linkByName(host, `${bridge}o`)!.index, hostAddress, 24))
  const { index } = linkByName(outside.route, "eth0")!
  outside.route.execute(
    linkUp(1),
    linkUp(index),
    addAddress(index, outsideAddress, 24),
    addRoute({ gateway: hostAddress }),
  )
})

afterAll(async () => {
  for (const child of children) await end(child)
  await network[Symbol.asyncDispose]()
  dropNamespace(outside.path, outside)
  rmSync(runRoot, { recursive: true, force: true })
})

test("two containers reach each other, the gateway and another machine, which sees the host's address", async () => {
  const [one, two] = [await connect("one"), await connect("two")]
  expect(one.ipv4).not.toBe(two.ipv4)
  for (const address of [two.ipv4, one.gateway, "127.0.0.1"]) await answered(one.netnsPath, address)
  await serve(outside.path, 7, "machine")
  for (const protocol of ["tcp", "udp"] as const)
    expect(ask(one.netnsPath, protocol, outsideAddress, 7)).toBe(`machine ${hostAddress}`)
})

test("a published port answers on 127.0.0.1, on the host's addresses, to another machine, to neighbours and to itself", async () => {
  const port = await freePort()
  const web = await connect("web", [binding("tcp", port), binding("udp", port)])
  expect(web.ports.map(({ hostPort, hostIp }) => [hostIp, hostPort])).toEqual([
    ["0.0.0.0", port],
    ["::", port],
    ["0.0.0.0", port],
    ["::", port],
  ])
  const neighbour = await connect("neighbour")
  const server = await serve(web.netnsPath, 80, "web")
  for (const protocol of ["tcp", "udp"] as const) {
    expect(ask(undefined, protocol, "127.0.0.1", port)).toBe(`web ${web.gateway}`)
    expect(ask(undefined, protocol, hostAddress, port)).toStartWith("web ")
    expect(ask(undefined, protocol, web.gateway, port)).toStartWith("web ")
    expect(ask(outside.path, protocol, hostAddress, port)).toBe(`web ${outsideAddress}`)
    expect(ask(neighbour.netnsPath, protocol, web.gateway, port)).toBe(`web ${web.gateway}`)
    expect(ask(neighbour.netnsPath, protocol, hostAddress, port)).toBe(`web ${web.gateway}`)
    expect(ask(web.netnsPath, protocol, web.gateway, port)).toBe(`web ${web.gateway}`)
    expect(ask(neighbour.netnsPath, protocol, web.ipv4, 80)).toBe(`web ${neighbour.ipv4}`)
  }
  // Who runs in it would hold its namespace, which would be told.
  await end(server)
  await network.disconnect(web.containerId)
  expect(ask(undefined, "tcp", "127.0.0.1", port, "2")).toBe("failed")
})

test("a port published on 127.0.0.1 is the host's alone, one that is not published is nobody's from outside", async () => {
  const port = await freePort()
  const web = await connect("local", [binding("tcp", port, { hostIp: "127.0.0.1" })])
  await serve(web.netnsPath, 80, "local")
  expect(ask(undefined, "tcp", "127.0.0.1", port)).toBe(`local ${web.gateway}`)
  expect(ask(outside.path, "tcp", hostAddress, port, "2")).toBe("failed")
  // The other machine's default route leads through the host, so it can try the container's own address.
  expect(ask(outside.path, "tcp", web.ipv4, 80, "2")).toBe("failed")
  const neighbour = await connect("curious")
  expect(ask(neighbour.netnsPath, "tcp", web.gateway, port, "2")).toBe("failed")
})

test("a client that sends UDP before the port is published is heard afterwards, from the same socket", async () => {
  const port = await freePort()
  const client = createSocket("udp4")
  client.on("error", () => {})
  await new Promise<void>((resolve) => client.bind(0, resolve))
  const heard = new Promise<string>((resolve) => client.once("message", (answer) => resolve(answer.toString())))
  await new Promise((resolve) => client.send("early", port, hostAddress, resolve))
  const late = await connect("late", [binding("udp", port)])
  const server = await serve(late.netnsPath, 80, "late")
  // As clients do: again until there is an answer. Each packet would keep the flow alive that began too early.
  const repeat = setInterval(() => client.send("now", port, hostAddress), 50)
  expect(await heard).toStartWith("late ")
  clearInterval(repeat)
  client.close()
  await end(server)
  await network.disconnect(late.containerId)
})

test("a port that is taken is refused in Docker's words and leaves nothing taken", async () => {
  const [port, other] = [await freePort(), await freePort()]
  const web = await connect("holder", [binding("tcp", port)])
  const failure = await connect("late", [binding("tcp", other), binding("tcp", port)]).catch((error: Error) => error)
  expect((failure as Error).message).toMatch(
    new RegExp(
      `^driver failed programming external connectivity on endpoint late \\([0-9a-f]{64}\\): Bind for 0\\.0\\.0\\.0:${port} failed: port is already allocated \\(by container holder`,
    ),
  )
  await network.disconnect(web.containerId)
  const again = await connect("late", [binding("tcp", other), binding("tcp", port)])
  expect(again.ports.map(({ hostPort }) => hostPort)).toEqual([other, other, port, port])
})

test("asked-for addresses and MAC addresses are given", async () => {
  const address = `${network.gateway.replace(/\d+$/, "")}200`
  const container = await connect("given", [], { ipv4: address, macAddress: "02:42:AC:11:00:99" })
  expect(container.ipv4).toBe(address)
  const shown = execFileSync("nsenter", [`--net=${container.netnsPath}`, "ip", "address", "show", "eth0"]).toString()
  expect(shown).toContain(`inet ${address}/24`)
  expect(shown).toContain("02:42:ac:11:00:99")
  await answered(container.netnsPath, network.gateway)
  await expect(connect("thief", [], { ipv4: address })).rejects.toThrow("Address already in use")
})

test("counters are the container's view", async () => {
  const container = await connect("counted")
  const before = network.counters(container.containerId)!
  // So much that what neighbours announce to everybody beside it is little.
  const ping = ["busybox", "ping", "-c", "1", "-s", "20000", network.gateway]
  execFileSync("nsenter", [`--net=${container.netnsPath}`, ...ping])
  const after = network.counters(container.containerId)!
  for (const bytes of [after.txBytes - before.txBytes, after.rxBytes - before.rxBytes]) {
    expect(Number(bytes)).toBeGreaterThan(20_000)
    expect(Number(bytes)).toBeLessThan(40_000)
  }
  expect(network.counters("nobody")).toBeUndefined()
})

test("fifty containers at once get fifty different places", async () => {
  const times: number[] = []
  const sequential: BridgedContainer[] = []
  for (let round = 0; round < 50; round++) {
    const start = performance.now()
    sequential.push(await connect(`seq${round}`))
    times.push(performance.now() - start)
  }
  times.sort((a, b) => a - b)
  const start = performance.now()
  const together = await Promise.all(Array.from({ length: 50 }, (_, index) => connect(`par${index}`)))
  const whole = performance.now() - start
  console.log(
    `connect, 50 in a row without pause: median ${times[25]!.toFixed(3)} ms, slowest ${times[49]!.toFixed(1)} ms; 50 at once: ${whole.toFixed(0)} ms`,
  )
  const all = [...sequential, ...together]
  expect(new Set(all.map(({ ipv4 }) => ipv4)).size).toBe(100)
  expect(new Set(all.map(({ netnsPath }) => netnsPath)).size).toBe(100)
  const leaving = performance.now()
  for (const { containerId } of all) await network.disconnect(containerId)
  console.log(`disconnect: ${((performance.now() - leaving) / 100).toFixed(3)} ms each`)
})

test("the table comes back when somebody flushed it, with the ports in it", async () => {
  const port = await freePort()
  const first = await connect("before", [binding("tcp", port)])
  await serve(first.netnsPath, 80, "before")
  execFileSync("nft", ["delete", "table", "inet", `barge_${bridge}`])
  const second = await connect("after", [binding("tcp", 0)])
  expect(ask(undefined, "tcp", "127.0.0.1", port)).toBe(`before ${network.gateway}`)
  expect(second.ports[0]!.hostPort).toBeGreaterThan(0)
})

test("a second daemon cannot take the bridge", async () => {
  await expect(openDefaultBridge(options)).rejects.toThrow(
    `bridge ${bridge} is in use by another daemon (process ${process.pid})`,
  )
})

test("after a restart living containers keep everything, the others' places and unused ones are gone", async () => {
  for (const child of children) await end(child)
  for (const { containerId } of network.endpoints()) await network.disconnect(containerId)
  const [port, deadPort] = [await freePort(), await freePort()]
  const living = await connect("living", [binding("tcp", port)])
  const dead = await connect("dead", [binding("tcp", deadPort)])
  await serve(living.netnsPath, 80, "living")
  const subnet = network.subnet
  await network[Symbol.asyncDispose]()
  expect(ask(undefined, "tcp", "127.0.0.1", port)).toBe(`living ${living.gateway}`)

  network = await openDefaultBridge(options)
  await network.reconcile(new Set([living.containerId]))
  expect(network.subnet).toBe(subnet)
  expect(network.endpoint(living.containerId)).toEqual(living)
  expect(network.endpoint(dead.containerId)).toBeUndefined()
  expect(existsSync(dead.netnsPath)).toBe(false)
  expect(ask(undefined, "tcp", "127.0.0.1", port)).toBe(`living ${living.gateway}`)
  await expect(connect("thief", [binding("tcp", port)])).rejects.toThrow(
    "port is already allocated (by container living",
  )
  expect((await connect("new", [binding("tcp", deadPort)])).ipv4).not.toBe(living.ipv4)
})

test("in the end nothing is left of bridge, interfaces, table, mounts and namespaces", async () => {
  for (const child of children) await end(child)
  for (const { containerId } of network.endpoints()) await network.disconnect(containerId)
  await network[Symbol.asyncDispose]()
  expect(records.size).toBe(0)
  expect(tables()).not.toContain(`barge_${bridge}`)
  expect(links().filter((name) => name.startsWith(bridge) && name !== `${bridge}o`)).toEqual([])
  expect(mounts().filter((line) => line.includes("/netns/"))).toEqual([])
  expect(existsSync(join(runRoot, "netns")) ? readdirSync(join(runRoot, "netns")) : []).toEqual([])
  expect(messages.filter((message) => !message.includes("ip_forward") && !message.includes("removed by"))).toEqual([])
})
