import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { runProgram, TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { processesOf } from "../fixtures/kernel-state.ts"
import { OwnNetwork } from "../fixtures/own-network.ts"

/** Daemons in a network namespace of their own, where everything that is seen is theirs. */
let host: OwnNetwork

beforeAll(async () => {
  host = await OwnNetwork.make()
})
afterAll(() => host[Symbol.asyncDispose]())

const cli =
  (daemon: TestDaemon) =>
  async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await daemon.barge(...args)
    if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${stderr}\n${daemon.log}`)
    return stdout.trim()
  }

test("the default bridge is as the daemon's flags say", async () => {
  await using daemon = await TestDaemon.start(
    [
      "--bip=10.77.5.1/24",
      "--fixed-cidr=10.77.5.64/26",
      "--default-gateway=10.77.5.254",
      "--ipv6",
      "--bip6=fd77:5::1/64",
      "--default-gateway-v6=fd77:5::fe",
      "--icc=false",
      "--ip=127.0.0.1",
      "--ip-forward=false",
      "--ip-masq=false",
      "--mtu=1400",
      "--dns=192.0.2.1",
      "--dns-search=example.test",
      "--dns-opt=timeout:1",
      "--default-network-opt=bridge=com.docker.network.driver.mtu=1300",
      "--default-address-pool=base=10.78.0.0/16,size=28",
    ],
    host.barge,
  )
  const docker = cli(daemon)
  await daemon.bootstrap()
  const script = "ip route; ip -6 route; ip link show eth0; cat /etc/resolv.conf"
  const seen = await docker("run", "--rm", "busybox", "sh", "-c", script)
  for (const part of [
    "default via 10.77.5.254 dev eth0",
    "default via fd77:5::fe dev eth0",
    "mtu 1400",
    "nameserver 192.0.2.1\nsearch example.test\noptions timeout:1",
  ])
    expect(seen).toContain(part)
  await docker("run", "-d", "--name", "one", "-p", "80", "busybox", "top")
  await docker("run", "-d", "--name", "two", "busybox", "top")
  const address = await docker("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", "one")
  expect(address).toMatch(/^10\.77\.5\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])$/)
  expect(await docker("port", "one")).toMatch(/^80\/tcp -> 127\.0\.0\.1:\d+$/)
  const ping = await daemon.barge("exec", "two", "ping", "-c", "1", "-W", "1", address)
  expect(ping.stdout).toContain("100% packet loss")
  expect(await host.run("sysctl", "-n", "net.ipv4.ip_forward")).toBe("0")
  expect(await host.run("nft", "list", "set", "inet", `barge_${daemon.bridge}`, "hidden")).not.toContain("elements")
  const [{ IPAM, Options }] = JSON.parse(await docker("network", "inspect", "bridge"))
  expect(IPAM.Config).toEqual([
    {
      Subnet: "10.77.5.0/24",
      IPRange: "10.77.5.64/26",
      Gateway: "10.77.5.1",
      AuxiliaryAddresses: { DefaultGatewayIPv4: "10.77.5.254" },
    },
    { Subnet: "fd77:5::/64", Gateway: "fd77:5::1", AuxiliaryAddresses: { DefaultGatewayIPv6: "fd77:5::fe" } },
  ])
  expect(Options).toMatchObject({
    "com.docker.network.bridge.enable_icc": "false",
    "com.docker.network.bridge.enable_ip_masquerade": "false",
    "com.docker.network.bridge.host_binding_ipv4": "127.0.0.1",
    "com.docker.network.driver.mtu": "1400",
  })
  await docker("network", "create", "own")
  expect(await docker("network", "inspect", "-f", "{{range .IPAM.Config}}{{.Subnet}}{{end}}", "own")).toMatch(
    /^10\.78\.\d+\.\d+\/28$/,
  )
  expect(await docker("run", "--rm", "--network", "own", "busybox", "ip", "link", "show", "eth0")).toContain("mtu 1300")
  const everywhere = await docker("run", "-d", "--name", "three", "--network", "own", "-p", "80", "busybox", "top")
  expect(await docker("port", everywhere)).toContain("80/tcp -> 0.0.0.0:")
  await docker("rm", "-f", "three")
  await docker("network", "rm", "own")
})

test("flags of the default bridge that contradict each other are refused by name", async () => {
  const refused = async (flag: string) => {
    const root = join(host.folder, "refused")
    const places = [
      `--data-root=${root}/data`,
      `--exec-root=${root}/run`,
      `--pidfile=${root}/pid`,
      `-H=unix://${root}/socket`,
    ]
    const more = ["--config-file=/dev/null", "--bridge=btrefused", "--bip=10.77.5.1/24", flag]
    return (await runProgram(host.barge, ["daemon", ...places, ...more])).stderr
  }
  expect(await refused("--default-gateway=10.1.1.1")).toContain(
    "--default-gateway 10.1.1.1 is no address of the default bridge",
  )
  expect(await refused("--fixed-cidr=10.1.1.0/24")).toContain("10.1.1.0/24")
  expect(await refused("--ip=nowhere")).toContain("nowhere")
})

test("everything in the kernel has a name of ours, survives kill -9 in order, and is gone after the last container and network", async () => {
  await using daemon = await TestDaemon.start([], host.barge)
  const docker = cli(daemon)
  await daemon.bootstrap()
  const ids = new Map<string, string>()
  for (const [name, ...flags] of [
    ["plain"],
    ["dual", "--ipv6", "--subnet", "fd77:6::/64"],
    ["inner", "--internal"],
    ["flat", "-d", "macvlan"],
  ] as const)
    ids.set(name, await docker("network", "create", ...flags, name))
  // With a kernel that has ipvlan one network more; otherwise it is told what is missing, and nothing of it stays.
  const layered = await daemon.barge("network", "create", "-d", "ipvlan", "layered")
  if (layered.code === 0) ids.set("layered", layered.stdout.trim())
  else
    expect(layered.stderr).toContain("the kernel of this host has no ipvlan links: load the module (modprobe ipvlan)")
  await docker(
    "run",
    "-d",
    "--name",
    "one",
    "--network",
    "plain",
    "--network",
    "dual",
    "-p",
    "8000-8009:8000-8009",
    "busybox",
    "top",
  )
  await docker(
    "run",
    "-d",
    "--name",
    "two",
    "--network",
    "inner",
    "--network",
    "flat",
    "-p",
    "81:81/udp",
    "busybox",
    "top",
  )
  await docker("run", "-d", "--name", "three", "-p", "82:82", "busybox", "top")
  // Elements of a set have no order.
  const ruleset = async () =>
    (await host.run("nft", "list", "ruleset"))
      .split(/[\s,]+/)
      .sort()
      .join(" ")
  const ours = async () => {
    const bridges = [...ids.values()].flatMap((id) => [`br-${id.slice(0, 12)}`, `dm-${id.slice(0, 12)}`])
    const links = await host.links()
    expect(links.filter((name) => !name.startsWith(daemon.bridge) && !bridges.includes(name))).toEqual([])
    expect(await host.run("nft", "list", "tables")).toBe(`table inet barge_${daemon.bridge}`)
    return { links, rules: await ruleset() }
  }
  const before = await ours()
  expect(before.rules).toContain("8000-8009")
  for (const killed of ["daemon", "both"]) {
    await daemon.end("SIGKILL")
    if (killed === "both") for (const pid of processesOf(daemon.root, "shim")) process.kill(pid, "SIGKILL")
    expect(await ruleset()).toBe(before.rules)
    await daemon.startAgain()
    const after = await ours()
    expect(after.rules).toBe(before.rules)
    const living = (links: readonly string[]) =>
      links.filter((name) => name.startsWith("br-") || name.startsWith("dm-"))
    expect(living(after.links)).toEqual(living(before.links))
    expect(await docker("exec", "one", "ping", "-c", "1", "-W", "5", "one")).toContain("0% packet loss")
  }
  await docker("rm", "-f", "one", "two", "three")
  await docker("network", "rm", ...ids.keys())
  // What is ready for the next container stays, and no more.
  while ((await host.links()).some((name) => !name.startsWith(daemon.bridge)))
    await new Promise((resolve) => setTimeout(resolve, 20))
  const empty = await ruleset()
  for (const word of ["8000", "81", "82", "fd77:6", ...[...ids.values()].map((id) => id.slice(0, 12))])
    expect(empty).not.toMatch(new RegExp(`\\b${word}\\b`))
  await daemon[Symbol.asyncDispose]()
  expect(await host.run("nft", "list", "ruleset")).toBe("")
  while ((await host.links()).length > 0) await new Promise((resolve) => setTimeout(resolve, 20))
  expect(existsSync(daemon.root)).toBe(false)
})

/** Whether frames within a bridge meet the rules of IP too: a setting of each network namespace, where br_netfilter is there. */
const consulting = "/proc/sys/net/bridge/bridge-nf-call-iptables"
const settings = existsSync(consulting) ? ["1", "0"] : ["0"]

for (const rules of settings)
  test(`without icc a linked container is reached at its exposed ports, and at nothing else: frames ${rules === "1" ? "" : "do not "}meet the rules`, async () => {
    if (existsSync(consulting)) await host.run("sysctl", "-qw", `net.bridge.bridge-nf-call-iptables=${rules}`)
    await using daemon = await TestDaemon.start(["--icc=false"], host.barge)
    const docker = cli(daemon)
    await daemon.bootstrap()
    const serving = "mkdir w; echo page > w/index.html; httpd -p 80 -h w; httpd -p 81 -h w; exec top"
    await docker("run", "-d", "--name", "server", "--expose", "80", "busybox", "sh", "-c", serving)
    const asking = ["busybox", "top"]
    await docker("run", "-d", "--name", "linked", "--link", "server:s", ...asking)
    await docker("run", "-d", "--name", "stranger", ...asking)
    const page = async (from: string, port: number, at = "s") =>
      (await daemon.barge("exec", from, "timeout", "1", "wget", "-qO-", `http://${at}:${port}`)).stdout.trim()
    const address = () => docker("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", "server")
    const reached = async () => [
      await page("linked", 80),
      await page("linked", 81),
      await page("stranger", 80, await address()),
    ]
    await eventually(async () => (await page("linked", 80)) === "page", "the link leads to the server")
    expect(await reached()).toEqual(["page", "", ""])
    await docker("restart", "-t", "0", "server")
    await eventually(async () => (await page("linked", 80)) === "page", "the link follows the server")
    await daemon.end("SIGKILL")
    await daemon.startAgain()
    expect(await reached()).toEqual(["page", "", ""])
    await docker("rm", "--link", "linked/s")
    expect(await reached()).toEqual(["", "", ""])
    await docker("rm", "-f", "server", "linked", "stranger")
  })
