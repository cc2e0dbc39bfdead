import { dockerRelease } from "../api/docker-release.ts"
import type { Docker } from "../client/docker.ts"
import { messageOf } from "../errors/failure.ts"
import { build } from "../std/build.ts"
import type { SpanRecord } from "../trace/span.ts"
import { Span } from "../trace/span.ts"
import { adviceInstead } from "./absent.ts"
import { ClientConfig } from "./client-config.ts"
import { type Command, Exit, type Invocation } from "./command.ts"
import { surroundings } from "./connect.ts"
import { checkExperimental, experimentalParts } from "./experimental.ts"
import type { Values } from "./flags/flag.ts"
import { FlagError, type Parsed, parseFlags } from "./flags/parse.ts"
import { globalFlags } from "./global-flags.ts"
import { commandHelp, groupHelp, groupUsage, rootHelp, usageLine } from "./help.ts"
import { Output } from "./streams.ts"
import type { Entry, Group } from "./table/entry.ts"
import { find } from "./table/root.ts"

const failed = 1
/** The exit code of a command line that cannot be parsed, and of `run` when the daemon refuses. */
const refused = 125

/**
 * The command line.
 * @param args the words after the program's name
 * @param how.name the name the program was called by; help and errors use it
 * @returns the exit code; everything printed has been handed to the system
 */
export async function cli(args: readonly string[], how: { readonly name: string }): Promise<number> {
  const out = new Output(1)
  const err = new Output(2)
  try {
    return await dispatch(args, how.name, out, err)
  } catch (error) {
    if (error instanceof Exit) {
      if (error.message) err.line(error.message)
      return error.code
    }
    err.line(messageOf(error))
    return failed
  }
}

async function dispatch(args: readonly string[], program: string, out: Output, err: Output): Promise<number> {
  const flags = globalFlags()
  let globals: Parsed<typeof flags>
  try {
    globals = parseFlags(flags, args, false)
  } catch (error) {
    if (!(error instanceof FlagError)) throw error
    err.line(
      `${error.message}\n\nUsage:  ${program} [OPTIONS] COMMAND [ARG...]\n\nRun '${program} --help' for more information`,
    )
    return refused
  }
  if (globals.values.version) {
    out.line(versionLine(program))
    return 0
  }
  const wantsHelp = globals.help || globals.args[0] === "help"
  const words = globals.args[0] === "help" ? globals.args.slice(1) : globals.args
  const { group, entry, words: path } = find(words)
  const columns = out.columns ?? 80
  const experimental = group?.experimental ?? false
  if (!entry) {
    const unknown = words[path.length]
    const instead = adviceInstead(words, program)
    if (instead && !globals.help) throw new Exit(failed, instead)
    if (!group && (unknown === undefined || (wantsHelp && globals.args[0] !== "help"))) {
      out.write(rootHelp(program, flags, columns))
      return 0
    }
    if (!group && wantsHelp) throw new Exit(failed, `unknown help topic: ${words.join(" ")}`)
    if (!group)
      throw new Exit(
        failed,
        `${program}: unknown command: ${program} ${unknown}\n\nRun '${program} --help' for more information`,
      )
    if (experimental && !wantsHelp) {
      const config = new ClientConfig(globals.values.config, (message) => err.line(message))
      await checkExperimental([`${program} ${group.name}`], { program, globals: globals.values, config })
    }
    return groupWithoutCommand(program, group, wantsHelp ? ["--help"] : words.slice(1), { out, err })
  }
  const full = [program, ...path].join(" ")
  const command = await entry.load()
  if (wantsHelp) {
    out.write(commandHelp(program, full, entry, command, columns))
    return 0
  }
  const surrounding = { program, globals: globals.values, experimental, out, err }
  return runCommand(command, entry, full, words.slice(path.length), surrounding)
}

/** Help that nobody asked for goes to standard error. */
function groupWithoutCommand(
  program: string,
  group: Group,
  rest: readonly string[],
  { out, err }: { readonly out: Output; readonly err: Output },
): number {
  const usage = groupUsage(program, group)
  let help: boolean
  try {
    const parsed = parseFlags({}, rest)
    help = parsed.help
    if (parsed.args.length > 0 && !help)
      throw new Exit(failed, `${program}: unknown command: ${program} ${group.name} ${parsed.args[0]}\n\n${usage}`)
  } catch (error) {
    if (error instanceof FlagError) throw new Exit(refused, `${error.message}\n\n${usage}`)
    throw error
  }
  ;(help ? out : err).write(groupHelp(program, group))
  return 0
}

interface Surroundings {
  readonly program: string
  /** The command is for daemons with experimental features. */
  readonly experimental: boolean
  readonly globals: Values<ReturnType<typeof globalFlags>>
  readonly out: Output
  readonly err: Output
}

async function runCommand(
  command: Command,
  entry: Entry,
  path: string,
  words: readonly string[],
  { program, globals, experimental, out, err }: Surroundings,
): Promise<number> {
  const usage = `Usage:  ${usageLine(path, command)}`
  let parsed: Parsed<Command["flags"]>
  try {
    parsed = parseFlags(command.flags, words, command.interspersed ?? true)
  } catch (error) {
    if (!(error instanceof FlagError)) throw error
    throw new Exit(refused, `${error.message}\n\n${usage}\n\nRun '${path} --help' for more information`)
  }
  if (parsed.help) {
    out.write(commandHelp(program, path, entry, command, out.columns ?? 80))
    return 0
  }
  const config = new ClientConfig(globals.config, (message) => err.line(message))
  const parts = experimentalParts(path, { experimental, flags: command.flags, given: parsed.given })
  await checkExperimental(parts, { program, globals, config })
  const misfit = command.args(parsed.args.length)
  if (misfit) {
    const verb = command.args.see ? "See" : "Run"
    throw new Exit(
      failed,
      `${program}: '${path}' ${misfit}\n\n${usage}\n\n${verb} '${path} --help' for more information`,
    )
  }
  const { contexts, connect } = surroundings({ program, globals, config })
  let docker: Docker | undefined
  const records: SpanRecord[] = []
  const invocation: Invocation = {
    args: parsed.args,
    flags: parsed.values,
    given: parsed.given,
    get docker() {
      docker ??= connect()
      return docker
    },
    contexts,
    globals,
    out,
    err,
    program,
    path,
    config,
    trace: () => {
      const span = Span.root((record) => records.push(record), "cli", path)
      invocation.docker.transport.trace = span
      return span
    },
    recorded: () => records,
  }
  try {
    return await command.run(invocation)
  } finally {
    docker?.close()
  }
}

function versionLine(program: string): string {
  const name = program === "docker" ? `Docker version ${dockerRelease}` : `Barge version ${build.version}`
  return `${name}, build ${build.commit}`
}
