import { expect, test } from "bun:test"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { OwnNetwork } from "../fixtures/own-network.ts"

const [hostAddress, outsideAddress] = ["198.51.100.1", "198.51.100.2"]

/** A host and a machine on the wire beside it, which serves `outside` on port 80. */
async function hostWithNeighbour() {
  const stack = new AsyncDisposableStack()
  const host = stack.use(await OwnNetwork.make())
  const outside = stack.use(await OwnNetwork.make())
  await host.run("ip", "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", outside.name)
  for (const [network, address] of [
    [host, hostAddress],
    [outside, outsideAddress],
  ] as const) {
    await network.run("ip", "address", "add", `${address}/24`, "dev", "wire")
    await network.run("ip", "link", "set", "wire", "up")
  }
  return { host, outside, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** A daemon on the host, with a container that serves port 80 of itself at port 8080 of the host. */
async function daemonOn(host: OwnNetwork, ...flags: string[]): Promise<TestDaemon> {
  const daemon = await TestDaemon.start(flags, host.barge)
  await daemon.bootstrap()
  const serving = ["sh", "-c", "echo inside > index.html; exec httpd -f -p 80"]
  const { code, stderr } = await daemon.docker("run", "-d", "--name", "web", "-p", "8080:80", "busybox", ...serving)
  if (code !== 0) throw new Error(stderr)
  return daemon
}

/** Whether the outside gets an answer at the published port, and the container one from the outside. */
async function passes(daemon: TestDaemon, outside: OwnNetwork): Promise<readonly [into: boolean, out: boolean]> {
  const into = await outside.run("curl", "-s", "-m", "2", `http://${hostAddress}:8080`).catch(() => "")
  const out = await daemon.docker("exec", "web", "ping", "-c", "1", "-W", "2", outsideAddress)
  return [into === "inside", out.code === 0]
}

const listens = (daemon: TestDaemon) =>
  eventually(
    async () => (await daemon.docker("exec", "web", "wget", "-qO-", "http://127.0.0.1")).code === 0,
    "the container serves",
  )

const chainOf = (host: OwnNetwork, iptables: string) => host.run(iptables, "-S", "FORWARD")

for (const iptables of ["iptables-nft", "iptables-legacy"]) {
  test(`with a FORWARD policy of DROP in ${iptables} published ports and the way out work, until the daemon has gone`, async () => {
    await using beside = await hostWithNeighbour()
    const { host, outside } = beside
    // As ufw does: chains of its own, and a policy that drops the rest.
    await host.run(iptables, "-N", "before-forward")
    await host.run(iptables, "-A", "FORWARD", "-j", "before-forward")
    await host.run(iptables, "-P", "FORWARD", "DROP")
    const before = await chainOf(host, iptables)
    await using daemon = await daemonOn(host)
    await listens(daemon)
    expect(await passes(daemon, outside)).toEqual([true, true])
    expect(daemon.log).toContain("the host's firewall drops what is forwarded")
    const name = iptables === "iptables-nft" ? "ip filter FORWARD" : "iptables-legacy filter FORWARD"
    expect((await daemon.barge("ports")).stdout).toContain(`let through by the daemon's rule in ${name}`)
    // What the owner drops on purpose stays dropped.
    await host.run(iptables, "-A", "before-forward", "-s", outsideAddress, "-p", "tcp", "-j", "DROP")
    expect(await passes(daemon, outside)).toEqual([false, true])
    await host.run(iptables, "-F", "before-forward")
    await daemon.docker("network", "create", "--driver", "bridge", "further")
    expect((await chainOf(host, iptables)).match(/-j BARGE-/g)?.length).toBe(1)
    await daemon.docker("network", "rm", "further")
    // A reload by its owner while the daemon is away, and a daemon that was killed.
    await daemon.end("SIGKILL")
    await host.run(iptables, "-F", "FORWARD")
    await host.run(iptables, "-A", "FORWARD", "-j", "before-forward")
    await daemon.startAgain()
    expect(await passes(daemon, outside)).toEqual([true, true])
    await daemon.docker("rm", "-f", "web")
    await daemon.end("SIGTERM")
    expect(await chainOf(host, iptables)).toBe(before)
  })
}

test("a reload of the firewall while the daemon runs is noticed", async () => {
  await using beside = await hostWithNeighbour()
  const { host, outside } = beside
  await host.run("iptables-nft", "-P", "FORWARD", "DROP")
  await using daemon = await daemonOn(host)
  await listens(daemon)
  await host.run("iptables-nft", "-F")
  await host.run("iptables-nft", "-X")
  expect((await passes(daemon, outside))[0]).toBe(false)
  await eventually(async () => (await passes(daemon, outside))[0], "the rule is there again")
})

test("a host that forwards freely keeps its firewall as it is, and one to be respected too, which is said", async () => {
  await using beside = await hostWithNeighbour()
  const { host, outside } = beside
  await host.run("iptables-nft", "-A", "FORWARD", "-s", "192.0.2.1", "-j", "DROP")
  const open = await chainOf(host, "iptables-nft")
  {
    await using free = await daemonOn(host)
    expect(await chainOf(host, "iptables-nft")).toBe(open)
    expect((await free.barge("ports")).stdout).toContain("bypassed")
  }
  await host.run("iptables-nft", "-P", "FORWARD", "DROP")
  const closed = await chainOf(host, "iptables-nft")
  await using respectful = await daemonOn(host, "--respect-host-firewall")
  await listens(respectful)
  expect(await chainOf(host, "iptables-nft")).toBe(closed)
  // The relay brings in what the input rules let in; nothing is forwarded.
  expect(await passes(respectful, outside)).toEqual([true, false])
  expect((await respectful.docker("info")).stderr).toContain("ip filter FORWARD")
})
