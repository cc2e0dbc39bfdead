import type { Command } from "../command.ts"

/** A command as help lists it. Its module is loaded only when it is called. */
export interface Entry {
  readonly name: string
  readonly short: string
  readonly load: () => Promise<Command>
  /** Further names within its group. */
  readonly aliases?: readonly string[]
  /** The name it also has at top level: `ls` of `container` is `ps`. */
  readonly top?: string
  /** Works, but help does not list it. */
  readonly hidden?: boolean
}

/** A management command: `docker container …`. */
export interface Group {
  readonly name: string
  readonly short: string
  readonly entries: readonly Entry[]
}
