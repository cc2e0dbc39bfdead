import { closeSync, existsSync, readFileSync } from "node:fs"
import { dirname } from "node:path"
import { Failure } from "../errors/failure.ts"
import { bootId } from "../linux/boot.ts"
import type { NullDevices } from "../linux/null-device.ts"
import { startTicks } from "../linux/pidfd.ts"
import type { Reactor } from "../linux/reactor.ts"
import type { ExecRequest } from "../runtime/contract.ts"
import { nowNanos } from "../std/clock.ts"
import type { ExecStart, ExitRecord, LogConfig } from "./contract.ts"
import type { NamedDescriptors } from "./descriptor-store.ts"
import { ExitWatch, pidfdOf } from "./exit-watch.ts"
import { LogFeed } from "./log-feed.ts"
import type { LogTrouble } from "./logs/writer.ts"
import { type IoDescriptors, ProcessIo } from "./process-io.ts"
import { keyOf, type ProcessRecord, type RecordFolder } from "./record.ts"
import { StdioEnds } from "./stdio-ends.ts"
import type { Transit, UnfinishedStep } from "./transit.ts"

/** After the end of a process its clients wait so long for others that still have its outputs open, in milliseconds. */
const lingering = 2000

export interface ProcessEvents {
  readonly exit: (exit: ExitRecord) => void
  readonly trouble: LogTrouble
  /** Nobody writes any more. */
  readonly outputEnd: () => void
  /** Stdin was closed for good. */
  readonly inputEnd: () => void
}

/** What all processes share, for as long as this program runs. */
export interface ProcessResources {
  readonly reactor: Reactor
  readonly nullDevices: NullDevices
  readonly transit: Transit
}

/** Descriptors that keep a process whole while no shim runs. */
export interface KeptDescriptors extends IoDescriptors {
  readonly pidfd?: number
}

/** What is left of a process from an earlier shim, or an earlier image of this one. */
export interface Inherited {
  /** All that were open; with `isPartial` some of them, and the others are looked for where the process has them. */
  readonly descriptors: KeptDescriptors
  readonly isPartial?: boolean
  /** What its stdin has not got yet; base64. */
  readonly input?: string
}

/** A process that is taken over may be one whose container has been removed with its folder: that is not made again. */
const logOf = ({ log, phase }: ProcessRecord): LogConfig =>
  phase === "opened" || existsSync(dirname(log.path)) ? log : { ...log, format: "none" }

/** One supervised process: init of a container, or an exec. Its record on disk is always ahead of what others are told. */
export class SupervisedProcess {
  readonly io: ProcessIo
  readonly folder: RecordFolder
  /** Called at the first byte of output. */
  onFirstOutput: (() => void) | undefined
  readonly #reactor: Reactor
  readonly #events: ProcessEvents
  readonly #ends: StdioEnds
  #record: ProcessRecord
  #exit: ExitRecord | undefined
  #watch: ExitWatch | undefined
  #linger: ReturnType<typeof setTimeout> | undefined

  constructor(
    { reactor, nullDevices, transit }: ProcessResources,
    folder: RecordFolder,
    record: ProcessRecord,
    events: ProcessEvents,
    unfinished?: UnfinishedStep,
  ) {
    this.#reactor = reactor
    this.folder = folder
    this.#record = record
    this.#events = events
    this.#ends = new StdioEnds({
      pid: record.pid,
      pipes: record.pipes ?? {},
      nullDevices: record.io.checkpointable ? undefined : nullDevices,
    })
    this.io = new ProcessIo({
      reactor,
      ends: this.#ends,
      io: record.io,
      log: new LogFeed({
        key: keyOf(record.id, record.execId),
        config: logOf(record),
        trouble: events.trouble,
        transit,
        folder: folder.path,
        unfinished,
      }),
      onFirstOutput: () => this.onFirstOutput?.(),
      onFeed: () => {
        if (!this.#record.fed) this.#note({ fed: true })
      },
      onInputEnd: () => {
        this.#note({ inputClosed: true })
        events.inputEnd()
      },
      onEnd: events.outputEnd,
    })
  }

  get record(): ProcessRecord {
    return this.#record
  }

  get exit(): ExitRecord | undefined {
    return this.#exit
  }

  /** Changes the record, on disk first. */
  update(change: Partial<ProcessRecord>): void {
    const record = { ...this.#record, ...change }
    this.folder.writeProcess(record)
    this.#record = record
  }

  /** Changes the record as far as there is room for it: it only matters if this program is killed. */
  #note(change: Partial<ProcessRecord>): void {
    try {
      this.update(change)
    } catch {
      this.#record = { ...this.#record, ...change }
    }
  }

  /** The process is about to be started, with its stdio open: what is started of it is known by that. */
  starting(change: Pick<ProcessRecord, "runtime" | "stateRoot" | "bundle" | "oomFile">): void {
    const { oomFile } = change
    this.update({
      ...change,
      phase: "starting",
      pipes: this.#ends.identities,
      boot: bootId(),
      ...(oomFile ? { oomBefore: oomKills(oomFile) } : {}),
    })
  }

  /** The runtime has started `pid`: from now on its output is read and its end awaited. */
  running(pid: number, phase: "created" | "running"): void {
    const pidfd = pidfdOf(pid, undefined)
    const ticks = startTicks(pid)
    const startedAt = nowNanos().toString()
    this.update({
      phase,
      pid,
      startedAt,
      ...(ticks ? { startTicks: ticks } : {}),
    })
    this.#await(pidfd)
    this.io.start()
  }

  /**
   * Takes a process over from an earlier shim, or an earlier image of this one. Nothing happens before {@link resume}.
   * @param inherited what was kept of it; without it everything is looked for where the process has it
   */
  adopt(inherited: Inherited | undefined): void {
    const kept = inherited?.descriptors
    const input = Buffer.from(inherited?.input ?? "", "base64")
    this.#exit = this.folder.readExit()
    const { pid, phase, startTicks: ticks, inputClosed } = this.#record
    if (phase === "opened") {
      if (input.length > 0) this.io.input?.write(input)
      return
    }
    this.io.adopt({
      given: kept,
      isComplete: kept !== undefined && !inherited?.isPartial,
      inputClosed: inputClosed ?? false,
      input,
    })
    if (!this.#exit) this.#await(kept?.pidfd ?? pidfdOf(pid!, ticks))
    else if (kept?.pidfd !== undefined) closeSync(kept.pidfd)
  }

  /** Goes on with an adopted process, when its clients are attached again. */
  resume(): void {
    if (this.#record.phase === "opened") return
    this.io.start()
    if (!this.#exit) return
    this.io.processEnded()
    this.#lingerThenEnd()
  }

  /** @throws notFound when it has ended */
  kill(signal: number): void {
    if (!this.#watch) throw new Failure("notFound", `process of ${this.#record.id} is not running`)
    try {
      this.#watch.signal(signal)
    } catch (error) {
      if ((error as { code?: string }).code !== "ESRCH") throw error
      throw new Failure("notFound", `process of ${this.#record.id} has ended`)
    }
  }

  /** What lets a driver enter the container of this init by itself: nothing unless it runs. */
  enterable({ cgroupFiles }: Pick<ExecStart, "cgroupFiles">): Pick<ExecRequest, "init"> {
    const { pid, bundle } = this.#record
    if (pid === undefined || bundle === undefined || !this.#watch) return {}
    return { init: { pid, pidfd: this.#watch.descriptor, bundle, cgroupFiles } }
  }

  /** Our descriptors; they stay ours. */
  descriptors(): KeptDescriptors {
    return { ...this.io.descriptors(), ...(this.#watch ? { pidfd: this.#watch.descriptor } : {}) }
  }

  /** Those that others may keep for us. An input whose end was asked for would not end while they have a copy of it. */
  keepable(): KeptDescriptors {
    const { stdin, ...others } = this.descriptors()
    return stdin === undefined || this.#record.inputClosed ? others : { stdin, ...others }
  }

  /** Those that outlive shim and daemon. Stdin is not among them: it would never end. */
  storable(): NamedDescriptors {
    const { stdout, stderr, pidfd } = this.descriptors()
    const named = { stdout, stderr, pidfd }
    return Object.fromEntries(Object.entries(named).filter((each): each is [string, number] => each[1] !== undefined))
  }

  /** Lets go of everything here. The record stays. */
  close(): void {
    clearTimeout(this.#linger)
    this.#watch?.close()
    this.#watch = undefined
    this.io.close()
  }

  #await(pidfd: number | undefined): void {
    if (pidfd === undefined) {
      // It ended before anybody looked, and was not our child.
      setImmediate(() => this.#ended(undefined))
      return
    }
    this.#watch = new ExitWatch(this.#reactor, this.#record.pid!, pidfd, (code) => this.#ended(code))
  }

  #ended(code: number | undefined): void {
    this.#watch = undefined
    const { id, execId, pid, oomFile, oomBefore } = this.#record
    this.#exit = {
      id,
      ...(execId === undefined ? {} : { execId }),
      pid: pid!,
      ...(code === undefined ? {} : { code }),
      at: nowNanos().toString(),
      oomKilled: oomFile !== undefined && oomKills(oomFile) > (oomBefore ?? 0),
    }
    this.io.processEnded()
    try {
      this.folder.writeExit(this.#exit)
    } finally {
      // Also when there is no room for the record: who waits is told as long as this program runs.
      this.#events.exit(this.#exit)
      this.#lingerThenEnd()
    }
  }

  #lingerThenEnd(): void {
    this.#linger = setTimeout(() => this.io.endAttachments(), lingering)
    this.#linger.unref()
  }
}

/** The count of OOM kills in a `memory.oom_control` (v1) or `memory.events` (v2); 0 when it cannot be read. */
function oomKills(file: string): number {
  try {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync(file, "utf8"))?.[1] ?? 0)
  } catch {
    return 0
  }
}
