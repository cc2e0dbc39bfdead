// Thousands of running containers on four networks: starts, lists, restarts of daemon and shim, memory and descriptors.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { parseArgs } from "node:util"
import { Docker } from "../src/client/docker.ts"
import { parseHost } from "../src/client/host.ts"
import { isolated, median, run, timed } from "./measure.ts"
import { enterOwnNetwork } from "./own-network.ts"
import { type BargePeer, memoryOf, startBarge } from "./peers.ts"

enterOwnNetwork(import.meta.path)

const help = `npm run bench scale [--count N] [--networks N]: what Barge does with so many running containers.
  --count N      running containers (3000); a bridge has 1023 ports
  --networks N   networks of the user that they are spread over (4)`

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "3000" },
    networks: { type: "string", default: "4" },
    help: { type: "boolean", short: "h" },
  },
})
if (values.help) {
  console.log(help)
  process.exit(0)
}
const count = Number(values.count)
const networks = Number(values.networks)
/** Starts that are compared: so many at the beginning and at the end. */
const part = Math.min(100, Math.floor(count / 2))

const rows: (readonly [what: string, value: string])[] = []
function note(what: string, value: string): void {
  rows.push([what, value])
  console.error(`${what.padEnd(58)} ${value}`)
}
const milliseconds = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`

/** Ends the shim as a crash would, and waits until another one supervises every container. */
async function killShim(barge: BargePeer, api: Docker): Promise<void> {
  process.kill(programs(barge).get("shim")!, "SIGKILL")
  for (;;) {
    const body = { Cmd: ["true"] }
    try {
      const { Id } = await api.transport.json<{ Id: string }>("POST", `/containers/s${count - 1}/exec`, { body })
      await api.transport.text("POST", `/exec/${Id}/start`, { body: {} })
      const { ExitCode } = await api.transport.json<{ ExitCode: number }>("GET", `/exec/${Id}/json`)
      if (ExitCode === 0) return
    } catch {
      // Nobody answers yet.
    }
    await pause(10)
  }
}

/** The PIDs of daemon and shim, by what they are. */
function programs(barge: BargePeer): ReadonlyMap<string, number> {
  const kindOf = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0")[1] ?? ""
  return new Map(
    barge
      .resident()
      .map((pid) => [kindOf(pid), pid] as const)
      .filter(([kind]) => kind === "daemon" || kind === "shim"),
  )
}

function noteResident(barge: BargePeer, when: string, before: Map<string, number>): void {
  for (const [name, pid] of programs(barge)) {
    const { rss } = memoryOf([pid])
    const since = before.get(name)
    const each = since === undefined ? "" : `, ${((rss - since) / count).toFixed(3)} each`
    if (since === undefined) before.set(name, rss)
    note(`${name}: resident memory, ${when}`, `${rss.toFixed(0)} MB${each}`)
    note(`${name}: descriptors, ${when}`, String(readdirSync(`/proc/${pid}/fd`).length))
  }
}

async function measure(barge: BargePeer): Promise<void> {
  const cli = (...arguments_: string[]) => run([...barge.cli, ...arguments_], { quietly: true })
  const host = parseHost(barge.cli.find((word) => word.startsWith("unix://"))!, false)
  const api = new Docker({ host, daemonName: "Docker" })
  const listed = async () => {
    const list = await api.transport.json<{ State: string }[]>("GET", "/containers/json")
    if (list.length !== count) throw new Error(`${list.length} containers run, not ${count}`)
  }
  for (let number = 0; number < networks; number++) {
    await cli("network", "create", "--subnet", `10.${200 + number}.0.0/20`, `scale${number}`)
  }
  await pause(12_000)
  const before = new Map<string, number>()
  noteResident(barge, "0 containers", before)
  const times: number[] = []
  for (let number = 0; number < count; number++) {
    const query = { name: `s${number}` }
    const HostConfig = { NetworkMode: `scale${number % networks}` }
    const body = { Image: "busybox", Cmd: ["sleep", "1000000"], HostConfig }
    times.push(
      await timed(async () => {
        const { Id } = await api.transport.json<{ Id: string }>("POST", "/containers/create", { query, body })
        await api.transport.text("POST", `/containers/${Id}/start`)
      }),
    )
    if (number % 500 === 499)
      console.error(`${number + 1} run; the last hundred took ${milliseconds(median(times.slice(-100)))} each`)
  }
  const [first, last] = [median(times.slice(0, part)), median(times.slice(-part))]
  note(`create and start, first ${part}`, milliseconds(first))
  note(`create and start, last ${part}`, `${milliseconds(last)}, × ${(last / first).toFixed(2)}`)
  await pause(12_000)
  noteResident(barge, `${count} containers`, before)
  note("ps: API", milliseconds(await isolated(7, listed)))
  note("ps: command line", milliseconds(await isolated(7, () => cli("ps"))))
  note("ps -q: command line", milliseconds(await isolated(7, () => cli("ps", "-q"))))
  note("inspect of one: command line", milliseconds(await isolated(3, () => cli("inspect", "s0"))))
  note("system df", milliseconds(await timed(() => cli("system", "df"))))
  note("stats --no-stream", milliseconds(await timed(() => cli("stats", "--no-stream"))))
  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    note(
      `daemon restarted by ${signal}, until it answers`,
      milliseconds(
        await timed(async () => {
          await barge.restart(signal)
          await listed()
        }),
      ),
    )
  }
  note("shim killed, until the next one has all and an exec ran", milliseconds(await timed(() => killShim(barge, api))))
  await listed()
  await pause(12_000)
  noteResident(barge, "after the restarts", before)
  note(
    "start after the restarts",
    milliseconds(await timed(() => cli("run", "--rm", "--network", "scale0", "busybox", "true"))),
  )
  note("rm -f of all", milliseconds(await timed(() => cli("rm", "-f", ...times.map((_, number) => `s${number}`)))))
  await pause(12_000)
  noteResident(barge, "0 containers again", before)
  api.close()
}

const root = mkdtempSync(join(tmpdir(), "scale-bench-"))
const memory = existsSync("/dev/shm") ? mkdtempSync("/dev/shm/scale-bench-") : join(root, "run")
try {
  const barge = await startBarge({ root: join(root, "barge"), run: join(memory, "barge") })
  await measure(barge).finally(() => barge.stop())
  console.log(`| ${count} containers on ${networks} networks | |\n|---|---|`)
  for (const [what, value] of rows) console.log(`| ${what} | ${value} |`)
} finally {
  for (const each of [root, memory]) rmSync(each, { recursive: true, force: true })
}
