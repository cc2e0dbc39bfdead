import { wrapAfter } from "../cli/flags/wrap.ts"
import { type DaemonFlag, daemonFlags } from "./flag-table.ts"

const words = { bool: "", text: " string", int: " int", list: " list" } as const

/**
 * The help text of the daemon: what each flag does and is without being given, then those that dockerd has and that change nothing here.
 * @param program how the daemon was called: `barge daemon` or `dockerd`
 * @param columns the width of the terminal
 */
export function daemonHelp(program: string, columns: number): string {
  const flags = Object.entries(daemonFlags)
    .filter(([, { refused, withoutEffect }]) => !refused && !withoutEffect)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, flag]) => [head(name, flag), described(flag)] as const)
  const width = Math.max(...flags.map(([left]) => left.length)) + 3
  const lines = flags.map(([left, right]) => left.padEnd(width) + wrapAfter(width, columns - 1, right))
  const idle = Object.entries(daemonFlags)
    .filter(([, { withoutEffect }]) => withoutEffect)
    .map(([name]) => `--${name}`)
  return `Usage:  ${program} [OPTIONS]

The engine: containers, images, networks and volumes behind Docker's REST API.
Options may also stand in the configuration file, which is JSON, by these names;
lists have a plural there, as dockerd's have (hosts, labels, registry-mirrors).

Options:
${lines.join("\n")}

Taken from dockerd's command lines, and without effect here (the log says why):
  ${wrapAfter(2, columns - 1, idle.join(" "))}
`
}

const head = (name: string, { short, kind }: DaemonFlag): string =>
  `${short ? `  -${short}, ` : "      "}--${name}${words[kind]}`

const described = (flag: DaemonFlag): string => flag.help + (flag.default ? ` (default ${flag.default})` : "")
