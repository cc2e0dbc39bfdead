import { expect, test } from "bun:test"
import { execFile } from "node:child_process"
import { createSocket } from "node:dgram"
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { promisify } from "node:util"
import { addAddress } from "../../src/linux/addresses.ts"
import { createVeth, linkByName, linkUp } from "../../src/linux/links.ts"
import { LowDescriptors } from "../../src/linux/low-descriptors.ts"
import { NetlinkSocket } from "../../src/linux/netlink.ts"
import type { Records } from "../../src/network/contract.ts"
import { dropNamespace, makeNamespaces, type NewNamespace } from "../../src/network/namespaces.ts"
import { openNetworking } from "../../src/network/networking.ts"
import { noSink, Span } from "../../src/trace/span.ts"
import { type BridgeOptions, type DefaultBridge, openDefaultBridge } from "../fixtures/default-bridge.ts"
import { eventually } from "../fixtures/eventually.ts"
import { addressPool } from "../fixtures/lane.ts"

const run = promisify(execFile)
const bridge = `bo${process.pid.toString(36)}`
const fixture = (name: string) => resolve(import.meta.dir, "../fixtures", name)
const span = () => Span.root(noSink, "network", "test")

/** Opens a network of its own for `work`, and removes it. */
async function withNetwork(
  more: Partial<BridgeOptions>,
  work: (network: DefaultBridge, root: string) => Promise<void>,
) {
  const root = mkdtempSync(join(tmpdir(), "barge-network-"))
  try {
    const network = await openDefaultBridge({
      bridge,
      runRoot: root,
      records: { put: () => {}, delete: () => true, all: () => [] },
      defaultAddressPools: [addressPool],
      log: () => {},
      ...more,
    })
    try {
      await work(network, root)
    } finally {
      for (const { containerId } of network.endpoints()) await network.disconnect(containerId)
      await network[Symbol.asyncDispose]()
    }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

const within = (netns: string, command: string, ...args: string[]) =>
  run("nsenter", [`--net=${netns}`, command, ...args])
const pings = (netns: string, address: string) =>
  within(netns, "busybox", "ping", "-c", "1", "-W", "1", address).then(
    () => true,
    () => false,
  )

test("without icc containers reach the gateway and published ports, but not each other", async () => {
  await withNetwork({ icc: false }, async (network) => {
    const web = await network.connect(
      "web",
      { containerName: "web", ports: [{ protocol: "tcp", containerPort: 80, hostIp: "", hostPort: 0 }] },
      span(),
    )
    const other = await network.connect("other", { containerName: "other", ports: [] }, span())
    await eventually(() => pings(other.netnsPath, network.gateway), "the gateway answers")
    expect(await pings(other.netnsPath, web.ipv4)).toBe(false)
    const fixtures = resolve(import.meta.dir, "../fixtures")
    const echo = execFile("nsenter", [
      `--net=${web.netnsPath}`,
      process.execPath,
      join(fixtures, "echo-server.ts"),
      "80",
      "web",
    ])
    const gone = new Promise((resolve) => echo.once("exit", resolve))
    await new Promise((resolve) => echo.stdout!.once("data", resolve))
    const port = String(web.ports[0]!.hostPort)
    const answer = await within(
      other.netnsPath,
      process.execPath,
      join(fixtures, "ask.ts"),
      "tcp",
      network.gateway,
      port,
    )
    echo.kill("SIGKILL")
    await gone
    expect(answer.stdout.trim()).toBe(`web ${network.gateway}`)
  })
})

test("bridge address, range and MTU are as asked, and contradictions are refused with the flag's name", async () => {
  await withNetwork({ bip: "10.206.77.1/24", fixedCidr: "10.206.77.64/26", mtu: 1280 }, async (network) => {
    expect(network.subnet).toBe("10.206.77.0/24")
    expect(network.gateway).toBe("10.206.77.1")
    const container = await network.connect("one", { containerName: "one", ports: [] }, span())
    expect(container.ipv4).toBe("10.206.77.64")
    expect((await within(container.netnsPath, "ip", "link", "show", "eth0")).stdout).toContain("mtu 1280")
  })
  await expect(withNetwork({ bip: "10.206.77.0/24" }, async () => {})).rejects.toThrow("--bip")
  await expect(withNetwork({ bip: "10.206.77.1/24", fixedCidr: "10.1.0.0/24" }, async () => {})).rejects.toThrow(
    "10.1.0.0/24 is not part of the network 10.206.77.0/24",
  )
  await expect(withNetwork({ bridge: "a-name-that-is-too-long" }, async () => {})).rejects.toThrow("not usable")
  await expect(withNetwork({ bridge: "lo" }, async () => {})).rejects.toThrow("lo exists and is not a bridge")
})

test("a subnet that is used up is told, and a place that becomes free is used", async () => {
  await withNetwork({ bip: "10.206.77.1/29" }, async (network) => {
    for (let index = 0; index < 5; index++)
      await network.connect(`c${index}`, { containerName: `c${index}`, ports: [] }, span())
    await expect(network.connect("more", { containerName: "more", ports: [] }, span())).rejects.toThrow(
      "no available IPv4 addresses",
    )
    await network.disconnect("c2")
    expect((await network.connect("more", { containerName: "more", ports: [] }, span())).ipv4).toBe("10.206.77.4")
  })
})

test("when the host's resolver is on its loopback the gateway answers containers", async () => {
  // An address of the loopback network that no resolver of a distribution uses.
  const upstream = createSocket("udp4")
  await new Promise<void>((resolve) => upstream.bind(53, "127.77.0.1", resolve))
  upstream.on("message", (question, from) => {
    const answer = Buffer.concat([question, Buffer.from("c00c000100010000003c0004c0000207", "hex")])
    answer[2] = 0x81
    answer[3] = 0x80
    const wantsIpv4 = question.readUInt16BE(question.length - 4) === 1
    answer.writeUInt16BE(wantsIpv4 ? 1 : 0, 6)
    upstream.send(wantsIpv4 ? answer : answer.subarray(0, question.length), from.port, from.address)
  })
  const folder = mkdtempSync(join(tmpdir(), "barge-network-"))
  const resolvConf = join(folder, "resolv.conf")
  writeFileSync(resolvConf, "nameserver 127.77.0.1\n")
  try {
    await withNetwork({ resolvConf }, async (network) => {
      expect((await network.nameservers())[0]).toBe(network.gateway)
      const container = await network.connect("asking", { containerName: "asking", ports: [] }, span())
      const answer = await within(container.netnsPath, "busybox", "nslookup", "barge.test", network.gateway)
      expect(answer.stdout).toContain("192.0.2.7")
      writeFileSync(resolvConf, "nameserver 192.0.2.53\n")
      expect(await network.nameservers()).toEqual(["192.0.2.53"])
    })
  } finally {
    await new Promise<void>((resolve) => upstream.close(() => resolve()))
    rmSync(folder, { recursive: true })
  }
})

test("with respectHostFirewall others come in through the host's input rules, the host itself as before", async () => {
  await withNetwork({ respectHostFirewall: true }, async (network, root) => {
    const [outside] = (await makeNamespaces(join(root, "outside"), ["machine"], { ipv6: true })) as [NewNamespace]
    using host = NetlinkSocket.open()
    const link = `${bridge}o`
    const descriptor = openSync(outside.path, "r")
    const ends = { host: link, peer: "eth0", peerNamespace: descriptor, peerMacAddress: "02:00:00:00:00:02" }
    createVeth(host, { ...ends, mtu: 1500, master: 0 })
    closeSync(descriptor)
    host.execute(addAddress(linkByName(host, link)!.index, "198.51.100.129", 28))
    const { index } = linkByName(outside.route, "eth0")!
    outside.route.execute(linkUp(index), addAddress(index, "198.51.100.130", 28))
    const firewall = `barge_test_${process.pid}`
    try {
      const protocols = ["tcp", "udp"] as const
      const ports = protocols.map((protocol) => ({ protocol, containerPort: 80, hostIp: "", hostPort: 0 }))
      const web = await network.connect("web", { containerName: "web", ports }, span())
      const portOf = (protocol: string) => String(web.ports.find((each) => each.protocol === protocol)!.hostPort)
      const server = execFile("nsenter", [
        `--net=${web.netnsPath}`,
        process.execPath,
        fixture("echo-server.ts"),
        "80",
        "web",
      ])
      await new Promise((resolve) => server.stdout!.once("data", resolve))
      const ask = async (netns: string, protocol: string, address: string, ...seconds: string[]) => {
        const question = [protocol, address, portOf(protocol), ...seconds]
        return (await within(netns, process.execPath, fixture("ask.ts"), ...question)).stdout.trim()
      }
      for (const protocol of protocols) {
        const [place, port] = [`inet ${firewall}`, portOf(protocol)]
        await run("nft", [`add table ${place} { chain in { type filter hook input priority 0; }; }`])
        await run("nft", [`add rule ${place} in iifname ${link} ${protocol} dport ${port} drop`])
        expect(await ask(outside.path, protocol, "198.51.100.129", "2")).toBe("failed")
        for (const loopback of ["127.0.0.1", "::1"])
          expect(await ask("/proc/self/ns/net", protocol, loopback)).toBe(`web ${network.gateway}`)
        await run("nft", [`delete table ${place}`])
        expect(await ask(outside.path, protocol, "198.51.100.129")).toBe(`web ${network.gateway}`)
      }
      const gone = new Promise((resolve) => server.once("exit", resolve))
      server.kill("SIGKILL")
      await gone
    } finally {
      await run("nft", [`delete table inet ${firewall}`]).catch(() => {})
      dropNamespace(outside.path, outside)
    }
  })
})

test("the two hundredth container of a network takes as little work as the first", async () => {
  const root = mkdtempSync(join(tmpdir(), "barge-network-"))
  const records = <T>(): Records<T> => ({ put: () => {}, delete: () => true, all: () => [] })
  using lowDescriptors = LowDescriptors.reserve()
  const networking = await openNetworking({
    name: bridge,
    lowDescriptors,
    defaultBridge: false,
    runRoot: root,
    sandboxes: records(),
    networks: records(),
    defaultAddressPools: [{ ...addressPool, size: 22 }],
    log: () => {},
  })
  try {
    const id = "c0ffee".padEnd(64, "0")
    const request = { id, name: "many", driver: "bridge" as const, ipv4: true, ipv6: false, subnets: [], options: {} }
    networking.create({ ...request, internal: false })
    const times: number[] = []
    for (let index = 0; index < 200; index++) {
      // Of the processor, not of the clock: others may be busy on this machine.
      const before = process.cpuUsage()
      const endpoint = { networkId: id, names: [`c${index}`, "all"], links: {}, gatewayPriority: 0 }
      const who = { containerId: `c${index}`, containerName: `c${index}` }
      await networking.join({ ...who, endpoints: [endpoint], ports: [], nameservers: [] }, span())
      const { user, system } = process.cpuUsage(before)
      times.push((user + system) / 1000)
      // As starts come: with some time in between, in which places are made ready.
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const median = (part: number[]) => [...part].sort((a, b) => a - b)[part.length >> 1]!
    const [first, last] = [median(times.slice(0, 50)), median(times.slice(150))]
    console.log(`join a network of the user: containers 1-50 ${first.toFixed(2)} ms, 151-200 ${last.toFixed(2)} ms`)
    expect(new Set(networking.sandboxes().map(({ endpoints }) => endpoints[0]!.ipv4!.address)).size).toBe(200)
    expect(last).toBeLessThan(3 * first + 1)
    for (const { containerId } of networking.sandboxes()) networking.leave(containerId)
    networking.remove(id)
  } finally {
    await networking[Symbol.asyncDispose]()
    rmSync(root, { recursive: true, force: true })
  }
})
