import type { Command } from "./command.ts"
import type { Flag, Flags } from "./flags/flag.ts"
import { wrapAfter } from "./flags/wrap.ts"
import { inOwnWords } from "./own-words.ts"
import type { Entry, Group } from "./table/entry.ts"
import { pathsTo, rootSections } from "./table/root.ts"

/** `Usage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]` without the first word. */
export const usageLine = (path: string, command: Command): string =>
  `${path}${command.use.replace(/^\S+/, "").replace("\tdocker ", `\t${path.split(" ")[0]} `)}`

/** The usage of a management command in errors: it has no verbs. */
export const groupUsage = (program: string, group: Group): string =>
  `Usage:  ${[program, group.name, ...(group.usage ? [group.usage] : [])].join(" ")}\n\nRun '${program} ${group.name} --help' for more information`

/** The help of one command. @param columns the width of the terminal */
export function commandHelp(program: string, path: string, entry: Entry, command: Command, columns: number): string {
  const paths = pathsTo(entry).map((each) => `${program} ${each}`)
  const options = flagLines(command.flags, columns)
  const text = [
    `Usage:  ${usageLine(path, command)}\n\n${entry.long?.(program) ?? entry.short}\n`,
    ...(paths.length > 1 ? [`\nAliases:\n  ${paths.join(", ")}\n`] : []),
    ...(options ? [`\nOptions:\n${options}`] : []),
  ].join("")
  return inOwnWords(program, text)
}

/** The help of a management command. */
export function groupHelp(program: string, group: Group): string {
  const rows = group.entries.filter((each) => !each.hidden).map((each) => [each.name, each.short] as const)
  const sorted = rows.toSorted(([one], [other]) => (one < other ? -1 : 1))
  return inOwnWords(
    program,
    `Usage:  ${program} ${group.name} COMMAND\n\n${group.short}\n\nCommands:\n${commandLines(sorted)}\n` +
      `Run '${program} ${group.name} COMMAND --help' for more information on a command.\n`,
  )
}

/** The help of the program. */
export function rootHelp(program: string, globals: Flags, columns: number): string {
  const sections = rootSections(program).map(({ title, rows }) => `${title}:\n${commandLines(rows)}\n`)
  const about = program === "docker" ? "A self-sufficient runtime for containers" : "A complete container platform"
  return inOwnWords(
    program,
    `Usage:  ${program} [OPTIONS] COMMAND\n\n${about}\n\n${sections.join("")}` +
      (program === "docker" ? "" : `Servers:\n${commandLines(servers)}\n`) +
      "Global Options:\n" +
      `${flagLines(globals, columns)}\nRun '${program} COMMAND --help' for more information on a command.\n` +
      (program === "docker"
        ? "\nFor more help on how to use Docker, head to https://docs.docker.com/go/guides/\n"
        : ""),
  )
}

/** Processes of their own that the executable also is (`src/main.ts`). */
const servers = [
  ["daemon", "Run containers and serve Docker's API"],
  ["registry", "Serve an OCI registry"],
] as const

function commandLines(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(11, ...rows.map(([name]) => name.length))
  return rows.map(([name, short]) => `  ${name.padEnd(width)} ${short}\n`).join("")
}

/** The options of a command, one paragraph each, wrapped to the terminal. */
export function flagLines(flags: Flags, columns: number): string {
  const lines = Object.entries(flags)
    .filter(([, flag]) => !flag.hidden)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, flag]) => flagLine(name, flag))
  const widest = Math.max(0, ...lines.map(([left]) => left.length))
  return lines
    .map(([left, right]) => `${left.padEnd(widest + 3)}${wrapAfter(widest + 3, columns - 1, right)}\n`)
    .join("")
}

function flagLine(name: string, flag: Flag<unknown>): readonly [left: string, right: string] {
  const left = `${flag.short ? `  -${flag.short}, ` : "      "}--${name}${flag.type ? ` ${flag.type}` : ""}`
  return [left, flag.shownDefault === undefined ? flag.usage : `${flag.usage} (default ${flag.shownDefault})`]
}
