import { closeSync, mkdirSync, openSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { detectCgroups, openCgroup } from "../linux/cgroup.ts"
import { tryLock } from "../linux/flock.ts"
import { keepSmallWhenIdle } from "../linux/idle-memory.ts"
import { leaveSessionKeyring } from "../linux/keyring.ts"
import { mapFile } from "../linux/memory-file.ts"
import { becomeSubreaper } from "../linux/pidfd.ts"
import { Reactor } from "../linux/reactor.ts"
import { openDrivers } from "../runtime/driver.ts"
import { buildIdentity } from "../std/build.ts"
import { newId } from "../std/id.ts"
import { DescriptorStore } from "./descriptor-store.ts"
import { GuardedStarts } from "./guarded-starts.ts"
import { becomeNext, type HandedConnection, type Handover, readHandover, sweepHandovers } from "./handover.ts"
import { Holder } from "./holder.ts"
import { Holdings } from "./holdings.ts"
import { Journal } from "./journal.ts"
import { otherShim, shimFolder, shimSocket } from "./launch-shim.ts"
import type { Inherited } from "./process.ts"
import { keyOf } from "./record.ts"
import { Server } from "./server.ts"
import { Supervisor } from "./supervisor.ts"
import { Transit } from "./transit.ts"

/** Whoever starts a shim connects at once. When nobody has within this time, in milliseconds, nobody will. */
const visitedWithin = 5000

/** How often left-over children and quiet logs are looked for, in milliseconds. */
const sweepEvery = 10_000

/**
 * `barge shim --run-root DIR`: the one supervisor of a run root's containers, until `shutdown`.
 * @returns its exit code; {@link otherShim} when another one holds the run root
 */
export async function shimMain(args: readonly string[]): Promise<number> {
  const options = { "run-root": { type: "string" }, handover: { type: "string" } } as const
  const { values } = parseArgs({ args: [...args], options })
  const runRoot = values["run-root"]
  if (!runRoot) {
    console.error("barge shim: --run-root is missing; the daemon starts the shim by itself")
    return 2
  }
  const folder = shimFolder(runRoot)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const handover = values.handover === undefined ? nothing : readHandover(values.handover)
  const lock = handover.lock ?? lockFolder(folder)
  if (lock === undefined) return otherShim
  sweepHandovers(folder)
  // Inherited by OCI runtimes, which make mount points and working directories with it. Files of ours have modes of their own.
  process.umask(0o022)
  process.chdir("/")
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM", "SIGQUIT"] as const) process.on(signal, () => {})
  const journal = new Journal(join(folder, "shim.log"))
  process.on("uncaughtException", (error) => journal.line(`unexpected: ${error.stack ?? error.message}`))
  process.on("unhandledRejection", (error) => journal.line(`unexpected: ${(error as Error)?.stack ?? error}`))
  becomeSubreaper()
  leaveSessionKeyring()
  await serve({ folder, runRoot, handover, lock, journal })
  return 0
}

const nothing: Handover = { processes: {}, connections: [] }

/** The run root is ours as long as the descriptor is open. @returns undefined when another shim has it */
function lockFolder(folder: string): number | undefined {
  const lock = openSync(join(folder, "lock"), "a", 0o600)
  if (tryLock(lock)) return lock
  closeSync(lock)
  return undefined
}

interface Service {
  readonly folder: string
  readonly runRoot: string
  readonly handover: Handover
  readonly lock: number
  readonly journal: Journal
}

async function serve({ folder, runRoot, handover, lock, journal }: Service): Promise<void> {
  const cgroups = detectCgroups()
  const guardedStarts = new GuardedStarts({
    folder: join(folder, "guarded"),
    cgroup: (path) => openCgroup(cgroups, path),
    journal: (line) => journal.line(line),
  })
  await guardedStarts.recover()
  using reactor = new Reactor()
  const instance = handover.instance ?? newId()
  const over = Promise.withResolvers<void>()
  const holder = new Holder({ reactor, folder, journal: (line) => journal.line(line), handed: handover.holder })
  const { stagingReader, stagingWriter, transit } = holder.held
  const store = new DescriptorStore(holder.held, (line) => journal.line(line))
  const supervisor: Supervisor = new Supervisor({
    reactor,
    transit: new Transit(mapFile(transit), { reader: stagingReader, writer: stagingWriter }),
    store,
    folder,
    driver: openDrivers(),
    guardedStarts,
    tell: (event) => server.tell(event),
    keep: (process) => server.keep(process),
    journal: (line) => journal.line(line),
  })
  const holdings = new Holdings(handover.held ?? {})
  const server: Server = new Server({
    reactor,
    socketPath: shimSocket(runRoot),
    listener: handover.listener,
    supervisor,
    holdings,
    version: buildIdentity,
    instance,
    shutdown: over.resolve,
    upgrade: (command) => {
      journal.line(`becomes ${command.join(" ")}`)
      const held = holdings.all()
      const common = { instance, lock, listener: server.listener, held, holder: holder.handOver() }
      const state = { ...common, ...handedOver(supervisor, server) }
      return becomeNext(folder, runRoot, command, state)
    },
  })
  supervisor.recover(new Map(Object.entries(handover.processes)))
  server.adopt(handover.connections)
  supervisor.resume()
  using _memory = keepSmallWhenIdle()
  const sweep = setInterval(() => {
    supervisor.sweepOrphans()
    supervisor.restLogs()
    holder.check()
  }, sweepEvery)
  journal.line(`shim ${buildIdentity} serves ${runRoot}, PID ${process.pid}`)
  const lonely = setTimeout(() => {
    if (server.wasVisited || supervisor.isBusy) return
    journal.line("nobody came")
    over.resolve()
  }, visitedWithin)
  await over.promise
  clearTimeout(lonely)
  clearInterval(sweep)
  server.close()
  holder.close()
  journal.line("shim ends")
}

function handedOver(supervisor: Supervisor, server: Server): Pick<Handover, "processes" | "connections"> {
  const processes: Record<string, Inherited> = {}
  const connections: HandedConnection[] = server.handOver()
  for (const process of supervisor.processes) {
    const { id, execId } = process.record
    processes[keyOf(id, execId)] = {
      descriptors: process.descriptors(),
      input: process.io.input?.pending.toString("base64") ?? "",
    }
    process.io.settle()
    for (const { connection, options, hasEnded } of process.io.attachments) {
      connections.push({ kind: "attach", state: connection.state(), options, ended: hasEnded })
    }
  }
  return { processes, connections }
}
