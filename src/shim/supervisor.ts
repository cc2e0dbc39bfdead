import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Failure } from "../errors/failure.ts"
import { NullDevices } from "../linux/null-device.ts"
import { requireDescriptors } from "../linux/open-files.ts"
import { discardChild, endedChildren } from "../linux/pidfd.ts"
import type { Reactor } from "../linux/reactor.ts"
import type { LogPosition } from "../logs/contract.ts"
import type { ExecRequest, RuntimeDriver, RuntimeInfo, Started, Stdio } from "../runtime/contract.ts"
import { Span, type SpanRecord } from "../trace/span.ts"
import { writeCheckpoint } from "./checkpoint.ts"
import type { Connection } from "./connection.ts"
import { ConsoleSocket } from "./console.ts"
import type {
  AttachOptions,
  CheckpointOrder,
  ExecStart,
  IoConfig,
  LogConfig,
  RestoreRequest,
  RunRequest,
  TaskState,
} from "./contract.ts"
import type { DescriptorStore } from "./descriptor-store.ts"
import type { GuardedStarts } from "./guarded-starts.ts"
import { killHalfStarted } from "./half-started.ts"
import { Launches } from "./launches.ts"
import { type Inherited, SupervisedProcess } from "./process.ts"
import type { WireEvent } from "./protocol.ts"
import { keyOf, type ProcessRecord, type RecordFolder, recordFolder, recordsIn } from "./record.ts"
import type { Transit, UnfinishedStep } from "./transit.ts"

export interface SupervisorOptions {
  readonly reactor: Reactor
  readonly transit: Transit
  readonly store: DescriptorStore
  /** The shim's folder on the run root. */
  readonly folder: string
  readonly driver: (info: RuntimeInfo) => RuntimeDriver
  readonly guardedStarts: GuardedStarts
  /** Tells every control connection. */
  readonly tell: (event: WireEvent) => void
  /** Hands duplicates of a process's descriptors to clients that keep them. */
  readonly keep: (process: SupervisedProcess) => void
  readonly journal: (line: string) => void
}

type Launch = (launch: {
  readonly stdio: Stdio
  readonly consoleSocket?: string
  readonly guarded?: boolean
  readonly span: Span
  readonly programStarted: NonNullable<ExecRequest["programStarted"]>
}) => Promise<Started>

/** How long an ended child stays unclaimed before it counts as left behind, in milliseconds. */
const orphanAge = 30

/** What starting a process may need at once: its pipes, a terminal, the runtime's own, and logs that are opened again. */
const descriptorsOfStart = 64

const noLog: LogConfig = { format: "none", path: "", maxSize: 0, maxFiles: 0 }

/** Every process under supervision. */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #processes = new Map<string, SupervisedProcess>()
  /** For as long as this program runs. */
  readonly #nullDevices = new NullDevices()
  /** Tasks that are being written to disk. */
  readonly #checkpointing = new Set<string>()
  readonly #launches = new Launches()
  #suspects: ReadonlySet<number> = new Set()
  #sweep: ReturnType<typeof setTimeout> | undefined

  constructor(options: SupervisorOptions) {
    this.#options = options
    mkdirSync(this.#tasksFolder, { recursive: true, mode: 0o700 })
    rmSync(this.#consoleFolder, { recursive: true, force: true })
    mkdirSync(this.#consoleFolder, { mode: 0o700 })
  }

  get processes(): IterableIterator<SupervisedProcess> {
    return this.#processes.values()
  }

  /** Takes over what is on disk, for {@link resume}, with what outlived the earlier shim or image, by {@link keyOf}. */
  recover(inherited: ReadonlyMap<string, Inherited>): void {
    const { transit, store, journal } = this.#options
    const unfinished = transit.unfinished()
    const records = [...recordsIn(this.#tasksFolder)]
    const known = new Set(records.map(({ record }) => keyOf(record.id, record.execId)))
    const stored = store.recover((key) => (!known.has(key) ? "close" : inherited.has(key) ? "leave" : "copy"))
    for (const { folder, record } of records) {
      const key = keyOf(record.id, record.execId)
      if (record.phase === "starting") {
        killHalfStarted(record, journal)
        folder.remove()
        continue
      }
      try {
        const outlived = stored.get(key)
        const process = this.#supervise(folder, record, unfinished?.key === key ? unfinished : undefined)
        process.adopt(inherited.get(key) ?? (outlived && { descriptors: outlived, isPartial: true }))
        if (!store.has(key)) store.keep(key, process.storable())
      } catch (error) {
        journal(`cannot take over ${key}: ${(error as Error).message}`)
      }
    }
    transit.end()
  }

  /** Goes on with what was taken over, when clients are attached again. */
  resume(): void {
    for (const process of [...this.#processes.values()]) process.resume()
  }

  /** A process. @throws notFound */
  get(id: string, execId?: string): SupervisedProcess {
    const process = this.#processes.get(keyOf(id, execId))
    if (!process || process.record.forgotten)
      throw new Failure("notFound", `the shim knows no process ${keyOf(id, execId)}`)
    return process
  }

  async tasks(): Promise<readonly TaskState[]> {
    await this.#options.guardedStarts.over()
    const known = [...this.#processes.values()].filter((each) => !each.record.forgotten)
    const inContainers = known.filter(({ record }) => record.execId !== undefined)
    const execs = Map.groupBy(inContainers, ({ record }) => record.id)
    return known
      .filter((each) => each.record.execId === undefined)
      .map(({ record, exit }) => ({
        id: record.id,
        pid: record.pid ?? 0,
        startedAt: record.startedAt ?? "0",
        started: record.phase === "running",
        fed: record.fed ?? false,
        io: record.io,
        log: record.log,
        ...(exit ? { exit } : {}),
        execs: (execs.get(record.id) ?? []).map((each) => ({
          execId: each.record.execId!,
          pid: each.record.pid ?? 0,
          ...(each.exit ? { exit: each.exit } : {}),
        })),
      }))
  }

  open(id: string, io: IoConfig, log: LogConfig, execId?: string): void {
    if (execId !== undefined) this.get(id)
    if (this.#processes.has(keyOf(id, execId))) {
      throw new Failure("alreadyExists", `process ${keyOf(id, execId)} is known already; forget it first`)
    }
    const folder = recordFolder(this.#tasksFolder, id, execId)
    folder.create()
    try {
      const record: ProcessRecord = { id, ...(execId === undefined ? {} : { execId }), io, log, phase: "opened" }
      folder.writeProcess(record)
      this.#supervise(folder, record)
    } catch (error) {
      this.#discard(id, execId)
      folder.remove()
      throw error
    }
  }

  async launch(
    request: RunRequest | RestoreRequest,
    verb: "run" | "create" | "restore",
    span: Span,
  ): Promise<{ readonly pid: number }> {
    this.#openUnlessOpened(request.id, request.io, request.log)
    const { id, bundle, runtime, stateRoot, cgroup, oomFile, carriedMounts, guard } = request
    const driver = this.#options.driver(runtime)
    const process = this.get(id)
    const known = { runtime, stateRoot, bundle, ...(oomFile ? { oomFile } : {}) }
    mkdirSync(stateRoot, { recursive: true, mode: 0o700 })
    const start: Launch = async (launch) => {
      const all = { id, bundle, stateRoot, cgroup, ...(carriedMounts ? { carriedMounts } : {}), ...launch }
      const restoring = () => driver.restore({ ...all, ...(request as RestoreRequest).checkpoint })
      return { pid: await (verb === "restore" ? restoring() : driver[verb](all)) }
    }
    const guarded: Launch = (launch) => this.#options.guardedStarts.run(id, guard, launch, start)
    return await this.#start(process, known, span, verb === "create" ? "created" : "running", guarded)
  }

  async checkpoint(order: CheckpointOrder, span: Span): Promise<void> {
    const process = this.get(order.id)
    const { runtime, stateRoot } = process.record
    if (!runtime || !stateRoot || process.exit) throw new Failure("conflict", `task ${order.id} does not run`)
    if (this.#checkpointing.has(order.id)) throw new Failure("conflict", `a checkpoint of ${order.id} is being made`)
    this.#checkpointing.add(order.id)
    try {
      await writeCheckpoint(this.#options.driver(runtime), process.record, stateRoot, order, span)
    } finally {
      this.#checkpointing.delete(order.id)
      this.#sweepSoon()
    }
  }

  async start(id: string, span: Span): Promise<void> {
    const process = this.get(id)
    const { runtime, stateRoot, phase } = process.record
    if (phase !== "created" || !runtime || !stateRoot)
      throw new Failure("conflict", `task ${id} does not wait for its start`)
    await this.#options.driver(runtime).start({ id, stateRoot, span })
    process.update({ phase: "running" })
  }

  async exec(request: ExecStart, span: Span): Promise<{ readonly pid: number }> {
    const { id, execId, runtime, stateRoot, processFile, cgroup } = request
    const container = this.get(id)
    const { oomFile } = container.record
    this.#openUnlessOpened(id, request.io, noLog, execId)
    const driver = this.#options.driver(runtime)
    const process = this.get(id, execId)
    const { consoleSize } = process.record.io
    const size = consoleSize ? { consoleSize } : {}
    return await this.#start(process, oomFile ? { oomFile } : {}, span, "running", (launch) =>
      driver.exec({ id, execId, stateRoot, processFile, cgroup, ...size, ...launch, ...container.enterable(request) }),
    )
  }

  attach(connection: Connection, options: AttachOptions, accepted: (position: LogPosition) => void): void {
    this.get(options.id, options.execId).io.attach(connection, options, accepted)
  }

  /** @throws conflict while it runs */
  forget(id: string, execId?: string): void {
    const process = this.get(id, execId)
    if (process.record.pid !== undefined && !process.exit) {
      throw new Failure("conflict", `process ${keyOf(id, execId)} runs; end it first`)
    }
    if (execId !== undefined && process.record.pid !== undefined && !process.io.isOver) {
      // Processes that it left behind may still write: its clients see that until its lingering is over; then it is dropped.
      process.update({ forgotten: true })
      return
    }
    process.io.endAttachments()
    this.#discard(id, execId)
    if (execId !== undefined) return
    for (const each of [...this.#processes.values()]) {
      if (each.record.id === id) this.#discard(id, each.record.execId)
    }
    recordFolder(this.#tasksFolder, id).remove()
  }

  /**
   * Throws the status of ended children away that belong to nobody: what hooks and runtimes leave behind. An init cannot end
   * before such a one of its PID namespace is reaped. A child that was seen twice and cannot be that of a launch is one. Call
   * now and then; launches call it too.
   */
  sweepOrphans(): void {
    // One that ended before its runtime did is told by then, and becomes a child of ours only as a zombie.
    const awaited = [...this.#processes.values()].filter((each) => !each.exit)
    const supervised = new Set(awaited.map((each) => each.record.pid))
    // Launches are asked after the children are listed: what a launch leaves from then on is not among them.
    const strays = endedChildren(supervised).filter((pid) => !this.#launches.mayHaveLeft(pid))
    for (const pid of strays) if (this.#suspects.has(pid)) discardChild(pid)
    this.#suspects = new Set(strays.filter((pid) => !this.#suspects.has(pid)))
    if (this.#suspects.size > 0) this.#sweepSoon()
  }

  /** Closes logs that nothing was written to since the last call: a descriptor less for every quiet container. */
  restLogs(): void {
    for (const process of this.#processes.values()) process.io.log.rest()
  }

  #sweepSoon(): void {
    this.#sweep ??= setTimeout(() => {
      this.#sweep = undefined
      this.sweepOrphans()
    }, orphanAge)
  }

  /** Whether something runs. */
  get isBusy(): boolean {
    return [...this.#processes.values()].some((each) => each.record.pid !== undefined && !each.exit)
  }

  #openUnlessOpened(id: string, io: IoConfig, log: LogConfig, execId?: string): void {
    const opened = this.#processes.get(keyOf(id, execId))
    if (!opened) this.open(id, io, log, execId)
    else if (opened.record.phase !== "opened") {
      throw new Failure("alreadyExists", `process ${keyOf(id, execId)} has been started already`)
    }
  }

  /** Starts what is opened. On failure everything of it is closed, and attached clients see the end. */
  async #start(
    process: SupervisedProcess,
    known: Parameters<SupervisedProcess["starting"]>[0],
    span: Span,
    phase: "running" | "created",
    launch: Launch,
  ): Promise<Started> {
    const { id, execId, io } = process.record
    const launching = this.#launches.begin()
    try {
      requireDescriptors("the shim", descriptorsOfStart)
      using terminal = io.terminal ? new ConsoleSocket(this.#consoleFolder) : undefined
      const { stdio, release } = process.io.openForProcess()
      let started: Started
      try {
        process.starting(known)
        started = await launch({
          stdio,
          span,
          programStarted: launching.started,
          ...(terminal ? { consoleSocket: terminal.path } : {}),
        })
      } finally {
        release()
      }
      const { pid } = started
      if (terminal) process.io.openTerminal(started.terminal ?? terminal.take())
      this.#traceFirstOutput(process, span)
      process.running(pid, phase)
      this.#keep(process)
      return { pid }
    } catch (error) {
      this.#discard(id, execId)
      process.folder.remove()
      throw error
    } finally {
      launching[Symbol.dispose]()
      this.#sweepSoon()
    }
  }

  /** Lets others hold a process's descriptors, for the case that this program is killed. */
  #keep(process: SupervisedProcess): void {
    const { id, execId } = process.record
    this.#options.store.keep(keyOf(id, execId), process.storable())
    this.#options.keep(process)
  }

  #traceFirstOutput(process: SupervisedProcess, parent: Span): void {
    const spans: SpanRecord[] = []
    const span = Span.root((record) => spans.push(record), "shim", "first output", parent.traceparent)
    const { id, execId } = process.record
    process.onFirstOutput = () => {
      span.end()
      this.#options.tell({ type: "spans", id, ...(execId === undefined ? {} : { execId }), spans })
    }
  }

  #supervise(folder: RecordFolder, record: ProcessRecord, unfinished?: UnfinishedStep): SupervisedProcess {
    const { id, execId } = record
    const who = execId === undefined ? { id } : { id, execId }
    const { tell, journal, reactor, transit } = this.#options
    const process: SupervisedProcess = new SupervisedProcess(
      { reactor, transit, nullDevices: this.#nullDevices },
      folder,
      record,
      {
        exit: (exit) => tell({ type: "exit", exit }),
        trouble: (trouble) => {
          journal(
            trouble.recovered
              ? `log ${record.log.path}: written again, ${trouble.lost} bytes were lost`
              : `log ${record.log.path}: ${trouble.why}; output is dropped until there is room`,
          )
          tell({ type: "log", id, ...trouble })
        },
        inputEnd: () => tell({ type: "release", ...who, names: ["stdin"] }),
        outputEnd: () => {
          if (process.record.forgotten) this.#discard(id, execId)
        },
      },
      unfinished,
    )
    this.#processes.set(keyOf(id, execId), process)
    return process
  }

  #discard(id: string, execId?: string): void {
    const process = this.#processes.get(keyOf(id, execId))
    if (!process) return
    this.#processes.delete(keyOf(id, execId))
    process.close()
    process.folder.remove()
    this.#options.store.release(keyOf(id, execId))
    this.#options.tell({ type: "release", id, ...(execId === undefined ? {} : { execId }) })
  }

  get #tasksFolder(): string {
    return join(this.#options.folder, "tasks")
  }

  get #consoleFolder(): string {
    return join(this.#options.folder, "c")
  }
}
