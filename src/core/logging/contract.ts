import type { LogLine } from "../../logs/line-splitter.ts"

/** Where lines go that leave this host, or its files. */
export interface LogDestination {
  /**
   * Sends lines in order; resolves when they are handed over as far as the protocol can tell. After a failure all of them
   * may be sent again.
   */
  send(lines: readonly LogLine[]): Promise<void>
  /** Ends what is under way, too, soon. Idempotent. */
  close(): Promise<void>
}

/** What messages say about their container. */
export interface LogSubject {
  readonly id: string
  readonly name: string
  readonly imageId: string
  readonly imageName: string
  /** RFC 3339. */
  readonly created: string
  readonly command: string
  /** The `tag` option, filled in. */
  readonly tag: string
  /** Labels and variables that the options chose. */
  readonly extra: Readonly<Record<string, string>>
}

/** A line without the newline that ends it. */
export const textOf = ({ bytes }: LogLine): Buffer => (bytes.at(-1) === 10 ? bytes.subarray(0, -1) : bytes)
