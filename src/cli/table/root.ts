import { builder } from "./builder.ts"
import { checkpoint } from "./checkpoint.ts"
import { container } from "./container.ts"
import { context } from "./context.ts"
import type { Entry, Group } from "./entry.ts"
import { image } from "./image.ts"
import { manifest } from "./manifest.ts"
import { network } from "./network.ts"
import { plugin } from "./plugin.ts"
import { swarm } from "./swarm.ts"
import { system } from "./system.ts"
import { volume } from "./volume.ts"

/** The management commands, by name. */
export const groups: readonly Group[] = [
  builder,
  checkpoint,
  container,
  context,
  image,
  manifest,
  network,
  plugin,
  swarm,
  system,
  volume,
]

/** Commands that exist at top level only. */
const topOnly: readonly Entry[] = [
  {
    name: "__complete",
    short: "Print what may stand where the cursor is",
    hidden: true,
    load: async () => (await import("../commands/complete.ts")).complete,
  },
  {
    name: "completion",
    short: "Print a shell's completion script (bash, fish or zsh)",
    load: async () => (await import("../commands/completion.ts")).completion,
  },
  {
    name: "inspect",
    short: "Return low-level information on Docker objects",
    load: async () => (await import("../commands/inspect.ts")).inspect,
  },
  {
    name: "login",
    short: "Authenticate to a registry",
    long: () => "Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.",
    load: async () => (await import("../commands/registry/login.ts")).login,
  },
  {
    name: "logout",
    short: "Log out from a registry",
    long: () => "Log out from a registry.\nIf no server is specified, the default is defined by the daemon.",
    load: async () => (await import("../commands/registry/logout.ts")).logout,
  },
  {
    name: "ports",
    short: "Show which ports of this host lead to containers, and who can reach them",
    load: async () => (await import("../commands/ports.ts")).ports,
  },
  {
    name: "search",
    short: "Search Docker Hub for images",
    load: async () => (await import("../commands/image/search.ts")).search,
  },
  {
    name: "trace",
    short: "Show where the time of a container's runs went, layer by layer",
    load: async () => (await import("../commands/trace.ts")).trace,
  },
  {
    name: "version",
    short: "Show the Docker version information",
    load: async () => (await import("../commands/version.ts")).version,
  },
]

/** What help lists first, in this order, of the commands that exist. */
const common = ["run", "exec", "ps", "build", "pull", "push", "images", "login", "logout", "search", "version", "info"]
const swarmSection = "Swarm Commands"

/** Where a command line leads. */
export interface Found {
  /** The group, when one was named. */
  readonly group?: Group
  readonly entry?: Entry
  /** The words that were consumed: `container`, `run`. */
  readonly words: readonly string[]
}

/** Follows the words of a command line through the table as far as they name something. */
export function find(words: readonly string[]): Found {
  const [first, second] = words
  if (first === undefined) return { words: [] }
  const group = groups.find((each) => each.name === first)
  if (group) {
    const entry = group.entries.find(
      (each) =>
        each.name === second || (second && [...(each.aliases ?? []), ...(each.quietAliases ?? [])].includes(second)),
    )
    return entry ? { group, entry, words: [first, entry.name] } : { group, words: [first] }
  }
  const entry = topOnly.find((each) => each.name === first) ?? topEntries().find((each) => each.top === first)
  return entry ? { entry, words: [first] } : { words: [] }
}

/** Every path that leads to `entry`, without the program's name, as help lists them. */
export function pathsTo(entry: Entry): readonly string[] {
  const group = groups.find((each) => each.entries.includes(entry))
  if (!group) return [entry.name]
  const within = [entry.name, ...(entry.aliases ?? [])].map((name) => `${group.name} ${name}`)
  return entry.top ? [...within, entry.top] : within
}

/** The groups that help and completion show to who calls the program so. */
export const shownGroups = (program: string): readonly Group[] =>
  groups.filter((each) => program === "docker" || !each.unserved)

/** The sections of the root help: title, then name and description of each command. */
export function rootSections(program: string): readonly {
  readonly title: string
  readonly rows: readonly (readonly [string, string])[]
}[] {
  const rows = [
    ...topOnly.filter((each) => !each.hidden).map((each) => [each.name, each.short] as const),
    ...topEntries().map((each) => [each.top!, each.short] as const),
  ].sort(([one], [other]) => (one < other ? -1 : 1))
  const named = (section?: string) =>
    shownGroups(program)
      .filter((each) => each.section === section)
      .map((each) => [each.name, each.short] as const)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
  return [
    { title: "Common Commands", rows: common.flatMap((name) => rows.filter((row) => row[0] === name)) },
    { title: "Management Commands", rows: named() },
    { title: swarmSection, rows: named(swarmSection) },
    { title: "Commands", rows: rows.filter(([name]) => !common.includes(name)) },
  ].filter((section) => section.rows.length > 0)
}

const topEntries = () => groups.flatMap((group) => group.entries.filter((entry) => entry.top))

/** Every name at top level but those of groups. */
export const topNames = (): readonly (readonly [name: string, entry: Entry])[] => [
  ...topOnly.map((entry) => [entry.name, entry] as const),
  ...topEntries().map((entry) => [entry.top!, entry] as const),
]
