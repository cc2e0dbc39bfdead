import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Failure } from "../errors/failure.ts"
import type { RuntimeInfo } from "../runtime/contract.ts"
import type { ExitRecord, IoConfig, LogConfig } from "./contract.ts"
import type { PipeIdentities } from "./stdio-ends.ts"

/** What is on disk of a process, for the shim that comes after this one. */
export interface ProcessRecord {
  readonly id: string
  readonly execId?: string
  readonly io: IoConfig
  readonly log: LogConfig
  /** `opened`: stdio only · `starting`: the runtime is at work · `created`: waits for `start` · `running`: was started. */
  readonly phase: "opened" | "starting" | "created" | "running"
  readonly pid?: number
  /** Tells the process from a later one with the same PID. */
  readonly startTicks?: string
  /** Nanoseconds since the epoch. */
  readonly startedAt?: string
  /** A client has come with whom stdin ends. */
  readonly fed?: boolean
  readonly inputClosed?: boolean
  /** The pipes of stdio; none with a terminal. */
  readonly pipes?: PipeIdentities
  /** The boot in which it was started: {@link pipes} are others in the next one. */
  readonly boot?: string
  readonly runtime?: RuntimeInfo
  readonly stateRoot?: string
  readonly bundle?: string
  readonly oomFile?: string
  /** What `oomFile` counted at the start. */
  readonly oomBefore?: number
  /** Nobody asks for it any more, but somebody may still write to its outputs. */
  readonly forgotten?: boolean
}

/** The folder of one process below the shim's `tasks` folder. */
export class RecordFolder {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  create(): void {
    rmSync(this.path, { recursive: true, force: true })
    mkdirSync(this.path, { recursive: true, mode: 0o700 })
  }

  writeProcess(record: ProcessRecord): void {
    this.#write("process.json", record)
  }

  writeExit(exit: ExitRecord): void {
    this.#write("exit.json", exit)
  }

  /** @returns undefined when there is none: it was never opened */
  readProcess(): ProcessRecord | undefined {
    return this.#read("process.json") as ProcessRecord | undefined
  }

  readExit(): ExitRecord | undefined {
    return this.#read("exit.json") as ExitRecord | undefined
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }

  #write(name: string, value: unknown): void {
    const path = join(this.path, name)
    writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }

  #read(name: string): unknown {
    try {
      return JSON.parse(readFileSync(join(this.path, name), "utf8"))
    } catch {
      return undefined
    }
  }
}

/** Identifiers become names of files. @throws invalidArgument */
export function checkedName(id: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,200}$/.test(id)) {
    throw new Failure("invalidArgument", `"${id}" cannot be the identifier of a process`)
  }
  return id
}

/** Where a process's record is. */
export const recordFolder = (tasks: string, id: string, execId?: string): RecordFolder =>
  new RecordFolder(
    execId === undefined ? join(tasks, checkedName(id)) : join(tasks, checkedName(id), "execs", checkedName(execId)),
  )

/** Every process that has a record, a task before its execs. */
export function* recordsIn(tasks: string): Generator<{ folder: RecordFolder; record: ProcessRecord }> {
  for (const id of namesIn(tasks)) {
    const folder = new RecordFolder(join(tasks, id))
    const record = folder.readProcess()
    if (!record) {
      folder.remove()
      continue
    }
    yield { folder, record }
    for (const execId of namesIn(join(folder.path, "execs"))) {
      const execFolder = new RecordFolder(join(folder.path, "execs", execId))
      const exec = execFolder.readProcess()
      if (exec) yield { folder: execFolder, record: exec }
      else execFolder.remove()
    }
  }
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/** One name for both kinds of process. */
export const keyOf = (id: string, execId?: string): string => (execId === undefined ? id : `${id}/${execId}`)
