import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Docker } from "../src/client/docker.ts"
import { parseHost } from "../src/client/host.ts"
import { median, run, timed } from "./measure.ts"
import { type Peer, type Places, startBarge, startDocker } from "./peers.ts"

/**
 * Published ports beside the container's own address and beside Docker's proxy process, many containers on one network, many ports
 * of one container.
 */
const rounds = Number(process.env["BENCH_ROUNDS"] ?? 5)
const seconds = Number(process.env["BENCH_SECONDS"] ?? 2)
const containers = Number(process.env["BENCH_CONTAINERS"] ?? 200)
const iperfPort = 5201
const hostPort = 24_000
const root = mkdtempSync(join(tmpdir(), "network-bench-"))
const places = (name: string): Places => ({ root: join(root, name), run: join(root, name, "run") })

/** Gbit/s that a server in the network of process `pid` takes in, asked for at an address. */
async function throughput(pid: string, address: string, port: number): Promise<number> {
  const inside = ["-t", pid, "-n", "iperf3", "-s", "-1", "--forceflush"]
  const server = spawn("nsenter", inside, { stdio: ["ignore", "pipe", "inherit"] })
  const gone = new Promise((resolve) => server.once("exit", resolve))
  await new Promise((resolve) => server.stdout.once("data", resolve))
  const said = JSON.parse(await run(["iperf3", "-J", "-c", address, "-p", String(port), "-t", String(seconds)]))
  if (said.error) server.kill("SIGKILL")
  await gone
  if (said.error) throw new Error(`iperf3 to ${address}:${port}: ${said.error}`)
  return said.end.sum_received.bits_per_second / 1e9
}

/** Docker's proxy from a port of 127.0.0.1 to a container; undefined where the program is not in the PATH. */
async function dockerProxy(address: string, port: number): Promise<ChildProcess | undefined> {
  const program = Bun.which("docker-proxy")
  if (!program) return undefined
  const from = ["-proto", "tcp", "-host-ip", "127.0.0.1", "-host-port", String(port)]
  const to = ["-container-ip", address, "-container-port", String(iperfPort)]
  // It tells on its third descriptor that it listens.
  const proxy = spawn(program, [...from, ...to], { stdio: ["ignore", "ignore", "inherit", "pipe"] })
  await new Promise((resolve) => proxy.stdio[3]!.once("data", resolve))
  return proxy
}

async function ended(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null) return
  const gone = new Promise((resolve) => child.once("exit", resolve))
  child.kill("SIGKILL")
  await gone
}

/** iperf3 in a container, asked for in turn at its own address and wherever its port leads to it. */
async function measureThroughput(barge: Peer): Promise<void> {
  const cli = async (...words: string[]) => (await run([...barge.cli, ...words])).trim()
  await cli("run", "-d", "--name", "iperf", "-p", `${hostPort}:${iperfPort}`, "busybox", "sleep", "100000")
  const address = await cli("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", "iperf")
  const gateway = await cli("inspect", "-f", "{{.NetworkSettings.Networks.bridge.Gateway}}", "iperf")
  const pid = await cli("inspect", "-f", "{{.State.Pid}}", "iperf")
  const proxy = await dockerProxy(address, hostPort + 1)
  try {
    const ways = [
      ["the container's own address", address, iperfPort],
      ["published port, host's address", gateway, hostPort],
      ["published port, 127.0.0.1", "127.0.0.1", hostPort],
      ...(proxy ? [["docker-proxy, 127.0.0.1", "127.0.0.1", hostPort + 1] as const] : []),
    ] as const
    const found = new Map<string, number[]>()
    for (let round = 0; round < rounds; round++)
      for (const [name, to, port] of ways)
        found.set(name, [...(found.get(name) ?? []), await throughput(pid, to, port)])
    console.log(`| iperf3, median of ${rounds} × ${seconds} s | Gbit/s | of the direct way |\n|---|---|---|`)
    const direct = median(found.get(ways[0][0])!)
    for (const [name, values] of found)
      console.log(`| ${name} | ${median(values).toFixed(1)} | ${((median(values) / direct) * 100).toFixed(0)} % |`)
    if (!proxy) console.log("\ndocker-proxy is not in the PATH (Debian: docker.io) and is left out")
  } finally {
    await ended(proxy)
    await cli("rm", "-f", "iperf")
  }
}

/** @returns lines of a table: what, unit, value */
async function measureNumbers(peer: Peer): Promise<readonly (readonly [string, string, number])[]> {
  const cli = (...words: string[]) => run([...peer.cli, ...words], { quietly: true })
  const rows: [string, string, number][] = []
  await cli("network", "create", "many")
  const host = parseHost(peer.cli.find((word) => word.startsWith("unix://"))!, false)
  const client = new Docker({ host, daemonName: "Docker" })
  const times: number[] = []
  for (let index = 0; index < containers; index++) {
    const body = { Image: "busybox", Cmd: ["sleep", "100000"], HostConfig: { NetworkMode: "many" } }
    const query = { name: `many${index}` }
    const { Id } = await client.transport.json<{ Id: string }>("POST", "/containers/create", { body, query })
    times.push(await timed(() => client.transport.text("POST", `/containers/${Id}/start`)))
  }
  client.close()
  const part = Math.min(20, containers)
  rows.push([`start of containers 1–${part} on one network`, "ms each", median(times.slice(0, part))])
  rows.push([`start of containers ${containers - part + 1}–${containers}`, "ms each", median(times.slice(-part))])
  await cli("rm", "-f", ...times.map((_, index) => `many${index}`))
  // Docker still knows endpoints of containers that it has removed, for a while: the network goes with the engine.
  await cli("network", "rm", "many").catch(() => {})

  const publish = async (...ports: string[]) => {
    const taken = await timed(() => cli("run", "-d", "--name", "ports", ...ports, "busybox", "sleep", "100000"))
    await cli("rm", "-f", "ports")
    return taken
  }
  rows.push(["run -d", "ms", await publish()])
  rows.push(["run -d, 1,000 ports as a range", "ms", await publish("-p", "25000-25999:25000-25999")])
  const single = Array.from({ length: 1000 }, (_, index) => ["-p", `${26_000 + index}:${1 + index}`]).flat()
  rows.push(["run -d, 1,000 ports one by one", "ms", await publish(...single)])
  return rows
}

try {
  const barge = await startBarge(places("barge"))
  const image = join(root, "busybox.tar")
  const found: (readonly [name: string, rows: readonly (readonly [string, string, number])[]])[] = []
  try {
    await measureThroughput(barge)
    await run([...barge.cli, "save", "-o", image, "busybox:latest"])
    found.push([barge.name, await measureNumbers(barge)])
  } finally {
    await barge.stop()
  }
  const docker = await startDocker(places("docker"), image)
  if (docker) found.push([docker.name, await measureNumbers(docker).finally(() => docker.stop())])
  else console.log("\ndockerd is not in the PATH and is left out")
  console.log(`\n| | unit | ${found.map(([name]) => name).join(" | ")} |\n|---|---|${"---|".repeat(found.length)}`)
  for (const [at, [what, unit]] of found[0]![1].entries())
    console.log(`| ${what} | ${unit} | ${found.map(([, rows]) => rows[at]![2].toFixed(1)).join(" | ")} |`)
} finally {
  rmSync(root, { recursive: true, force: true })
}
