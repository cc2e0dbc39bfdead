import type { Docker } from "../client/docker.ts"
import type { Span, SpanRecord } from "../trace/span.ts"
import type { ClientConfig } from "./client-config.ts"
import type { Contexts } from "./context/contexts.ts"
import type { Flags, Values } from "./flags/flag.ts"
import type { Output } from "./streams.ts"

/** What a command gets to work with. */
export interface Invocation<F extends Flags = Flags> {
  readonly args: readonly string[]
  readonly flags: Values<F>
  /** Names of the flags that were given. */
  readonly given: ReadonlySet<string>
  /** The daemon. Nothing is connected before the first request. @throws Exit when flags or environment name none rightly */
  readonly docker: Docker
  readonly contexts: Contexts
  readonly globals: { readonly debug: boolean }
  readonly out: Output
  readonly err: Output
  /** How the program was called: `barge` or `docker`. */
  readonly program: string
  /** How the command was called: `docker container run`. */
  readonly path: string
  /** The user's client configuration (config.json). */
  readonly config: ClientConfig
  /** Starts recording the way of this command: its requests carry `traceparent` from now on. */
  readonly trace: () => Span
  /** The steps of this program that {@link trace} has recorded so far. */
  readonly recorded: () => readonly SpanRecord[]
}

/** A rule for the number of arguments. @returns the sentence that follows "'docker x'", or undefined when it fits */
export interface ArgsRule {
  (count: number): string | undefined
  /** Whether the error points to the manual with "See" (at-least rules do) or with "Run". */
  readonly see?: boolean
}

/** One command: a table entry with one verb. */
export interface Command {
  /** `stop [OPTIONS] CONTAINER [CONTAINER...]`; the first word stands for the path it is called by. */
  readonly use: string
  readonly args: ArgsRule
  readonly flags: Flags
  /** Whether flags may follow arguments; not for commands that take another command line. Default true. */
  readonly interspersed?: boolean
  /** What completes an argument, for shell completion; a list tells it for each. */
  readonly complete?: Completion | readonly Completion[]
  /** Runs it. @returns the exit code, 0 when nothing is returned */
  run(invocation: Invocation): Promise<number>
}

/** What an argument names. */
export type Completion =
  | "containers"
  | "runningContainers"
  | "stoppedContainers"
  | "images"
  | "volumes"
  | "networks"
  | "contexts"
  | "plugins"
  | "variables"

interface Definition<F extends Flags> extends Omit<Command, "flags" | "run"> {
  readonly flags: F
  // biome-ignore lint/suspicious/noConfusingVoidType: most commands return nothing
  run(invocation: Invocation<F>): Promise<number | undefined | void>
}

/** Defines a command; its flags' types reach `run`. */
export function command<F extends Flags>(definition: Definition<F>): Command {
  return {
    ...definition,
    run: async (invocation) => (await definition.run(invocation as Invocation<F>)) ?? 0,
  }
}

const plural = (count: number) => (count === 1 ? "argument" : "arguments")

export const noArgs: ArgsRule = (count) => (count === 0 ? undefined : "accepts no arguments")
export const anyArgs: ArgsRule = () => undefined
export const exactly =
  (wanted: number): ArgsRule =>
  (count) =>
    count === wanted ? undefined : `requires ${wanted} ${plural(wanted)}`
export const atLeast = (wanted: number): ArgsRule =>
  Object.assign((count: number) => (count >= wanted ? undefined : `requires at least ${wanted} ${plural(wanted)}`), {
    see: true,
  })
export const between =
  (low: number, high: number): ArgsRule =>
  (count) =>
    count >= low && count <= high ? undefined : `requires at least ${low} and at most ${high} ${plural(high)}`
export const atMost =
  (high: number): ArgsRule =>
  (count) =>
    count <= high ? undefined : `requires at most ${high} ${plural(high)}`

/** Ends the command with this exit code; the message, unless empty, goes to stderr as it is. */
export class Exit extends Error {
  override readonly name = "Exit"
  readonly code: number
  constructor(code: number, message = "") {
    super(message)
    this.code = code
  }
}
