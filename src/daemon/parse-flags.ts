import { parseArgs } from "node:util"
import { Failure, messageOf } from "../errors/failure.ts"
import { parseBool, parseInteger } from "../std/strconv.ts"
import { daemonFlags, type FlagValue } from "./flag-table.ts"

/**
 * Parses dockerd's command line.
 * @param program how the daemon was called: `barge daemon` or `dockerd`
 * @throws invalidArgument in dockerd's words
 */
export function parseDaemonFlags(args: readonly string[], program: string): Map<string, FlagValue> {
  const seeHelp = `\nSee '${program} --help'.`
  const read = <T>(name: string, value: string, parse: (text: string) => T): T => {
    try {
      return parse(value)
    } catch (error) {
      const what = `invalid argument "${value}" for "--${name}" flag`
      throw new Failure("invalidArgument", `${what}: ${messageOf(error)}${seeHelp}`, error)
    }
  }
  const shorts = new Map(
    Object.entries(daemonFlags).flatMap(([name, flag]) => (flag.short ? [[flag.short, name]] : [])),
  )
  const options = Object.fromEntries(
    Object.entries(daemonFlags).map(([name, flag]) => [
      name,
      { type: flag.kind === "bool" ? "boolean" : "string", ...(flag.short ? { short: flag.short } : {}) } as const,
    ]),
  )
  // `--flag=true` for booleans is Go's way; node's parser refuses it.
  const plain = args.flatMap((arg) => {
    const match = /^--([\w-]+)=(.*)$/s.exec(arg)
    if (!match || daemonFlags[match[1]!]?.kind !== "bool") return [arg]
    return read(match[1]!, match[2]!, parseBool) ? [`--${match[1]}`] : [`--no-${match[1]}`]
  })
  const values = new Map<string, FlagValue>()
  const { tokens } = parseArgs({ args: plain, options, strict: false, allowPositionals: true, tokens: true })
  for (const token of tokens) {
    if (token.kind === "positional") {
      throw new Failure(
        "invalidArgument",
        `"${program}" accepts no arguments.${seeHelp}\n\nUsage:  ${program} [OPTIONS]`,
      )
    }
    if (token.kind !== "option") continue
    const negated = token.name.startsWith("no-") && daemonFlags[token.name.slice(3)]?.kind === "bool"
    const name = negated ? token.name.slice(3) : (shorts.get(token.name) ?? token.name)
    const flag = daemonFlags[name]
    if (!flag) {
      throw new Failure(
        "invalidArgument",
        token.rawName.startsWith("--")
          ? `unknown flag: ${token.rawName}${seeHelp}`
          : `unknown shorthand flag: '${token.name}' in ${token.rawName}${seeHelp}`,
      )
    }
    if (flag.kind === "bool") {
      values.set(name, !negated)
      continue
    }
    // `-H=ADDR` is Go's way too; node's parser takes the sign for a part of the value.
    const short = token.inlineValue && !token.rawName.startsWith("--")
    const value = short ? token.value.replace(/^=/, "") : token.value
    if (value === undefined) throw new Failure("invalidArgument", `flag needs an argument: --${name}${seeHelp}`)
    if (flag.kind === "int") {
      values.set(name, Number(read(name, value, (text) => parseInteger(text, 64, true))))
    } else if (flag.kind === "list") {
      values.set(name, [...((values.get(name) as readonly string[] | undefined) ?? []), value])
    } else values.set(name, value)
  }
  return values
}
