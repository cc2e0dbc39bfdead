import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { median, run } from "./measure.ts"

/** A registry that is measured: how it is started on a port with a directory. */
interface Registry {
  readonly name: string
  start(root: string, port: number): ChildProcess
}

const barge = resolve(import.meta.dir, "../dist/barge")
const load = resolve(import.meta.dir, "registry-load.ts")
const rounds = Number(process.env["BENCH_ROUNDS"] ?? 3)
const megabytes = Number(process.env["BENCH_MEGABYTES"] ?? 512)
const blobBytes = 8 << 20

const registries: readonly Registry[] = [
  {
    name: "barge",
    start: (root, port) =>
      spawn(barge, ["registry", "serve", "--addr", `127.0.0.1:${port}`, "--root", root, "--access-log", "off"], {
        stdio: "ignore",
      }),
  },
  {
    name: "docker-registry",
    start(root, port) {
      const file = `${root}.yml`
      writeFileSync(
        file,
        `version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n    rootdirectory: ${root}\nhttp:\n  addr: 127.0.0.1:${port}\n`,
      )
      return spawn("docker-registry", ["serve", file], { stdio: "ignore" })
    },
  },
]

/** The most memory that a process had, MB. */
function peakOf(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0) / 1024
}

/** Seconds of processor time that a process has used. */
function processorOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ")
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function answers(port: number, process: ChildProcess): Promise<void> {
  for (;;) {
    if (process.exitCode !== null) throw new Error(`the registry ended with ${process.exitCode}`)
    if (
      await fetch(`http://127.0.0.1:${port}/v2/`).then(
        () => true,
        () => false,
      )
    )
      return
    await pause(20)
  }
}

interface Result {
  readonly rates: number[]
  readonly memory: number[]
  readonly processor: number[]
}

const results = new Map<string, Result>()
const root = mkdtempSync(join(tmpdir(), "registry-bench-"))
const port = 20_000 + (process.pid % 10_000)

/** One round: a fresh registry, so many clients push and pull the same amount. */
async function measure(registry: Registry, clients: number, round: number): Promise<void> {
  const directory = join(root, `${registry.name}-${clients}-${round}`)
  mkdirSync(directory)
  const server = registry.start(directory, port)
  const ended = new Promise((done) => server.once("exit", done))
  try {
    await answers(port, server)
    const blobs = Math.max(clients, Math.ceil((megabytes << 20) / blobBytes))
    const args = [String(clients), String(blobs), String(blobBytes), `${clients}-${round}`]
    for (const what of ["push", "pull"]) {
      writeFileSync(`/proc/${server.pid}/clear_refs`, "5") // the peak begins anew
      const before = processorOf(server.pid!)
      const seconds = Number(await run([process.execPath, load, "127.0.0.1", String(port), what, ...args]))
      const key = `${what} ${clients}|${registry.name}`
      const result = results.get(key) ?? { rates: [], memory: [], processor: [] }
      results.set(key, result)
      result.rates.push((blobs * blobBytes) / 1e6 / seconds)
      result.memory.push(peakOf(server.pid!))
      result.processor.push(processorOf(server.pid!) - before)
      console.error(
        `${registry.name.padEnd(16)} ${what} ${String(clients).padStart(2)} clients: ${result.rates.at(-1)!.toFixed(0)} MB/s, peak ${result.memory.at(-1)!.toFixed(0)} MB, processor ${result.processor.at(-1)!.toFixed(2)} s`,
      )
    }
  } finally {
    server.kill("SIGTERM")
    await ended
    rmSync(directory, { recursive: true, force: true })
  }
}

try {
  const chosen = registries.filter((each) => each.name === "barge" || existsSync(`/usr/bin/${each.name}`))
  const numbers = (process.env["BENCH_CLIENTS"] ?? "1,16,64").split(",").map(Number)
  for (const clients of numbers) {
    for (let round = 0; round < rounds; round++) for (const each of chosen) await measure(each, clients, round)
  }
  console.log(
    "| | MB/s barge | MB/s docker-registry | peak MB barge | peak MB docker-registry | CPU s barge | CPU s docker-registry |",
  )
  console.log("|---|---|---|---|---|---|---|")
  for (const clients of numbers) {
    for (const what of ["push", "pull"]) {
      const cell = (part: keyof Result, name: string, digits = 0) => {
        const values = results.get(`${what} ${clients}|${name}`)?.[part]
        return values ? median(values).toFixed(digits) : "–"
      }
      const cells = (["rates", "memory", "processor"] as const).flatMap((part) =>
        ["barge", "docker-registry"].map((name) => cell(part, name, part === "processor" ? 2 : 0)),
      )
      console.log(`| ${what}, ${clients} ${clients === 1 ? "client" : "clients"} | ${cells.join(" | ")} |`)
    }
  }
} finally {
  rmSync(root, { recursive: true, force: true })
}
