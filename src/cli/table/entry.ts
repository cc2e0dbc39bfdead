import type { Command } from "../command.ts"

/** A command as help lists it. Its module is loaded only when it is called. */
export interface Entry {
  readonly name: string
  readonly short: string
  /** What the command's own help says instead of `short`. */
  readonly long?: (program: string) => string
  readonly load: () => Promise<Command>
  /** Further names within its group. */
  readonly aliases?: readonly string[]
  /** The same, but help does not tell. */
  readonly quietAliases?: readonly string[]
  /** The name it also has at top level: `ls` of `container` is `ps`. */
  readonly top?: string
  /** Works, but help does not list it. */
  readonly hidden?: boolean
}

/** A management command: `docker container …`. */
export interface Group {
  readonly name: string
  readonly short: string
  /** What errors show after the name; docker has it for few. */
  readonly usage?: "COMMAND"
  /** Where the root help lists it. */
  readonly section?: "Swarm Commands"
  /** Only for daemons with experimental features. */
  readonly experimental?: boolean
  /** Nothing of it works: it is there for scripts, which hear so in the daemon's words, and only docker's help lists it. */
  readonly unserved?: boolean
  readonly entries: readonly Entry[]
}
