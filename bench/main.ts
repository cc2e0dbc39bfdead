import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { ApiBench } from "./api.ts"
import { bareCrun } from "./bare-crun.ts"
import { isolated, median, run, timed } from "./measure.ts"
import { memoryOf, type Peer, type Places, startBarge, startDocker, startPodman } from "./peers.ts"

/** What is measured: the same steps for each engine, in one run, so that the ratios mean something. */
interface Row {
  readonly what: string
  readonly unit: string
  readonly values: Map<string, number>
}

const rounds = Number(process.env["BENCH_ROUNDS"] ?? 11)
const rows: Row[] = []
const root = mkdtempSync(join(tmpdir(), "barge-bench-"))
const memory = existsSync("/dev/shm") ? mkdtempSync("/dev/shm/barge-bench-") : join(root, "run")
const places = (name: string): Places => ({ root: join(root, name), run: join(memory, name) })

function note(what: string, unit: string, peer: string, value: number): void {
  const row = rows.find((each) => each.what === what)
  if (row) row.values.set(peer, value)
  else rows.push({ what, unit, values: new Map([[peer, value]]) })
  console.error(`${peer.padEnd(8)} ${what.padEnd(44)} ${value.toFixed(1)} ${unit}`)
}

async function measure(peer: Peer): Promise<void> {
  const cli = (...words: string[]) => run([...peer.cli, ...words], { quietly: true })
  const say = (what: string, unit: string, value: number) => note(what, unit, peer.name, value)

  await cli("run", "--rm", "busybox", "true")
  say("run --rm busybox true", "ms", await isolated(rounds, () => cli("run", "--rm", "busybox", "true")))
  say(
    "run -d busybox sleep",
    "ms",
    await isolated(
      rounds,
      (round) => cli("run", "-d", "--name", `d${round}`, "busybox", "sleep", "10000"),
      (round) => cli("rm", "-f", `d${round}`),
    ),
  )
  const socket = peer.cli.find((word) => word.startsWith("unix://"))?.slice("unix://".length)
  const api = socket ? new ApiBench(socket, rounds) : undefined
  if (api) say("API create+start+wait+remove", "ms", await api.cycle())

  await cli("run", "-d", "--name", "executed", "busybox", "sleep", "10000")
  say("exec true", "ms", await isolated(rounds, () => cli("exec", "executed", "true")))
  if (api) say("API exec create+start+inspect", "ms", await api.exec("executed"))
  await cli("rm", "-f", "executed")

  if (api) {
    say("API 20 × create+start", "ms", await api.starts("a", 20))
    api.close()
    await cli("rm", "-f", ...Array.from({ length: 20 }, (_, number) => `a${number}`))
  }

  say("stop of a shell that ignores SIGTERM", "ms", await stopOfDeaf(cli))

  say("resident memory, 0 containers", "MB", await restingMemory(peer))
  for (const many of [20, 100]) {
    const names = Array.from({ length: many }, (_, index) => `m${many}-${index}`)
    say(
      `${many} × run -d, one after the other`,
      "ms",
      await timed(async () => {
        for (const name of names) await cli("run", "-d", "--name", name, "busybox", "sleep", "10000")
      }),
    )
    say(`resident memory, ${many} containers`, "MB", await restingMemory(peer))
    await cli("rm", "-f", ...names)
  }

  const archive = join(root, "hundred.tar")
  say("load of a 100 MB image", "ms", await timed(() => cli("load", "-i", archive)))

  const script = `yes "$(head -c 79 /dev/zero | tr '\\0' x)" | head -c 500000000`
  say(
    "500 MB of log lines written",
    "ms",
    await timed(() =>
      cli("run", "--name", "log", "--log-opt", "max-size=1g", "-d", "busybox", "sh", "-c", script).then(() =>
        cli("wait", "log"),
      ),
    ),
  )
  say("500 MB of log lines read back", "ms", await timed(() => cli("logs", "log")))
  await cli("rm", "-f", "log")
}

/** Megabytes of the resident processes after a rest, in which each may tidy up. */
async function restingMemory(peer: Peer): Promise<number> {
  await pause(12_000)
  return memoryOf(peer.resident()).rss
}

/** The stop alone is timed, of a PID 1 without handlers that has had its time to install some; each round has one of its own. */
async function stopOfDeaf(cli: (...words: string[]) => Promise<string>): Promise<number> {
  const taken: number[] = []
  for (let round = 0; round < 3; round++) {
    await cli("run", "-d", "--name", "deaf", "busybox", "sleep", "1000")
    await pause(10_200)
    taken.push(await timed(() => cli("stop", "deaf")))
    await cli("rm", "-f", "deaf")
  }
  return median(taken)
}

function table(): string {
  const names = ["barge", "docker", "podman", "crun"].filter((name) => rows.some((row) => row.values.has(name)))
  const head = ["", "unit", ...names, ...names.slice(1).map((name) => `barge / ${name}`)]
  const lines = rows.map((row) => {
    const value = (name: string) => row.values.get(name)
    const own = value("barge")
    return [
      row.what,
      row.unit,
      ...names.map((name) => value(name)?.toFixed(1) ?? "–"),
      ...names
        .slice(1)
        .map((name) => (own !== undefined && value(name) !== undefined ? ratio(own / value(name)!) : "–")),
    ]
  })
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map((line) => line[column]!.length)))
  const print = (line: readonly string[]) =>
    `| ${line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join(" | ")} |`
  return [print(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...lines.map(print)].join("\n")
}

const ratio = (value: number): string => (value >= 1 ? value.toFixed(2) : `1/${(1 / value).toFixed(1)}`)

/** A docker-archive of busybox, and one with a further layer of 100 MB. */
async function makeImages(peer: Peer): Promise<void> {
  const cli = (...words: string[]) => run([...peer.cli, ...words])
  await cli("save", "-o", join(root, "busybox.tar"), "busybox:latest")
  const folder = join(root, "payload")
  mkdirSync(folder)
  // Half of it compresses well, half does not, in files of all sizes: like programs and data.
  for (let file = 0; file < 2000; file++) {
    const size = 10_000 + (file % 80) * 1000
    const bytes = Buffer.alloc(size, `line ${file}\n`)
    for (let at = 0; at + 4 < size / 2; at += 4) bytes.writeUInt32LE((Math.random() * 2 ** 32) >>> 0, at)
    writeFileSync(join(folder, `f${file}`), bytes)
  }
  await cli("create", "--name", "big", "-v", `${folder}:/from`, "busybox", "cp", "-r", "/from", "/payload")
  await cli("start", "-a", "big")
  await cli("commit", "big", "hundred:1")
  await cli("save", "-o", join(root, "hundred.tar"), "hundred:1")
  await cli("rm", "big")
  await cli("rmi", "hundred:1")
}

try {
  const barge = await startBarge(places("barge"))
  await makeImages(barge)
  const image = join(root, "busybox.tar")
  await measure(barge).finally(() => barge.stop())
  for (const start of [startDocker, startPodman]) {
    const peer = await start(places(start.name), image)
    if (!peer) continue
    await measure(peer).catch((error) => console.error(`${peer.name}: ${(error as Error).message}`))
    await peer.stop()
  }
  const crun = await bareCrun(join(root, "crun"), rounds)
  if (crun !== undefined) note("run --rm busybox true", "ms", "crun", crun)
  console.log(table())
} finally {
  for (const each of [root, memory]) rmSync(each, { recursive: true, force: true })
}
