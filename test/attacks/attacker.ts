import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import type { Outcome, TestDaemon } from "../fixtures/daemon.ts"

/** What Bun needs of the host to run in a container. */
const libraries = ["/lib", "/lib64", "/usr/lib"].flatMap((path) => ["-v", `${path}:${path}:ro`])

let next = 0

export interface Attack {
  /** A file of this folder. Default: tracer.ts. */
  readonly program?: string
  /** Flags of `docker run`. Default: CAP_SYS_PTRACE. */
  readonly flags?: readonly string[]
}

/** The right to trace every process of a PID namespace. */
export const mayTrace = ["--cap-add", "SYS_PTRACE"] as const

/** A container that runs an attacking program of this folder, with nothing beyond the defaults but its flags. */
export class Attacker implements AsyncDisposable {
  readonly name = `attacker${next++}`
  /** The processes that it has seen without keeping them. */
  readonly seen: number[] = []
  /** How many of those that it kept were released. */
  released = 0
  readonly #daemon: TestDaemon
  readonly #client: ChildProcess
  readonly #ended: Promise<unknown>
  readonly #kept: number[] = []
  #wake = Promise.withResolvers<void>()

  private constructor(daemon: TestDaemon, how: string, { program = "tracer.ts", flags = mayTrace }: Attack) {
    this.#daemon = daemon
    const mounts = [
      "-v",
      `${process.execPath}:/attack/bun:ro`,
      "-v",
      `${import.meta.dir}:/attack/files:ro`,
      ...libraries,
    ]
    const run = ["run", "-i", "--name", this.name, ...mounts, ...flags]
    const command = ["/attack/bun", `/attack/files/${program}`, how]
    const docker = ["-H", `unix://${daemon.socket}`, ...run, "busybox", ...command]
    this.#client = spawn("docker", docker, { stdio: ["pipe", "pipe", "inherit"] })
    this.#ended = once(this.#client, "close")
  }

  /** Starts one, and waits until it is ready. @param how the program's argument */
  static async start(daemon: TestDaemon, how: string, attack: Attack = {}): Promise<Attacker> {
    const attacker = new Attacker(daemon, how, attack)
    const lines = createInterface({ input: attacker.#client.stdout! })
    const ready = Promise.withResolvers<void>()
    lines.on("line", (line) => {
      const told = JSON.parse(line) as { ready?: true; seen?: number; kept?: number }
      if (told.ready) ready.resolve()
      if (told.seen) attacker.seen.push(told.seen)
      if (told.kept) attacker.#kept.push(told.kept)
      attacker.#wake.resolve()
      attacker.#wake = Promise.withResolvers()
    })
    lines.on("close", () => ready.reject(new Error(`the attacker ended:\n${daemon.log}`)))
    await ready.promise
    return attacker
  }

  /** The host's PID of its container's init. */
  async pid(): Promise<number> {
    return Number((await this.#daemon.docker("inspect", "-f", "{{.State.Pid}}", this.name)).stdout)
  }

  /** Whether it keeps a process now: its PID in the container. */
  get keeps(): number | undefined {
    return this.#kept[0]
  }

  /** Resolves when it has seen or kept another process. */
  get noticed(): Promise<void> {
    return this.#wake.promise
  }

  /** Has it go on with the process that it keeps. */
  release(): void {
    this.#kept.shift()
    this.released++
    this.#client.stdin!.write("\n")
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon.docker("rm", "-f", this.name)
    await this.#ended
  }
}

/**
 * Repeats `provoke` until the attacker keeps a process.
 * @returns the last one, with what it is going to be answered
 */
export async function untilKept(
  attacker: Attacker,
  provoke: () => Promise<Outcome>,
): Promise<{ readonly answer: Promise<Outcome> }> {
  for (;;) {
    const answer = provoke()
    let answered = false
    void answer.then(() => {
      answered = true
    })
    while (!answered && attacker.keeps === undefined) await Promise.race([answer, attacker.noticed])
    if (attacker.keeps !== undefined) return { answer }
  }
}
