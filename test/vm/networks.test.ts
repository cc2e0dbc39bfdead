import { afterAll, beforeAll, expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { TestDaemon } from "../fixtures/daemon.ts"

/** Drivers and protocols that most hosts of developers lack; Debian's kernel has them as modules. */
const inTestMachine = process.env["BARGE_TEST_VM"] === "1"
const withSctp = inTestMachine && existsSync("/proc/net/sctp")

let daemon: TestDaemon

const barge = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.barge(...args)
  if (code !== 0) throw new Error(`barge ${args.join(" ")}: ${stderr}\n${daemon.log}`)
  return stdout.trim()
}
const host = async (command: string, ...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.run(command, ...args)
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}`)
  return stdout
}
const pings = async (from: string, to: string) =>
  (await daemon.barge("exec", from, "ping", "-c", "1", "-W", "5", to)).stdout.includes(" 0% packet loss")
const start = (name: string, ...flags: string[]) => barge("run", "-d", "--name", name, ...flags, "busybox", "top")
const address = (name: string, network: string) =>
  barge("inspect", "-f", `{{.NetworkSettings.Networks.${network}.IPAddress}}`, name)

beforeAll(async () => {
  if (!inTestMachine) return
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
  for (const parent of ["parent0", "parent1", "parent2"]) {
    await daemon.run("ip", "link", "add", parent, "type", "dummy")
    await daemon.run("ip", "link", "set", parent, "up")
  }
})
afterAll(async () => {
  if (!inTestMachine) return
  await daemon[Symbol.asyncDispose]()
  for (const parent of ["parent0", "parent1", "parent2"]) await host("ip", "link", "delete", parent)
})

for (const [driver, ...flags] of [
  ["macvlan", "-o", "parent=parent0.42"],
  ["ipvlan", "-o", "parent=parent1"],
] as const) {
  test.skipIf(!inTestMachine)(
    `containers on ${driver} (${flags[1]}) find each other, come and go while they run`,
    async () => {
      await barge("network", "create", "-d", driver, ...flags, "--subnet", "10.50.0.0/24", "flat")
      await start("one", "--network", "flat")
      await start("two", "--network", "flat", "--ip", "10.50.0.77")
      await start("three")
      expect(await barge("exec", "one", "ip", "link", "show", "eth0")).toContain("eth0@")
      expect([await pings("one", "two"), await pings("two", "one"), await pings("one", "10.50.0.77")]).toEqual([
        true,
        true,
        true,
      ])
      await barge("network", "connect", "flat", "three")
      expect(await pings("three", "two")).toBe(true)
      await daemon.end("SIGKILL")
      await daemon.startAgain()
      expect(await pings("one", "three")).toBe(true)
      await barge("network", "disconnect", "flat", "three")
      expect(await pings("three", "10.50.0.77")).toBe(false)
      await barge("rm", "-f", "one", "two", "three")
      await barge("network", "rm", "flat")
      expect(readdirSync("/sys/class/net").filter((name) => name.includes(".42") || name.startsWith("dm-"))).toEqual([])
    },
  )
}

test.skipIf(!inTestMachine)("ipvlan L3 routes between the subnets of its parent, without a gateway", async () => {
  const subnets = ["--subnet", "10.51.1.0/24", "--subnet", "10.51.2.0/24"]
  await barge("network", "create", "-d", "ipvlan", "-o", "parent=parent2", "-o", "ipvlan_mode=l3", ...subnets, "layer")
  await start("one", "--network", "layer", "--ip", "10.51.1.10")
  await start("two", "--network", "layer", "--ip", "10.51.2.10")
  expect(await barge("exec", "one", "ip", "route")).toMatch(/default dev eth0/)
  expect([await pings("one", "10.51.2.10"), await pings("two", "one")]).toEqual([true, true])
  expect(await address("two", "layer")).toBe("10.51.2.10")
  await barge("rm", "-f", "one", "two")
  await barge("network", "rm", "layer")
})

test.skipIf(!inTestMachine)("an interface of one driver is refused to the other", async () => {
  await barge("network", "create", "-d", "macvlan", "-o", "parent=parent0", "--subnet", "10.52.0.0/24", "mac")
  const { stderr } = await daemon.barge(
    "network",
    "create",
    "-d",
    "ipvlan",
    "-o",
    "parent=parent0",
    "--subnet",
    "10.53.0.0/24",
    "ip",
  )
  expect(stderr).toContain("is already using parent interface parent0")
  await barge("network", "rm", "mac")
})

test.skipIf(!withSctp)("a published SCTP port leads to the container (needs a kernel with SCTP)", async () => {
  await start("server", "-p", "5300:5201/sctp", "-p", "5300:5201")
  // A client with one address: SCTP tells the other side all addresses that a machine has, which no translation follows.
  await barge("network", "create", "apart")
  await start("client", "--network", "apart")
  const pidOf = (name: string) => barge("inspect", "-f", "{{.State.Pid}}", name)
  const inside = ["-t", await pidOf("server"), "-n", "iperf3", "-s", "-1", "--forceflush"]
  const server = spawn("nsenter", inside, { stdio: ["ignore", "pipe", "inherit"] })
  const ended = new Promise((done) => server.once("exit", done))
  await new Promise((done) => server.stdout.once("data", done))
  const gateway = await barge("inspect", "-f", "{{.NetworkSettings.Networks.apart.Gateway}}", "client")
  const asks = ["iperf3", "-c", gateway, "-p", "5300", "--sctp", "-J", "-n", "1M"]
  const { stdout } = await daemon.run("nsenter", "-t", await pidOf("client"), "-n", ...asks)
  const said = JSON.parse(stdout)
  if (said.error) server.kill("SIGKILL")
  expect(said.error).toBeUndefined()
  expect(said.end.sum_received.bytes).toBeGreaterThan(0)
  await ended
  await barge("rm", "-f", "server", "client")
  await barge("network", "rm", "apart")
})
