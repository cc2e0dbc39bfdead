import { afterAll, afterEach, beforeAll, expect, test } from "bun:test"
import { resolve } from "node:path"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { OwnNetwork } from "../fixtures/own-network.ts"

/** Ways of networks that few use, each of which went wrong once. */
let host: OwnNetwork
let daemon: TestDaemon

const docker = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.docker(...args)
  if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${stderr}\n${daemon.log}`)
  return stdout.trim()
}

/** Starts a container that only waits. */
const start = (name: string, ...flags: string[]) => docker("run", "-d", "--name", name, ...flags, "busybox", "top")
const inside = (name: string, ...command: string[]) => docker("exec", name, ...command)
const inspect = (name: string, template: string) => docker("inspect", "-f", `{{${template}}}`, name)

/** Runs a program of the host in a container's network. */
const inNetworkOf = async (container: string, ...command: string[]): Promise<string> => {
  const pid = await inspect(container, ".State.Pid")
  return (await daemon.run("nsenter", "-t", pid, "-n", ...command)).stdout.trim()
}

beforeAll(async () => {
  host = await OwnNetwork.make()
  daemon = await TestDaemon.start([], host.barge)
  await daemon.bootstrap()
})

afterEach(async () => {
  const containers = await docker("ps", "-aq")
  if (containers) await docker("rm", "-f", ...containers.split("\n"))
  await docker("network", "prune", "-f")
})

afterAll(async () => {
  await daemon[Symbol.asyncDispose]()
  await host[Symbol.asyncDispose]()
})

test("a container shares the network of one that shares another one's, with its files", async () => {
  await start("first", "--hostname", "origin")
  await start("second", "--network", "container:first")
  await start("third", "--network", "container:second")
  expect(await inside("third", "hostname")).toBe("origin")
  for (const command of [
    ["cat", "/etc/hosts"],
    ["cat", "/etc/resolv.conf"],
    ["ip", "address"],
  ])
    expect(await inside("third", ...command)).toBe(await inside("first", ...command))
})

test("a default route of a container's own with another metric does not stand in the way of networks", async () => {
  await docker("network", "create", "a")
  await docker("network", "create", "z")
  await start("walker", "--network", "z")
  const route = await inside("walker", "ip", "route")
  const gateway = await inspect("walker", ".NetworkSettings.Networks.z.Gateway")
  const own = ["ip", "route", "add", "default", "via", gateway, "dev", "eth0"]
  // Two default routes: the second one of another metric does not stand in the way, one of the same does.
  await inNetworkOf("walker", ...own, "metric", "7")
  await docker("network", "connect", "a", "walker")
  expect(await inside("walker", "ip", "route")).toContain("dev eth1")
  await docker("network", "disconnect", "a", "walker")
  expect(await inside("walker", "ip", "route", "show", "default")).toContain(gateway)
  await inNetworkOf("walker", "ip", "route", "delete", "default", "metric", "7")
  expect(await inside("walker", "ip", "route")).toBe(route)
})

test("a connection whose route is refused leaves neither interface nor endpoint, and the old route", async () => {
  await docker("network", "create", "a")
  await docker("network", "create", "z")
  await start("walker", "--network", "z")
  const gateway = await inspect("walker", ".NetworkSettings.Networks.z.Gateway")
  // A prohibition of the container's own, which the daemon's route would have to replace.
  await inNetworkOf("walker", "ip", "route", "delete", "default")
  await inNetworkOf("walker", "ip", "route", "add", "prohibit", "default")
  const before = await inside("walker", "ip", "route")
  expect((await daemon.docker("network", "connect", "a", "walker")).code).not.toBe(0)
  expect(await inside("walker", "ip", "route")).toBe(before)
  expect(await inside("walker", "ls", "/sys/class/net")).not.toContain("eth1")
  expect(await inspect("walker", "len .NetworkSettings.Networks")).toBe("1")
  await inNetworkOf("walker", "ip", "route", "delete", "prohibit", "default")
  await docker("network", "connect", "a", "walker")
  await inNetworkOf("walker", "ip", "route", "add", "prohibit", "default", "metric", "0")
  await docker("network", "disconnect", "a", "walker")
  expect(await inspect("walker", "len .NetworkSettings.Networks")).toBe("1")
  expect(gateway).not.toBe("")
})

test("a published port that can be any leaves alone the one that the same container asks for", async () => {
  await host.run("sysctl", "-qw", "net.ipv4.ip_local_port_range=40000 40001")
  await daemon.end("SIGTERM")
  await daemon.startAgain()
  await start("both", "-P", "-p", "80", "-p", "40000:8080")
  expect(await docker("port", "both", "8080")).toContain("0.0.0.0:40000")
  expect(await docker("port", "both", "80")).toContain("0.0.0.0:40001")
})

test("NAME.NETWORK is found where the network's name has dots", async () => {
  await docker("network", "create", "net.with.dots")
  await start("server", "--network", "net.with.dots")
  await start("client", "--network", "net.with.dots")
  const address = await inspect("server", '(index .NetworkSettings.Networks "net.with.dots").IPAddress')
  expect(await inside("client", "nslookup", "server.net.with.dots")).toContain(address)
})

test("a host name with dots has its first label beside it in the hosts file", async () => {
  await start("whole", "--hostname", "web.example.com")
  await start("parts", "--hostname", "web", "--domainname", "example.com")
  await start("short", "--hostname", "web")
  for (const name of ["whole", "parts"])
    expect(await inside(name, "cat", "/etc/hosts")).toMatch(/\tweb\.example\.com web$/m)
  expect(await inside("short", "cat", "/etc/hosts")).toMatch(/\tweb$/m)
})

test("inspect tells the names that a renamed container has now, whether it runs or not", async () => {
  await docker("network", "create", "own")
  await start("before", "--network", "own")
  const names = ".NetworkSettings.Networks.own.DNSNames"
  await docker("rename", "before", "after")
  expect(await inspect("after", names)).toMatch(/^\[after /)
  await docker("stop", "-t", "0", "after")
  await docker("rename", "after", "later")
  await docker("start", "later")
  expect(await inspect("later", names)).toMatch(/^\[later /)
})

test("a network with IPv6 only takes no IPv4 port of the host, and reaches the container at an IPv6 one", async () => {
  await docker("network", "create", "--ipv6", "--ipv4=false", "six")
  await start("six1", "--network", "six", "-p", "8080:80")
  expect(await docker("port", "six1")).toBe("80/tcp -> [::]:8080")
  // The IPv4 side of the port is free for others.
  await start("four", "-p", "0.0.0.0:8080:80")
  expect(await docker("port", "four")).toBe("80/tcp -> 0.0.0.0:8080")
})

test("an isolated bridge has no address of any kind", async () => {
  const mode = ["4", "6"].flatMap((family) => ["-o", `com.docker.network.bridge.gateway_mode_ipv${family}=isolated`])
  const id = await docker("network", "create", "--internal", "--ipv6", ...mode, "alone")
  expect(await host.run("ip", "-o", "address", "show", "dev", `br-${id.slice(0, 12)}`)).toBe("")
})

test("what is no question is answered with a format error, an unknown operation as such, an answer not at all", async () => {
  await docker("network", "create", "own")
  await start("asker", "--network", "own")
  const ask = (bytes: string) =>
    inNetworkOf("asker", process.execPath, resolve(import.meta.dir, "../fixtures/ask-bytes.ts"), bytes)
  expect(await ask("abcd01000001000000000000ff")).toBe("abcd81810000000000000000")
  expect(await ask("abcd28000001000000000000")).toBe("abcda8840000000000000000")
  // The answer to the second message is the first one: what looks like an answer had none.
  expect(await ask("abcd80000001000000000000 1234010000010000000000003f")).toBe("123481810000000000000000")
})

test("a routed container answers pings, and at its published port also when another network leads its packets out and publishes it at the host", async () => {
  await using outside = await OwnNetwork.make()
  await host.run("ip", "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", outside.name)
  for (const [network, address] of [
    [host, "198.51.100.1/24"],
    [outside, "198.51.100.2/24"],
  ] as const) {
    await network.run("ip", "address", "add", address, "dev", "wire")
    await network.run("ip", "link", "set", "wire", "up")
  }
  await outside.run("ip", "route", "add", "default", "via", "198.51.100.1")
  const routed = ["-o", "com.docker.network.bridge.gateway_mode_ipv4=routed"]
  await docker("network", "create", ...routed, "z-routed")
  await docker("network", "create", "a-plain")
  const serving = ["sh", "-c", "echo inside > index.html; exec httpd -f -p 80"]
  await docker("run", "-d", "--name", "web", "--network", "z-routed", "-p", "80", "busybox", ...serving)
  const address = await inspect("web", '(index .NetworkSettings.Networks "z-routed").IPAddress')
  const page = () => outside.run("curl", "-s", "-m", "2", `http://${address}`).catch(() => "")
  await eventually(async () => (await page()) === "inside", "the port is reached at the container's address")
  await outside.run("busybox", "ping", "-c", "1", "-W", "2", address)
  await docker("network", "connect", "a-plain", "web")
  expect(await page()).toBe("inside")
  // The network that leads packets out publishes the port at the host too, until the container leaves it.
  const port = /0\.0\.0\.0:([1-9]\d*)/.exec(await docker("port", "web", "80"))?.[1]
  const atHost = () => outside.run("curl", "-s", "-m", "2", `http://198.51.100.1:${port}`).catch(() => "")
  expect(await atHost()).toBe("inside")
  await docker("network", "disconnect", "a-plain", "web")
  expect([await atHost(), await page()]).toEqual(["", "inside"])
  expect(await docker("port", "web", "80")).not.toMatch(/0\.0\.0\.0:\d/)
})
